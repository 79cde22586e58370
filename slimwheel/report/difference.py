"""Two wheels side by side, as tables for a terminal or a pipe."""

from collections.abc import Callable, Mapping
from typing import Any

from rich.table import Table

from slimwheel.contents import Difference, Tally, by_directory, by_kind, by_section, by_target
from slimwheel.contents.kinds import Kind
from slimwheel.report.contents import LARGEST, numbers_table
from slimwheel.report.sizes import megabytes


def difference_tables(difference: Difference, *, sections: bool = False) -> list[Table]:
    """Return tables by kind, device architecture and directory, of sections if asked, of members.

    Each has what changes most first; what is the same is left out but among kinds.
    """
    views: list[tuple[str, Callable[..., Mapping[Any, Tally]]]] = [("directory", by_directory)]
    if difference.tallies(by_target):
        views.insert(0, ("device code", by_target))
    if sections:
        views.append(("section", by_section))
    tables = [_kinds(difference)]
    tables += [_tallies(heading, difference.tallies(of)) for heading, of in views]
    return [*tables, _members(difference)]


def difference_lines(difference: Difference) -> list[str]:
    """Return the totals in sentences."""
    a, b = difference.a, difference.b
    only_a, only_b = difference.only_in_a(), difference.only_in_b()
    return [
        f"A          {a.file}",
        f"B          {b.file}",
        f"installed  {megabytes(a.installed)} -> {megabytes(b.installed)} "
        f"({change(a.installed, b.installed)})",
        f"download   {megabytes(a.size)} -> {megabytes(b.size)} ({change(a.size, b.size)})",
        f"files      {len(a.members):,} -> {len(b.members):,}: {len(only_a):,} only in A, "
        f"{len(only_b):,} only in B, {len(difference.changed()):,} of another size",
    ]


def change(before: int, after: int) -> str:
    """Return a change in percent, with its sign; what more than grows tenfold as a factor."""
    if not before:
        return "new" if after else "-"
    if after > 10 * before:
        return f"x {after / before:,.0f}"
    return f"{100 * (after - before) / before:+.0f} %"


def _kinds(difference: Difference) -> Table:
    table = _table("kind")
    for kind, (a, b) in difference.tallies(by_kind).items():
        assert isinstance(kind, Kind)
        _add(table, kind.label, a.installed, b.installed, a.download, b.download)
    _add(table, "the archive's own", 0, 0, difference.a.overhead, difference.b.overhead)
    a_all, b_all = difference.a, difference.b
    _add(table, "all", a_all.installed, b_all.installed, a_all.size, b_all.size, style="bold")
    return table


def _tallies(heading: str, tallies: Mapping[str, tuple[Tally, Tally]]) -> Table:
    table = _table(heading)
    rows = [(name, a, b) for name, (a, b) in tallies.items() if a != b]
    for name, a, b in rows[:LARGEST]:
        _add(table, name, a.installed, b.installed, a.download, b.download)
    if len(rows) > LARGEST:
        table.add_row(f"({len(rows) - LARGEST} more)", style="dim")
    return table


def _members(difference: Difference) -> Table:
    table = numbers_table("largest changes", "A", "B", "change")
    names = [*difference.only_in_a(), *difference.only_in_b(), *difference.changed()]
    rows = []
    for name in names:
        a, b = (member.installed if member else None for member in difference.pairs[name])
        rows.append((name, a, b, (b or 0) - (a or 0)))
    for name, a, b, delta in sorted(rows, key=lambda row: (-abs(row[3]), row[0]))[:LARGEST]:
        cells = ("-" if size is None else megabytes(size) for size in (a, b))
        table.add_row(name, *cells, _signed(delta))
    return table


def _table(heading: str) -> Table:
    return numbers_table(heading, "A installed", "B installed", "change", "", "A download",
                         "B download", "change")  # fmt: skip


def _add(
    table: Table, name: str, a: int, b: int, a_packed: int, b_packed: int, style: str = ""
) -> None:
    cells = [_size(a), _size(b), _signed(b - a), change(a, b) if a != b else ""]
    cells += [_size(a_packed), _size(b_packed), _signed(b_packed - a_packed)]
    table.add_row(name, *cells, style=style)


def _size(size: int) -> str:
    return megabytes(size) if size else "-"


def _signed(delta: int) -> str:
    return ("+" if delta > 0 else "") + megabytes(delta) if delta else "-"
