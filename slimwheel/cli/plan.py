"""`slimwheel plan`: the decisions of a build, without carrying them out."""

import json
import tempfile
from pathlib import Path
from typing import Any

import click

from slimwheel.build import BuildOptions, plan_wheel
from slimwheel.cli.options import (
    fetch_options,
    fetched,
    json_option,
    recipe_option,
    switch_options,
    target_options,
    targets,
)
from slimwheel.errors import UsageError
from slimwheel.plan import Decision, Facts, Plan, Switches
from slimwheel.recipe import load_recipe
from slimwheel.report.progress import ProgressDisplay
from slimwheel.report.tables import (
    console,
    cuda_tables,
    device_tables,
    explanation,
    largest_table,
    rules_table,
    totals,
)
from slimwheel.wheelfile.wheel import Wheel


@click.command("plan")
@click.argument("source", metavar="WHEEL-OR-REQUIREMENT")
@recipe_option
@click.option("--why", metavar="MEMBER", help="Explain what happens to one member.")
@switch_options
@target_options
@fetch_options
@json_option
def command(source: str, recipe: str, why: str | None, as_json: bool, **options: Any) -> None:
    """Show what a build would remove, what that saves, and what is lost by it."""
    loaded = load_recipe(recipe)
    with ProgressDisplay() as display:
        path = fetched(source, display, **options).path
    build_options = BuildOptions(
        output_dir=Path(),
        switches=Switches(options["keep"], options["drop"]),
        targets=targets(options),
        local=options["local"],
        build_number=options["build_number"],
    )
    with (
        tempfile.TemporaryDirectory(prefix="slimwheel-plan-") as scratch,
        Wheel.open(path) as wheel,
        Facts(wheel, Path(scratch), blocks=False) as facts,
    ):
        plan, _, _ = plan_wheel(facts, loaded, build_options)
    if why is not None:
        _explain(plan, why, as_json)
    elif as_json:
        click.echo(json.dumps(_as_json(plan, path.stat().st_size), indent=1))
    else:
        _show(plan, path.stat().st_size)


def _explain(plan: Plan, member: str, as_json: bool) -> None:
    if member not in plan.decisions:
        near = sorted(name for name in plan.decisions if name.endswith("/" + member.split("/")[-1]))
        raise UsageError(
            f"the wheel has no member {member}",
            hint=f"Did you mean {', '.join(near[:3])}?" if near else "Names are as in the archive.",
        )
    decision = plan.decisions[member]
    if as_json:
        click.echo(json.dumps(_with_verdict(plan, decision), indent=1))
    else:
        click.echo("\n".join(explanation(decision, plan)))


def _with_verdict(plan: Plan, decision: Decision) -> dict[str, Any]:
    verdict = plan.cuda.verdicts.get(decision.member) if plan.cuda else None
    return decision.to_json() | ({"cuda": verdict.to_json()} if verdict else {})


def _show(plan: Plan, download: int) -> None:
    out = console()
    out.print(rules_table(plan.summaries))
    out.print()
    for table in (*cuda_tables(plan), *device_tables(plan), largest_table(plan)):
        out.print(table)
        out.print()
    for line in totals(plan, download):
        out.print(line)
    for warning in plan.warnings:
        click.echo(f"slimwheel: warning: {warning}", err=True)


def _as_json(plan: Plan, download: int) -> dict[str, Any]:
    return {
        "schema": 1,
        "recipe": plan.loaded.recipe.name,
        "switches": list(plan.switched),
        "installed": {"before": plan.installed_before, "after": plan.installed_after},
        "download": {"before": download, "after": plan.packed_after, "estimated": True},
        "rules": [summary.to_json() for summary in plan.summaries],
        "cuda": plan.cuda.to_json() if plan.cuda else None,
        "device_code": plan.device_code.to_json() if plan.device_code else None,
        "decisions": [plan.decisions[name].to_json() for name in sorted(plan.decisions)],
        "dropped": {
            "requirements": plan.dropped_requirements,
            "entry_points": plan.dropped_entry_points,
        },
        "replaced": {"requirements": plan.replaced_requirements},
        "warnings": plan.warnings,
    }
