"""`slimwheel build`: slim upstream wheels.

What builds is imported where that begins: `--help` needs none of it.
"""

import json
from typing import TYPE_CHECKING, Any

import click

from slimwheel.cli.collection import without_collection
from slimwheel.cli.options import (
    budget,
    budget_options,
    end_with,
    fetch_options,
    fetched,
    json_option,
    output_options,
    recipe_option,
    switch_options,
    target_options,
    targets,
)
from slimwheel.report.progress import ProgressDisplay
from slimwheel.report.sizes import megabytes, share

if TYPE_CHECKING:
    from slimwheel.build import BuildReport
    from slimwheel.contents import Excess

COMPRESSIONS = ("fast", "best")
"""The words of `slimwheel.build.Compression`, the first one being what it is without a word."""


@click.command("build")
@click.argument("sources", metavar="WHEEL-OR-REQUIREMENT...", nargs=-1, required=True)
@recipe_option
@output_options
@click.option("--dev", is_flag=True, help="Also write the dev wheel, which puts headers back.")
@click.option(
    "--smoke/--no-smoke",
    default=True,
    show_default=True,
    help="Import the result in a process of the wheel's own Python, where there is one.",
)
@click.option(
    "--python-for",
    multiple=True,
    metavar="3.6=PATH",
    help="A Python to import wheels of that version with. Repeatable.",
)
@click.option(
    "--compress",
    type=click.Choice(COMPRESSIONS),
    default=COMPRESSIONS[0],
    show_default=True,
    help="How libraries that change are compressed: of upstream's compressed blocks, or whole and "
    "as small as can be, which takes thirty times as long.",
)
@switch_options
@target_options
@budget_options
@fetch_options
@json_option
@without_collection()
def command(sources: tuple[str, ...], recipe: str, as_json: bool, **options: Any) -> None:
    """Slim upstream wheels, each given as a file or as a requirement such as torch==2.13.0+cpu.

    Writes the slim wheel and its companion; install both, or only name the slim one where an
    index has both. Prints the paths of what it wrote. Wheels over a budget stay, to be looked at.
    """
    from slimwheel.build import BuildOptions, Compression, build_wheel
    from slimwheel.plan import Switches
    from slimwheel.recipe import load_recipe
    from slimwheel.verify.smoke import Smoke, parse_pythons

    loaded = load_recipe(recipe)
    reports = []
    found: list[Excess] = []
    smoke = Smoke(
        pythons=parse_pythons(options["python_for"]),
        offline=options["no_network"],
        index_url=options["index_url"],
        extra_index_urls=tuple(options["extra_index_url"]),
        find_links=tuple(options["find_links"]),
    )
    build_options = BuildOptions(
        output_dir=options["output_dir"],
        switches=Switches(options["keep"], options["drop"]),
        targets=targets(options),
        local=options["local"],
        build_number=options["build_number"],
        dev=options["dev"],
        force=options["force"],
        compression=Compression(options["compress"]),
    )
    for source in sources:
        with ProgressDisplay() as display:
            upstream = fetched(source, display, **options)
            report = build_wheel(
                upstream.path,
                loaded,
                build_options,
                sha256=upstream.sha256,
                progress=display.building,
                smoke=smoke if options["smoke"] else None,
            )
        reports.append(report)
        found += _over_budget(report, options)
        _tell(report)
        if not as_json:
            for output in report.outputs:
                click.echo(output.path)
    if as_json:
        builds = [
            report.to_json() | {"over_budget": [e.to_json() for e in _over_budget(report, options)]}
            for report in reports
        ]
        click.echo(json.dumps({"schema": 1, "builds": builds}, indent=1))
    end_with(found)


def _over_budget(report: "BuildReport", options: dict[str, Any]) -> list["Excess"]:
    if options["max_installed"] is None and options["max_wheel"] is None:
        return []
    from slimwheel.contents import excesses

    slim = report.slim
    return excesses(slim.filename, slim.installed_size, slim.size, budget(options))


def _tell(report: "BuildReport") -> None:
    slim = report.slim
    for warning in report.warnings:
        click.echo(f"slimwheel: warning: {warning}", err=True)
    if report.smoke:
        click.echo(f"slimwheel: {report.smoke.detail}", err=True)
    click.echo(
        f"{slim.filename}: {megabytes(slim.size)} to download "
        f"({share(slim.size, report.upstream_size)} of upstream), "
        f"{megabytes(slim.installed_size)} installed "
        f"({share(slim.installed_size, report.installed_before)})",
        err=True,
    )
