"""`slimwheel inspect`: where the bytes of a wheel or a library are."""

from pathlib import Path
from typing import Any

import click

from slimwheel.cli.options import (
    budget_options,
    fetch_options,
    json_option,
    rule_options,
    target_options,
)


@click.command("inspect")
@click.argument("source", metavar="WHEEL-OR-REQUIREMENT|SO")
@click.option("--cuda", is_flag=True, help="Show the device code, by library and architecture.")
@click.option("--sections", is_flag=True, help="Show every library's sections.")
@click.option("--member", metavar="NAME", help="Show one member: what is in it.")
@click.option("--recipe", metavar="NAME|FILE", help="Show what a recipe would remove.")
@rule_options
@target_options
@click.option(
    "--with",
    "beside",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    metavar="WHEEL|DIR",
    help="Count another wheel, or those of a directory, as installed with it. Repeatable.",
)
@budget_options
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a page with a treemap, which needs no network.",
)
@fetch_options
@json_option
def command(source: str, cuda: bool, as_json: bool, **options: Any) -> None:
    """Show where the bytes of a wheel are, by kind, directory and member, and whether they fit.

    A shared library or program is shown by section; with --cuda a .fatbin file can be given too.
    """
    from slimwheel.cli.inspecting import show

    show(source, cuda=cuda, as_json=as_json, options=options)
