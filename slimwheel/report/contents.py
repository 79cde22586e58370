"""Where the bytes of a wheel are, as tables for a terminal or a pipe."""

from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table

from slimwheel.contents import (
    Breakdown,
    Excess,
    MemberContents,
    Remainder,
    Remains,
    Tally,
    Verdict,
    by_directory,
    by_kind,
    by_target,
)
from slimwheel.plan import Action
from slimwheel.report.sizes import megabytes, share

LARGEST = 12


def numbers_table(first: str, *others: str) -> Table:
    """Return an empty table whose first column is words and whose others are numbers."""
    table = Table(first, *others, box=None, pad_edge=False, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
        column.no_wrap = True
    return table


def kinds_table(breakdown: Breakdown, remains: Remains | None) -> Table:
    """Return the sums of every kind, device code by architecture, and what a recipe removes."""
    headings = ["installed", "", "download", "", "files"]
    table = numbers_table("kind", *headings, *(["recipe removes"] if remains else []))
    removed = remains.removed_by_kind(breakdown) if remains else {}

    def row(name: str, tally: Tally, last: str, style: str = "") -> None:
        cells = [
            megabytes(tally.installed),
            share(tally.installed, breakdown.installed),
            megabytes(tally.download),
            share(tally.download, breakdown.size),
            f"{tally.members:,}",
        ]
        table.add_row(name, *cells, *([last] if remains else []), style=style)

    for kind, tally in by_kind(breakdown.members).items():
        gone = removed.get(kind, 0)
        row(kind.label, tally, megabytes(gone) if gone else "-")
        if kind == "device-code":
            for target, part in by_target(breakdown.members).items():
                row(f"  {target}", part, "", style="dim")
    packing = [megabytes(breakdown.overhead), share(breakdown.overhead, breakdown.size), ""]
    table.add_row("the archive's own", "-", "", *packing, *([""] if remains else []))
    if remains and (anew := remains.written_anew(breakdown)):
        table.add_row("written anew by the recipe", *[""] * 5, f"-{megabytes(anew)}")
    whole = [megabytes(breakdown.installed), "", megabytes(breakdown.size), ""]
    whole.append(f"{len(breakdown.members):,}")
    if remains:
        whole.append(megabytes(breakdown.installed - remains.installed))
    table.add_row("all", *whole, style="bold")
    return table


def directories_table(breakdown: Breakdown, remains: Remains | None) -> Table:
    """Return the largest directories, two levels deep; what is deeper counts there."""
    headings = ["installed", "", "download", "files"]
    table = numbers_table("directory", *headings, *(["recipe leaves"] if remains else []))
    tallies = by_directory(breakdown.members)
    left = _left_by_directory(breakdown, remains) if remains else {}
    for name, tally in _first(tallies, LARGEST):
        cells = [
            megabytes(tally.installed),
            share(tally.installed, breakdown.installed),
            megabytes(tally.download),
            f"{tally.members:,}",
        ]
        if remains:
            size = left[name].installed
            cells.append(megabytes(size) if size else "-")
        table.add_row(name, *cells)
    if len(tallies) > LARGEST:
        rest = Tally(*map(sum, zip(*list(tallies.values())[LARGEST:], strict=True)))
        cells = [megabytes(rest.installed), share(rest.installed, breakdown.installed)]
        cells += [megabytes(rest.download), f"{rest.members:,}"]
        table.add_row(f"({len(tallies) - LARGEST} more)", *cells, style="dim")
    return table


def members_table(breakdown: Breakdown, remains: Remains | None) -> Table:
    """Return the largest members, and what a recipe does to them by which rules."""
    more = ["recipe leaves", "by"] if remains else []
    table = numbers_table("largest members", "installed", "download", "mostly", *more)
    table.columns[3].justify = "left"
    largest = sorted(breakdown.members, key=lambda member: -member.installed)[:LARGEST]
    for member in largest:
        cells = [megabytes(member.installed), megabytes(member.download), member.kind.label]
        if remains:
            left = remains.members[member.name]
            cells += [_left(left), ", ".join(left.rules)]
        table.add_row(member.name, *cells)
    return table


def rules_removed_table(breakdown: Breakdown, remains: Remains) -> Table:
    """Return what each rule of a recipe takes away, and what is lost by it."""
    table = numbers_table("rule", "files", "loses")
    table.columns[2].justify = "left"
    table.columns[2].no_wrap = False
    for rule, loses in remains.loses.items():
        files = sum(rule in remains.members[member.name].rules for member in breakdown.members)
        table.add_row(rule, f"{files:,}", loses)
    return table


def sections_table(members: Sequence[MemberContents], remains: Remains | None = None) -> Table:
    """Return the sections of libraries, the largest first; all of them, as they add up."""
    more = ["recipe leaves"] if remains else []
    table = numbers_table("library", "section", "kind", "installed", "", "download (est.)", *more)
    table.columns[1].justify = table.columns[2].justify = "left"
    for member in members:
        left = remains.members.get(member.name) if remains else None
        head = [megabytes(member.installed), "", megabytes(member.download)]
        head += [_left(left)] if left else []
        table.add_row(member.name, member.trouble or "", "", *head, style="bold")
        kept = left.kept(member) if left else [share[2] for share in member.shares]
        rows = [
            (part, size, download, stays)
            for (_, part, size, download), stays in zip(member.shares, kept, strict=True)
            if part is not None
        ]
        for part, size, download, stays in sorted(rows, key=lambda row: -row[1]):
            cells = [megabytes(size), share(size, member.installed), megabytes(download)]
            cells += [megabytes(stays)] if left else []
            table.add_row("", part.name, part.kind.label, *cells)
    return table


def totals_lines(breakdown: Breakdown, remains: Remains | None) -> list[str]:
    """Return the totals in sentences."""
    installed, download = megabytes(breakdown.installed), megabytes(breakdown.size)
    if remains:
        left = remains.installed
        installed += f" -> {megabytes(left)} ({share(left, breakdown.installed)})"
        download += f" -> about {megabytes(remains.download)}"
        download += f" ({share(remains.download, breakdown.size)})"
    lines = [f"installed  {installed}", f"download   {download}"]
    if remains:
        lines.append(f"recipe     {remains.recipe}")
    return lines


def verdict_lines(
    verdicts: Iterable[Verdict],
    after: Iterable[Verdict],
    missing: Sequence[str],
    counted: Sequence[str] = (),
) -> list[str]:
    """Return one line for each limit, and one that says whose bytes are counted.

    Args:
        verdicts: on the wheel as it is.
        after: on what a recipe leaves of it; none without one.
        missing: distributions that are required and not counted.
        counted: wheels that are counted besides.
    """
    lines = [_verdict_line(verdict.limit.name, verdict) for verdict in verdicts]
    lines += [_verdict_line(f"with the recipe, {v.limit.name}", v) for v in after]
    if counted:
        lines.append(f"counted with it: {', '.join(counted)}")
    if missing:
        lines.append(
            f"not counted, though required: {', '.join(missing)} (name their wheels by --with)"
        )
    return lines


def _verdict_line(name: str, verdict: Verdict) -> str:
    limit = verdict.limit
    room = f"{megabytes(abs(verdict.room))} {'to spare' if verdict.fits else 'too large'}"
    mark = "fits" if verdict.fits else "TOO LARGE"
    return (
        f"{name:35} {mark:9}  {megabytes(verdict.size)} {limit.counts} of "
        f"{megabytes(limit.bytes)}, {room}"
    )


def excess_text(excess: Excess) -> str:
    """Return how far a wheel is over a budget."""
    takes = "takes, installed," if excess.counts == "installed" else "has"
    return (
        f"{excess.file}: {takes} {excess.size:,} bytes where --max-{excess.counts} allows "
        f"{excess.budget:,}: {excess.size - excess.budget:,} bytes too many"
    )


def _left(left: Remainder) -> str:
    return "(removed)" if left.action is Action.DROP else megabytes(left.installed)


def _left_by_directory(breakdown: Breakdown, remains: Remains) -> dict[str, Tally]:
    left = (
        MemberContents(
            member.name,
            member.kind,
            remains.members[member.name].installed,
            remains.members[member.name].download,
        )
        for member in breakdown.members
    )
    return by_directory(left)


def _first(tallies: Mapping[str, Tally], count: int) -> list[tuple[str, Tally]]:
    return list(tallies.items())[:count]
