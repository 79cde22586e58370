"""`slimwheel rebuild`: make a slim wheel again, and tell whether it is the same.

What builds is imported where that begins: `--help` needs none of it.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slimwheel.cli.collection import without_collection
from slimwheel.cli.options import FINDINGS, fetched, index_options, json_option
from slimwheel.errors import RemoteError
from slimwheel.report.progress import ProgressDisplay

if TYPE_CHECKING:
    from slimwheel.build.origin import Origin
    from slimwheel.build.rebuilding import Rebuilt


@click.command("rebuild")
@click.argument("wheel", metavar="WHEEL", type=click.Path(path_type=Path))
@click.option(
    "--check",
    "checking",
    is_flag=True,
    help="Compare, write nothing, and exit with 1 where a byte differs.",
)
@click.option(
    "--upstream",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="The wheel that it was made from; without it that is fetched.",
)
@click.option(
    "--output-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the wheels go, dist without it; with --check where it works, leaving nothing.",
)
@click.option("--force", is_flag=True, help="Replace outputs that exist and differ.")
@index_options
@json_option
@without_collection()
def command(
    wheel: Path,
    checking: bool,
    upstream: Path | None,
    output_dir: Path | None,
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Make a slim wheel again from what it says of itself: upstream's wheel, recipe, options.

    Writes it and its companion, and prints their paths. With --check it tells instead whether the
    wheel is the same, byte for byte, and if not which members differ. Nothing is imported.
    """
    from slimwheel.build.rebuilding import check, rebuild, slim_origin
    from slimwheel.report.rebuilding import notes

    origin = slim_origin(wheel)
    with ProgressDisplay() as display:
        source = upstream or _fetched(origin, display, options)
        if checking:
            rebuilt = check(origin, source, work_dir=output_dir, progress=display.building)
        else:
            place = output_dir or Path("dist")
            rebuilt = rebuild(origin, source, place, force=force, progress=display.building)
    for note in notes(rebuilt):
        click.echo(f"slimwheel: note: {note}", err=True)
    if checking:
        _show_check(rebuilt, as_json)
    else:
        _show_outputs(rebuilt, as_json)


def _show_check(rebuilt: "Rebuilt", as_json: bool) -> None:
    from slimwheel.report.rebuilding import rebuilt_lines

    if as_json:
        click.echo(json.dumps(rebuilt.to_json(), indent=1))
    else:
        for line in rebuilt_lines(rebuilt):
            click.echo(line)
    if not rebuilt.same:
        sys.exit(FINDINGS)


def _show_outputs(rebuilt: "Rebuilt", as_json: bool) -> None:
    from slimwheel.report.rebuilding import environment

    if rebuilt.environment:
        click.echo(f"slimwheel: warning: {environment(rebuilt)}", err=True)
    outputs = rebuilt.report.outputs
    if as_json:
        made = {"outputs": [output.to_json() for output in outputs]}
        click.echo(json.dumps(rebuilt.to_json() | made, indent=1))
        return
    for output in outputs:
        click.echo(output.path)


def _fetched(origin: "Origin", display: ProgressDisplay, options: dict[str, Any]) -> Path:
    """Fetch the wheel that a slim wheel names, for the Python and platform of its name."""
    from slimwheel.verify.smoke import python_version

    try:
        return fetched(
            origin.requirement,
            display,
            python=python_version(origin.upstream.tag),
            platform=origin.upstream.platforms[0],
            sha256=origin.manifest["upstream"]["sha256"],
            **options,
        ).path
    except RemoteError as error:
        filename = origin.upstream.filename
        error.hint = f"{error.hint} Or give it with --upstream: it is {filename}."
        raise
