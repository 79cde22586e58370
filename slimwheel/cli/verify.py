"""`slimwheel verify`: check a wheel, and run it beside its upstream."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast, get_args

import click

from slimwheel.build.origin import origin_of
from slimwheel.cli.options import FINDINGS, json_option
from slimwheel.errors import UsageError
from slimwheel.fetch import IndexOptions, fetch
from slimwheel.report.html import write_page
from slimwheel.report.progress import ProgressDisplay, StepsDisplay
from slimwheel.report.tables import console
from slimwheel.report.verification import (
    finding_lines,
    running_design,
    running_tables,
    verdict,
    verification_page,
)
from slimwheel.verify.against import Options, RunningReport, verify_against
from slimwheel.verify.findings import chosen_codes
from slimwheel.verify.operator_run import Level
from slimwheel.verify.pair import Source
from slimwheel.verify.siblings import with_siblings
from slimwheel.verify.smoke import python_version
from slimwheel.verify.verification import Verification, verified
from slimwheel.wheelfile.names import WheelName

_OPS = ("none", *get_args(Level))


@click.command("verify")
@click.argument("wheel", metavar="WHEEL", type=click.Path(path_type=Path))
@click.option(
    "--against",
    metavar="WHEEL-OR-REQUIREMENT",
    help="Upstream's wheel: both are installed in fresh environments, run, and compared.",
)
@click.option(
    "--python",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="The interpreter to run them with; without it one is found by the wheel's tag.",
)
@click.option(
    "--ops",
    type=click.Choice(_OPS),
    default="quick",
    show_default=True,
    help="How much of PyTorch's operator database to run.",
)
@click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N", help="Processes at a time; one per core."
)
@click.option("--select", multiple=True, metavar="CODE", help="Report only these. Repeatable.")
@click.option(
    "--ignore",
    multiple=True,
    metavar="CODE",
    help="Do not report these: SW220, or SW2 for all of a group. Repeatable.",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the report as a page for people.",
)
@click.option("--index-url", metavar="URL", help="Passed to the installer.")
@click.option("--extra-index-url", multiple=True, metavar="URL", help="Passed to the installer.")
@click.option("--find-links", multiple=True, metavar="PLACE", help="Passed to the installer.")
@click.option("--no-network", is_flag=True, help="Use no index.")
@json_option
def command(wheel: Path, html: Path | None, as_json: bool, **options: Any) -> None:
    """Check a wheel, slim or not; with --against, run it beside the one it was made from.

    Exits with 1 where something is wrong or differs. docs/findings.md explains every code.
    """
    codes = chosen_codes(options["select"], options["ignore"])
    if not wheel.is_file():
        raise UsageError("is not a file", file=wheel, hint="Name a wheel.")
    result = verified(wheel, codes)
    if options["against"]:
        result = _with_running(result, options)
    if html is not None:
        write_page(html, verification_page(result))
    if as_json:
        click.echo(json.dumps(result.to_json(), indent=1))
    else:
        _show(result)
    if not result.ok:
        sys.exit(FINDINGS)


def _with_running(result: Verification, options: dict[str, Any]) -> Verification:
    index = IndexOptions(
        index_url=options["index_url"],
        extra_index_url=tuple(options["extra_index_url"]),
        find_links=tuple(options["find_links"]),
    )
    places = [Path(place) for place in index.find_links if Path(place).is_dir()]
    wheels = with_siblings(result.path, places)
    name = WheelName.parse(result.path.name)
    origin = origin_of(result.path)
    with ProgressDisplay() as fetching:
        upstream = fetch(
            options["against"],
            python=python_version(name.tag) if name else None,
            platform=name.platforms[0] if name else None,
            index=index,
            network=not options["no_network"],
            cache_dir=None,
            progress=fetching.fetching(options["against"]),
        ).path
    running = Options(
        ops=None if options["ops"] == "none" else cast("Level", options["ops"]),
        jobs=options["jobs"],
        python=options["python"],
        source=Source(
            offline=options["no_network"],
            index_url=index.index_url,
            extra_index_urls=index.extra_index_url,
            find_links=index.find_links,
        ),
        expected=origin.differing() if origin else {},
    )
    with StepsDisplay() as steps:
        report: RunningReport = verify_against(wheels, upstream, running, steps.show)
    return replace(result, upstream=upstream, running=report)


def _show(result: Verification) -> None:
    for line in finding_lines(result):
        click.echo(line)
    if result.running is not None:
        out = console()
        for table in running_tables(result.running):
            out.print()
            out.print(table)
        for difference in result.running.differences:
            click.echo(f"differs: {difference}")
        for record, reason in running_design(result.running).items():
            click.echo(f"differs by design: {record}: {reason}")
    click.echo(verdict(result))
