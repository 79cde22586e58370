"""`slimwheel diff`: where the bytes of two wheels differ.

What looks into wheels is imported where that begins: `--help` needs none of it.
"""

import json
from pathlib import Path
from typing import Any

import click

from slimwheel.cli.options import fetch_options, fetched, json_option
from slimwheel.report.progress import ProgressDisplay


@click.command("diff")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--sections", is_flag=True, help="Also show sections, over all libraries.")
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a page with both treemaps on one scale, which needs no network.",
)
@fetch_options
@json_option
def command(
    first: str, second: str, sections: bool, html: Path | None, as_json: bool, **options: Any
) -> None:
    """Show where the bytes of two wheels differ, each given as a file or a requirement."""
    from slimwheel.contents import Breakdown, compare, contents_of

    def contents(source: str) -> Breakdown:
        with ProgressDisplay() as display:
            return contents_of(fetched(source, display, **options).path, display.inspecting)

    difference = compare(contents(first), contents(second))
    if html is not None:
        from slimwheel.report.html import diff_page, write_page

        write_page(html, diff_page(difference))
    if as_json:
        click.echo(json.dumps({"schema": 1, **difference.to_json()}, indent=1))
        return
    from slimwheel.report.difference import difference_lines, difference_tables
    from slimwheel.report.tables import console

    out = console()
    for table in difference_tables(difference, sections=sections):
        out.print(table)
        out.print()
    for line in difference_lines(difference):
        out.print(line)
