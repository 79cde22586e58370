"""Where a wheel's bytes are: every byte of every member has one kind, and the sums are exact."""

from slimwheel.contents.breakdown import (
    Breakdown,
    MemberContents,
    contents_of,
    is_library,
    library_contents,
)
from slimwheel.contents.difference import Difference, compare
from slimwheel.contents.kinds import Group, Kind
from slimwheel.contents.limits import (
    LIMITS,
    Budget,
    Excess,
    Limit,
    Verdict,
    excesses,
    required_by,
    verdicts_on,
)
from slimwheel.contents.parts import Part
from slimwheel.contents.remains import Remainder, Remains, remains_of
from slimwheel.contents.tallies import Tally, by_directory, by_kind, by_section, by_target

__all__ = [
    "LIMITS",
    "Breakdown",
    "Budget",
    "Difference",
    "Excess",
    "Group",
    "Kind",
    "Limit",
    "MemberContents",
    "Part",
    "Remainder",
    "Remains",
    "Tally",
    "Verdict",
    "by_directory",
    "by_kind",
    "by_section",
    "by_target",
    "compare",
    "contents_of",
    "excesses",
    "is_library",
    "library_contents",
    "remains_of",
    "required_by",
    "verdicts_on",
]
