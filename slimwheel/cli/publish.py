"""`slimwheel publish`: put wheels on an index on S3 or in a directory.

What publishes is imported where that begins: `--help` needs none of it.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slimwheel.cli.options import FINDINGS, json_option
from slimwheel.errors import UsageError
from slimwheel.report.progress import ProgressDisplay
from slimwheel.report.sizes import megabytes

if TYPE_CHECKING:
    from slimwheel.publish import Publication


@click.command("publish")
@click.argument("location", metavar="s3://BUCKET/PREFIX|file:///DIRECTORY")
@click.argument("wheels", metavar="[WHEEL]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--yank",
    multiple=True,
    metavar="FILE",
    help="Mark a published file: only who pins its version still gets it. Repeatable.",
)
@click.option("--unyank", multiple=True, metavar="FILE", help="Take that back. Repeatable.")
@click.option("--reason", metavar="TEXT", help="Why; installers show it.")
@click.option("--reindex", "rebuild", is_flag=True, help="Make all pages again from what is there.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
@click.option("--endpoint-url", metavar="URL", help="An S3 server that is not Amazon's.")
@click.option(
    "--public-url", metavar="URL", help="What people reach the place by, where it is another URL."
)
@click.option("--ignore", multiple=True, metavar="CODE", help="A finding that is no obstacle.")
@json_option
def command(
    location: str, wheels: tuple[Path, ...], rebuild: bool, as_json: bool, **options: Any
) -> None:
    """Publish wheels to a package index, which pip, uv, poetry and pdm can install from.

    Wheels are verified first; one with errors is refused. A file that is there already is left as
    it is, and another file of its name is refused. Credentials for S3 are those that boto3 finds.
    """
    _check_words(wheels, rebuild, options)
    from slimwheel.publish import Request, open_store, parse_location, publish, reindex, snippets
    from slimwheel.publish.companions import with_companions
    from slimwheel.publish.publishing import Progress

    place = parse_location(
        location, endpoint_url=options["endpoint_url"], public_url=options["public_url"]
    )
    with open_store(place) as (store, url), ProgressDisplay() as display:
        chosen = with_companions(wheels, store)
        _refuse_broken(chosen, options["ignore"], as_json=as_json)
        request = Request(
            wheels=chosen,
            yank=options["yank"],
            unyank=options["unyank"],
            reason=options["reason"] or "",
            dry_run=options["dry_run"],
        )
        publication = publish(store, url, request, display.publishing)
        if rebuild:
            publication.warnings += reindex(
                store, lambda project: display.publishing(Progress(f"look at {project}", 0, 0))
            )
    for warning in dict.fromkeys(publication.warnings):
        click.echo(f"slimwheel: warning: {warning}", err=True)
    if as_json:
        report = publication.to_json() | {"dry_run": options["dry_run"], "reindexed": rebuild}
        click.echo(json.dumps(report | {"snippets": snippets(publication)}, indent=1))
    else:
        _show(publication, rebuild=rebuild)


def _check_words(wheels: Sequence[Path], rebuild: bool, options: dict[str, Any]) -> None:
    if not (wheels or rebuild or options["yank"] or options["unyank"]):
        raise UsageError(
            "there is nothing to publish", hint="Name wheels, or --yank, or --reindex."
        )
    if options["reason"] and not options["yank"]:
        raise UsageError("--reason is for --yank", hint="Name the files to yank.")
    if rebuild and options["dry_run"]:
        raise UsageError("--reindex has no --dry-run", hint="Leave one of them out.")
    for name in options["yank"]:
        if name in options["unyank"]:
            raise UsageError(
                "is to be yanked and unyanked", file=name, hint="Leave one of them out."
            )
    for wheel in wheels:
        if not wheel.is_file():
            raise UsageError("is not a file", file=wheel, hint="Name a wheel.")


def _refuse_broken(wheels: Sequence[Path], ignore: Sequence[str], *, as_json: bool) -> None:
    """End the command where a wheel has errors: nothing is published then."""
    from slimwheel.report.findings import finding_lines, verdict
    from slimwheel.verify.findings import chosen_codes
    from slimwheel.verify.verification import verified

    codes = chosen_codes((), ignore)
    broken = [found for found in (verified(path, codes) for path in wheels) if not found.ok]
    if not broken:
        return
    for found in broken:
        for line in (*finding_lines(found), verdict(found)):
            click.echo(line, err=True)
    click.echo("slimwheel: nothing was published", err=True)
    if as_json:
        report = {"schema": 1, "refused": [found.to_json() for found in broken]}
        click.echo(json.dumps(report, indent=1))
    sys.exit(FINDINGS)


def _show(publication: "Publication", *, rebuild: bool) -> None:
    from slimwheel.publish.snippets import DEPENDENCY_CONFUSION, snippets

    for file in publication.files:
        yanked = ", yanked" if file.yanked is not False else ""
        click.echo(f"{file.status}: {file.filename} ({megabytes(file.size)}{yanked})")
    for name in publication.yanked:
        click.echo(f"yanked: {name}")
    for name in publication.unyanked:
        click.echo(f"no longer yanked: {name}")
    if rebuild:
        click.echo("all pages are made again")
    click.echo(f"index: {publication.url}")
    for title, words in snippets(publication).items():
        click.echo(f"\n# {title}\n{words}")
    if publication.files:
        click.echo(f"\n{DEPENDENCY_CONFUSION}", err=True)
