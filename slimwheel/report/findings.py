"""What checking a wheel found, a line each, and the verdict.

Apart from tables and pages, which take long to load and are for wheels that were run.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from slimwheel.verify.verification import FindingGroup, Verification

if TYPE_CHECKING:
    from slimwheel.verify.against import RunningReport

# Of many members with one finding so many are named.
_NAMED = 3


def finding_lines(result: Verification) -> Iterator[str]:
    """Yield a line for each thing found, whose members are counted."""
    for group in result.groups:
        where = group.members[0] + ": " if len(group.members) == 1 else ""
        many = f" ({_members(group)})" if len(group.members) > 1 else ""
        yield f"{group.code} {group.code.severity}: {where}{group.message}{many}"


def verdict(result: Verification) -> str:
    """Return the last line: whether the wheel is sound, and equal to upstream where it was run."""
    notes = len(result.findings) - result.errors
    words = [
        "no finding" if not result.findings else f"{result.errors} errors, {notes} notes",
    ]
    if result.running is not None:
        differences = len(result.running.differences)
        words.append(f"{differences} differences" if differences else "equal to upstream")
        designed = len(running_design(result.running))
        if designed:
            words.append(f"{designed} differences that its recipe names")
    return f"{result.path.name}: {'ok' if result.ok else 'NOT OK'}: {', '.join(words)}"


def running_design(running: "RunningReport") -> Mapping[str, str]:
    """Return what differs on purpose: the recipe's reasons by record."""
    return running.battery.by_design if running.battery is not None else {}


def _members(group: FindingGroup) -> str:
    more = len(group.members) - _NAMED
    names = ", ".join(group.members[:_NAMED])
    return f"{len(group.members):,} files: {names}" + (f" and {more:,} more" if more > 0 else "")
