"""Tables about plans, for a terminal or a pipe."""

from rich.console import Console
from rich.table import Table

from slimwheel.report.planned import PlannedMember, PlannedWheel
from slimwheel.report.sizes import megabytes, share
from slimwheel.wheelfile.requirements import requirement_name

_ACTIONS = ("keep", "drop", "rewrite", "add")
_SHIPPED = ("keep", "rewrite", "add")
_LARGEST = 12


def console() -> Console:
    """Return a console for results; wide in a pipe, where nobody's window wraps lines."""
    made = Console(highlight=False, markup=False)
    if not made.is_terminal:
        made = Console(highlight=False, markup=False, width=160)
    return made


def rules_table(plan: PlannedWheel) -> Table:
    """Return what each rule removes, and what is lost by it."""
    table = Table("rule", "files", "saves", "loses", box=None, pad_edge=False, header_style="bold")
    table.columns[1].justify = table.columns[2].justify = "right"
    table.columns[0].no_wrap = table.columns[2].no_wrap = True
    for rule in plan.head["rules"]:
        words = rule["loses"] if rule["files"] else "(nothing found)"
        if rule["dev"] and rule["files"]:
            words += " [the dev wheel puts it back]"
        table.add_row(rule["rule"], str(rule["files"]), megabytes(rule["saved"]), words)
    return table


def largest_table(plan: PlannedWheel) -> Table:
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
    shipped = plan.with_actions(*_SHIPPED)
    for member in sorted(shipped, key=lambda member: member.after, reverse=True)[:_LARGEST]:
        table.add_row(
            member.member, megabytes(member.before), megabytes(member.after), member.action
        )
    return table


def cuda_tables(plan: PlannedWheel) -> list[Table]:
    """Return what becomes of CUDA's libraries: which go and why, and what stands in for them."""
    cuda = plan.head["cuda"]
    if cuda is None:
        return []
    gone = Table("goes with CUDA", "size", "why", box=None, pad_edge=False, header_style="bold")
    gone.columns[1].justify = "right"
    gone.columns[0].no_wrap = gone.columns[1].no_wrap = True
    for verdict in cuda["libraries"]:
        if verdict["goes"]:
            member = verdict["member"]
            gone.add_row(member, megabytes(plan.members[member].before), verdict["why"])
    made = Table("shadow library", "size", "symbols", box=None, pad_edge=False, header_style="bold")
    made.columns[1].justify = "right"
    made.columns[0].no_wrap = made.columns[1].no_wrap = True
    for shadow in cuda["shadows"]:
        symbols = ", ".join(f"{count:,} of {name}" for name, count in shadow["symbols"].items())
        made.add_row(shadow["member"], megabytes(shadow["bytes"]), symbols or "(its name only)")
    return [table for table in (gone, made) if table.row_count]


def device_tables(plan: PlannedWheel) -> list[Table]:
    """Return what becomes of the device code of every library."""
    code = plan.head["device_code"]
    if code is None:
        return []
    table = Table(
        "device code", "before", "after", "images", box=None, pad_edge=False, header_style="bold"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for library in code["libraries"]:
        sizes, images = library["bytes"], library["images"]
        table.add_row(
            library["member"],
            megabytes(sizes["before"]),
            megabytes(sizes["after"]),
            f"{images['before']:,} -> {images['after']:,}",
        )
    return [table]


def totals(plan: PlannedWheel) -> list[str]:
    """Return the totals of a plan in sentences."""
    installed, download = plan.head["installed"], plan.head["download"]
    before, after = installed["before"], installed["after"]
    counts = {action: len(plan.with_actions(action)) for action in _ACTIONS}
    lines = [
        f"installed  {megabytes(before)} -> {megabytes(after)} ({share(after, before)})",
        f"download   {megabytes(download['before'])} -> about {megabytes(download['after'])} "
        f"({share(download['after'], download['before'])}; rewritten members are estimated)",
        "members    " + ", ".join(f"{count} {action}" for action, count in counts.items()),
    ]
    code = plan.head["device_code"]
    if code is not None:
        lines.append(f"made for   {', '.join(code['devices'])}" + code["ptx"] * ", and PTX")
        lines.append(f"has        {', '.join(code['architectures'])}")
        lines.append(f"runs on    {', '.join(code['served'])}")
    if requirements := plan.head["dropped"]["requirements"]:
        lines.append(f"requires   no longer {', '.join(map(requirement_name, requirements))}")
    for old, new in plan.head["replaced"]["requirements"].items():
        lines.append(f"requires   {new} in place of {old}")
    if entry_points := plan.head["dropped"]["entry_points"]:
        lines.append(f"offers     no longer {', '.join(entry_points)}")
    return lines


def explanation(member: PlannedMember, plan: PlannedWheel) -> list[str]:
    """Return why a member is dealt with as it is."""
    lines = [
        f"{member.member}: {member.action}",
        f"  why        {member.why}",
        f"  installed  {member.before:,} -> {member.after:,} bytes",
        f"  download   {member.packed_before:,} -> {member.packed_after:,} bytes",
    ]
    verdict = plan.verdict(member.member)
    if verdict is not None:
        lines.insert(2, f"  CUDA       {'goes' if verdict['goes'] else 'stays'}: {verdict['why']}")
    rules = {rule["rule"]: rule for rule in plan.head["rules"]}
    for name, saved in member.savings:
        lines.append(f"  rule       {name}: saves {saved:,} bytes")
        if name in rules:
            lines.append(f"             reason: {rules[name]['reason']}")
            lines.append(f"             loses: {rules[name]['loses']}")
    return lines
