"""What `slimwheel inspect` does: loaded where it is asked for."""

import json
import tempfile
from pathlib import Path
from typing import Any

import click

from slimwheel.build import BuildOptions, plan_wheel
from slimwheel.cli.options import budget, end_with, fetched, targets
from slimwheel.contents import (
    Breakdown,
    Excess,
    MemberContents,
    Remains,
    contents_of,
    excesses,
    is_library,
    library_contents,
    remains_of,
    required_by,
    verdicts_on,
)
from slimwheel.contents.beside import find_beside
from slimwheel.errors import UsageError
from slimwheel.plan import Facts, Plan, Switches
from slimwheel.recipe import load_recipe
from slimwheel.report.contents import (
    directories_table,
    kinds_table,
    members_table,
    rules_removed_table,
    sections_table,
    totals_lines,
    verdict_lines,
)
from slimwheel.report.device_code import device_code_table
from slimwheel.report.html import inspect_page, write_page
from slimwheel.report.json_contents import inspection
from slimwheel.report.progress import ProgressDisplay
from slimwheel.report.tables import console
from slimwheel.verify.device_code import device_code_of
from slimwheel.wheelfile.wheel import Wheel


def show(source: str, *, cuda: bool, as_json: bool, options: dict[str, Any]) -> None:
    """Show where bytes are, as the command line asks.

    Args:
        source: a wheel by path or requirement, or a library's path.
        cuda: show device code instead.
        as_json: print a report as JSON.
        options: what the command line says besides, as click holds it.

    Raises:
        SlimwheelError: as what reads wheels, or words that do not fit together.
    """
    if cuda:
        _show_device_code(Path(source), as_json)
        return
    if is_library(Path(source)):
        _show_library(Path(source), as_json, options)
        return
    recipe = options["recipe"]
    if recipe is None and (options["device"] or options["keep"] or options["drop"]):
        raise UsageError("--device, --keep and --drop say what a recipe does", hint="Add --recipe.")
    loaded = load_recipe(recipe) if recipe else None
    with ProgressDisplay() as display:
        path = fetched(source, display, **options).path
        breakdown = contents_of(path, display.inspecting)
    remains = None
    if loaded is not None:
        build_options = BuildOptions(
            output_dir=Path(),
            switches=Switches(options["keep"], options["drop"]),
            targets=targets(options),
        )
        with (
            tempfile.TemporaryDirectory(prefix="slimwheel-inspect-") as scratch,
            Wheel.open(path) as wheel,
            Facts(wheel, Path(scratch), blocks=False) as facts,
        ):
            plan, _, _ = plan_wheel(facts, loaded, build_options)
            remains = remains_of(breakdown, plan)
        _warn(plan)
    beside = find_beside(options["beside"], path)
    installed = breakdown.installed + beside.installed
    verdicts = verdicts_on(installed, breakdown.size)
    after = verdicts_on(remains.installed + beside.installed, remains.download) if remains else []
    required = required_by(breakdown.requirements, breakdown.python)
    missing = [name for name in required if name not in beside.projects]
    found = excesses(breakdown.file, installed, breakdown.size, budget(options))
    report = inspection(breakdown, remains, verdicts, after, missing, beside.files, found)
    if options["html"] is not None:
        write_page(options["html"], inspect_page(report))
    if as_json:
        click.echo(json.dumps(report, indent=1))
    else:
        _show(breakdown, remains, options)
        if options["member"] is None:
            for line in verdict_lines(verdicts, after, missing, beside.files):
                console().print(line)
    for member in breakdown.members:
        if member.trouble:
            click.echo(f"slimwheel: warning: {member.trouble}", err=True)
    end_with(found)


def _show(breakdown: Breakdown, remains: Remains | None, options: dict[str, Any]) -> None:
    out = console()
    if options["member"] is not None:
        out.print(sections_table([_member(breakdown, options["member"])], remains))
        if remains:
            out.print(remains.members[options["member"]].why)
        return
    tables = [kinds_table(breakdown, remains), directories_table(breakdown, remains)]
    tables.append(members_table(breakdown, remains))
    if remains:
        tables.append(rules_removed_table(breakdown, remains))
    if options["sections"]:
        libraries = [member for member in breakdown.members if member.parts or member.trouble]
        libraries.sort(key=lambda member: -member.installed)
        tables.append(sections_table(libraries, remains))
    for table in tables:
        out.print(table)
        out.print()
    for line in totals_lines(breakdown, remains):
        out.print(line)
    out.print()


def _member(breakdown: Breakdown, name: str) -> MemberContents:
    member = breakdown.member(name)
    if member is None:
        base = "/" + name.rpartition("/")[2]
        near = sorted(m.name for m in breakdown.members if ("/" + m.name).endswith(base))
        raise UsageError(
            f"the wheel has no member {name}",
            hint=f"Did you mean {', '.join(near[:3])}?" if near else "Names are as in the archive.",
        )
    return member


def _warn(plan: Plan) -> None:
    for warning in plan.warnings:
        click.echo(f"slimwheel: warning: {warning}", err=True)


def _show_library(path: Path, as_json: bool, options: dict[str, Any]) -> None:
    wrong = [name for name in ("recipe", "member", "html", "beside") if options[name]]
    if wrong:
        raise UsageError("is a library, and these options are for wheels", file=path,
                         hint="Leave out --recipe, --member, --html and --with.")  # fmt: skip
    library = library_contents(path)
    found: list[Excess] = excesses(path.name, library.installed, library.download, budget(options))
    if as_json:
        click.echo(json.dumps({"schema": 1, "library": library.to_json()}, indent=1))
    else:
        console().print(sections_table([library]))
    end_with(found)


def _show_device_code(file: Path, as_json: bool) -> None:
    libraries = device_code_of(file)
    if as_json:
        report = {"schema": 1, "libraries": [library.to_json() for library in libraries]}
        click.echo(json.dumps(report, indent=1))
        return
    console().print(device_code_table(libraries))
    for library in libraries:
        if library.trouble:
            click.echo(f"slimwheel: warning: {library.name}: {library.trouble}", err=True)
