"""What `slimwheel verify --against` runs, and how it is shown: loaded where it is asked for."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import click

from slimwheel.build.origin import origin_of
from slimwheel.fetch import IndexOptions, fetch
from slimwheel.report.findings import running_design
from slimwheel.report.progress import ProgressDisplay, StepsDisplay
from slimwheel.report.tables import console
from slimwheel.report.verification import running_tables
from slimwheel.verify.against import Options, RunningReport, verify_against
from slimwheel.verify.operator_levels import Level
from slimwheel.verify.pair import Source
from slimwheel.verify.siblings import with_siblings
from slimwheel.verify.smoke import python_version
from slimwheel.verify.verification import Verification
from slimwheel.wheelfile.names import WheelName


def with_running(result: Verification, options: dict[str, Any]) -> Verification:
    """Run a wheel beside its upstream, as the options say, and add what came of it."""
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


def show_running(running: RunningReport) -> None:
    """Print what was compared, what it cost, and what differs."""
    out = console()
    for table in running_tables(running):
        out.print()
        out.print(table)
    for difference in running.differences:
        click.echo(f"differs: {difference}")
    for record, reason in running_design(running).items():
        click.echo(f"differs by design: {record}: {reason}")
