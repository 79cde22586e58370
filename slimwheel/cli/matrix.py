"""`slimwheel matrix`: what a file asks to be built, and what of it is not published yet."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from slimwheel.matrix import Entry


@click.command("matrix")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--index",
    metavar="URL",
    help="The root of an index, https://…/simple/ or file:///…/simple/: what it has already, of "
    "the same upstream file, recipe, options and tools, is left out.",
)
@click.option(
    "--json",
    "form",
    flag_value="json",
    default=True,
    help="As strategy.matrix of GitHub Actions takes it; this is what is printed without options.",
)
@click.option("--make", "form", flag_value="make", help="As a makefile.")
def command(file: Path, index: str | None, form: str) -> None:
    """Print what is to be built: an entry for each wheel that FILE, in TOML, asks for.

    Every entry has a name, and the words for `slimwheel build`.
    """
    from slimwheel.matrix import as_actions, as_makefile, expand, load_matrix
    from slimwheel.matrix.output import MOST_JOBS

    entries: Sequence[Entry] = expand(load_matrix(file), file)
    if index is not None:
        from slimwheel.matrix import PublishedIndex, sort_out

        found = sort_out(entries, PublishedIndex(index))
        for entry, filename in found.unchanged:
            click.echo(f"{entry.name}: unchanged, published as {filename}", err=True)
        for doubt in found.doubts:
            click.echo(f"slimwheel: warning: {doubt}", err=True)
        click.echo(f"{len(found.changed)} of {len(entries)} to build", err=True)
        entries = found.changed
    if form == "make":
        click.echo(as_makefile(entries), nl=False)
        return
    if len(entries) > MOST_JOBS:
        click.echo(
            f"slimwheel: warning: GitHub Actions takes {MOST_JOBS} entries, not {len(entries)}",
            err=True,
        )
    click.echo(json.dumps(as_actions(entries)))
