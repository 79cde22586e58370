"""Tables about plans and builds, for a terminal or a pipe."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from slimwheel.plan import Action, Decision, Plan, RuleSummary
from slimwheel.plan.served import requirement_name
from slimwheel.report.sizes import megabytes, share

_LARGEST = 12


def console() -> Console:
    """Return a console for results; wide in a pipe, where nobody's window wraps lines."""
    made = Console(highlight=False, markup=False)
    if not made.is_terminal:
        made = Console(highlight=False, markup=False, width=160)
    return made


def rules_table(summaries: Iterable[RuleSummary]) -> Table:
    """Return what each rule removes, and what is lost by it."""
    table = Table("rule", "files", "saves", "loses", box=None, pad_edge=False, header_style="bold")
    table.columns[1].justify = table.columns[2].justify = "right"
    table.columns[0].no_wrap = table.columns[2].no_wrap = True
    for summary in summaries:
        words = summary.rule.loses if summary.members else "(nothing found)"
        if summary.dev and summary.members:
            words += " [the dev wheel puts it back]"
        table.add_row(summary.rule.id, str(len(summary.members)), megabytes(summary.saved), words)
    return table


def largest_table(plan: Plan) -> Table:
    """Return the largest members of the slim wheel."""
    table = Table(
        "largest members",
        "before",
        "after",
        "action",
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    table.columns[1].justify = table.columns[2].justify = "right"
    largest = sorted(plan.shipped, key=lambda decision: decision.after, reverse=True)[:_LARGEST]
    for decision in largest:
        table.add_row(
            decision.member,
            megabytes(decision.before),
            megabytes(decision.after),
            str(decision.action),
        )
    return table


def cuda_tables(plan: Plan) -> list[Table]:
    """Return what becomes of CUDA's libraries: which go and why, and what stands in for them."""
    if plan.cuda is None:
        return []
    gone = Table("goes with CUDA", "size", "why", box=None, pad_edge=False, header_style="bold")
    gone.columns[1].justify = "right"
    gone.columns[0].no_wrap = gone.columns[1].no_wrap = True
    verdicts = [v for _, v in sorted(plan.cuda.verdicts.items()) if v.goes]
    for verdict in verdicts:
        gone.add_row(verdict.member, megabytes(plan.decisions[verdict.member].before), verdict.why)
    made = Table("shadow library", "size", "symbols", box=None, pad_edge=False, header_style="bold")
    made.columns[1].justify = "right"
    made.columns[0].no_wrap = made.columns[1].no_wrap = True
    for shadow in plan.cuda.shadows:
        symbols = ", ".join(f"{count:,} of {name}" for name, count in shadow.families.items())
        made.add_row(shadow.member, megabytes(shadow.size), symbols or "(its name only)")
    return [table for table in (gone, made) if table.row_count]


def device_tables(plan: Plan) -> list[Table]:
    """Return what becomes of the device code of every library."""
    code = plan.device_code
    if code is None:
        return []
    table = Table(
        "device code", "before", "after", "images", box=None, pad_edge=False, header_style="bold"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for library in code.to_json()["libraries"]:
        sizes, images = library["bytes"], library["images"]
        table.add_row(
            library["member"],
            megabytes(sizes["before"]),
            megabytes(sizes["after"]),
            f"{images['before']:,} -> {images['after']:,}",
        )
    return [table]


def totals(plan: Plan, download: int) -> list[str]:
    """Return the totals of a plan in sentences; `download` is upstream's size in bytes."""
    before, after = plan.installed_before, plan.installed_after
    counts = {action: len(plan.with_action(action)) for action in Action}
    lines = [
        f"installed  {megabytes(before)} -> {megabytes(after)} ({share(after, before)})",
        f"download   {megabytes(download)} -> about {megabytes(plan.packed_after)} "
        f"({share(plan.packed_after, download)}; rewritten members are estimated)",
        "members    " + ", ".join(f"{counts[action]} {action}" for action in Action),
    ]
    if plan.device_code is not None:
        code = plan.device_code
        lines.append(f"made for   {', '.join(map(str, code.devices))}" + code.ptx * ", and PTX")
        lines.append(f"has        {', '.join(code.targets)}")
        lines.append(f"runs on    {', '.join(map(str, code.served))}")
    if plan.dropped_requirements:
        names = map(requirement_name, plan.dropped_requirements)
        lines.append(f"requires   no longer {', '.join(names)}")
    for old, new in plan.replaced_requirements.items():
        lines.append(f"requires   {new} in place of {old}")
    if plan.dropped_entry_points:
        lines.append(f"offers     no longer {', '.join(plan.dropped_entry_points)}")
    return lines


def explanation(decision: Decision, plan: Plan) -> list[str]:
    """Return why a member is dealt with as it is."""
    verdict = plan.cuda.verdicts.get(decision.member) if plan.cuda else None
    lines = [
        f"{decision.member}: {decision.action}",
        f"  why        {decision.why}",
        f"  installed  {decision.before:,} -> {decision.after:,} bytes",
        f"  download   {decision.packed_before:,} -> {decision.packed_after:,} bytes",
    ]
    if verdict is not None:
        lines.insert(2, f"  CUDA       {'goes' if verdict.goes else 'stays'}: {verdict.why}")
    summaries = {summary.rule.id: summary for summary in plan.summaries}
    for saving in decision.savings:
        lines.append(f"  rule       {saving.rule}: saves {saving.bytes:,} bytes")
        if saving.rule in summaries:
            lines.append(f"             reason: {summaries[saving.rule].rule.reason}")
            lines.append(f"             loses: {summaries[saving.rule].rule.loses}")
    return lines
