"""`slimwheel plan`: the decisions of a build, without carrying them out."""

import json
from typing import TYPE_CHECKING, Any

import click

from slimwheel.cli.options import (
    fetch_options,
    fetched,
    json_option,
    recipe_option,
    switch_options,
    target_options,
)
from slimwheel.errors import UsageError
from slimwheel.report.progress import ProgressDisplay

if TYPE_CHECKING:
    from slimwheel.report.planned import PlannedWheel


@click.command("plan")
@click.argument("source", metavar="WHEEL-OR-REQUIREMENT")
@recipe_option
@click.option("--why", metavar="MEMBER", help="Explain what happens to one member.")
@switch_options
@target_options
@fetch_options
@click.option("--no-cache", is_flag=True, help="Make the plan, though it was made before.")
@json_option
def command(
    source: str, recipe: str, why: str | None, no_cache: bool, as_json: bool, **options: Any
) -> None:
    """Show what a build would remove, what that saves, and what is lost by it.

    A plan that was made before is shown from the cache. Builds look at the wheel itself.
    """
    from slimwheel.cli.planning import check_recipe, planned_wheel

    check_recipe(recipe)
    with ProgressDisplay() as display:
        wheel = fetched(source, display, **options)
    plan = planned_wheel(wheel.path, wheel.sha256, recipe, options, cached=not no_cache)
    if why is not None:
        _explain(plan, why, as_json)
    elif as_json:
        click.echo(json.dumps(plan.to_json(), indent=1))
    else:
        _show(plan)


def _explain(plan: "PlannedWheel", name: str, as_json: bool) -> None:
    if name not in plan.members:
        near = sorted(other for other in plan.members if other.endswith("/" + name.split("/")[-1]))
        raise UsageError(
            f"the wheel has no member {name}",
            hint=f"Did you mean {', '.join(near[:3])}?" if near else "Names are as in the archive.",
        )
    member = plan.members[name]
    if as_json:
        verdict = plan.verdict(name)
        click.echo(json.dumps(member.to_json() | ({"cuda": verdict} if verdict else {}), indent=1))
    else:
        from slimwheel.report.tables import explanation

        click.echo("\n".join(explanation(member, plan)))


def _show(plan: "PlannedWheel") -> None:
    from slimwheel.report.tables import (
        console,
        cuda_tables,
        device_tables,
        largest_table,
        rules_table,
        totals,
    )

    out = console()
    out.print(rules_table(plan))
    out.print()
    for table in (*cuda_tables(plan), *device_tables(plan), largest_table(plan)):
        out.print(table)
        out.print()
    for line in totals(plan):
        out.print(line)
    for warning in plan.head["warnings"]:
        click.echo(f"slimwheel: warning: {warning}", err=True)
