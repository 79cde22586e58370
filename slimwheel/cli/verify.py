"""`slimwheel verify`: check a wheel, and run it beside its upstream.

Each part of the work is imported where it begins: `--help` needs none, and most wheels are not run.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from slimwheel.cli.options import FINDINGS, json_option
from slimwheel.errors import UsageError
from slimwheel.verify.findings import chosen_codes
from slimwheel.verify.operator_levels import Level

if TYPE_CHECKING:
    from slimwheel.verify.verification import Verification

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
    from slimwheel.verify.verification import verified

    codes = chosen_codes(options["select"], options["ignore"])
    if not wheel.is_file():
        raise UsageError("is not a file", file=wheel, hint="Name a wheel.")
    result = verified(wheel, codes)
    if options["against"]:
        from slimwheel.cli.against import with_running

        result = with_running(result, options)
    if html is not None:
        from slimwheel.report.html import write_page
        from slimwheel.report.verification import verification_page

        write_page(html, verification_page(result))
    if as_json:
        click.echo(json.dumps(result.to_json(), indent=1))
    else:
        _show(result)
    if not result.ok:
        sys.exit(FINDINGS)


def _show(result: "Verification") -> None:
    from slimwheel.report.findings import finding_lines, verdict

    for line in finding_lines(result):
        click.echo(line)
    if result.running is not None:
        from slimwheel.cli.against import show_running

        show_running(result.running)
    click.echo(verdict(result))
