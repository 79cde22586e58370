"""What a plan says, as plain data that can be printed, or kept and printed later.

No decision is made and nothing is written by it: a build makes its own plan.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from slimwheel.report.shapes import Shape, fits

if TYPE_CHECKING:
    from slimwheel.plan import Decision, Plan

_ESTIMATED = ("rewrite", "add")
_SIZES: Shape = {"before": int, "after": int}
_HEAD: Shape = {
    "schema": int,
    "recipe": str,
    "switches": [str],
    "installed": _SIZES,
    "download": {"before": int, "after": int, "estimated": bool},
    "rules": [
        {"rule": str, "files": int, "saved": int, "reason": str, "loses": str, "dev": bool},
    ],
    "cuda": (
        None,
        {
            "libraries": [
                {
                    "member": str,
                    "goes": bool,
                    "why": str,
                    "family": (None, str),
                    "device_code": int,
                },
            ],
            "shadows": [{"member": str, "bytes": int, "symbols": {str: int}}],
            "emptied": [str],
            "renamed": {str: {str: str}},
        },
    ),
    "device_code": (
        None,
        {
            "devices": [str],
            "ptx": bool,
            "architectures": [str],
            "served": [str],
            "unread": [str],
            "libraries": [{"member": str, "images": _SIZES, "bytes": _SIZES}],
        },
    ),
    "decisions": [],
    "dropped": {"requirements": [str], "entry_points": [str]},
    "replaced": {"requirements": {str: str}},
    "warnings": [str],
}
_MEMBER = (str, str, str, int, int, int, int, list)


class PlannedMember(NamedTuple):
    """What happens to one member, as `slimwheel.plan.Decision` says it; savings by rule."""

    member: str
    action: str
    why: str
    before: int
    after: int
    packed_before: int
    packed_after: int
    savings: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, decision: "Decision") -> "PlannedMember":
        """Take what a decision says."""
        return cls(
            decision.member,
            str(decision.action),
            decision.why,
            decision.before,
            decision.after,
            decision.packed_before,
            decision.packed_after,
            tuple((saving.rule, saving.bytes) for saving in decision.savings),
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON reports hold it."""
        return {
            "member": self.member,
            "action": self.action,
            "rules": [rule for rule, _ in self.savings],
            "why": self.why,
            "installed": {"before": self.before, "after": self.after},
            "download": {
                "before": self.packed_before,
                "after": self.packed_after,
                "estimated": self.action in _ESTIMATED,
            },
        }


@dataclass(frozen=True)
class PlannedWheel:
    """What a plan says of a whole wheel.

    Attributes:
        head: what `to_json` returns, with no decisions in it.
        members: by name, sorted.
    """

    head: dict[str, Any]
    members: Mapping[str, PlannedMember]

    @classmethod
    def of(cls, plan: "Plan", download: int) -> "PlannedWheel":
        """Take what a plan says; `download` is the size of upstream's wheel in bytes."""
        head = {
            "schema": 1,
            "recipe": plan.loaded.recipe.name,
            "switches": list(plan.switched),
            "installed": {"before": plan.installed_before, "after": plan.installed_after},
            "download": {"before": download, "after": plan.packed_after, "estimated": True},
            "rules": [summary.to_json() for summary in plan.summaries],
            "cuda": plan.cuda.to_json() if plan.cuda else None,
            "device_code": plan.device_code.to_json() if plan.device_code else None,
            "decisions": [],
            "dropped": {
                "requirements": plan.dropped_requirements,
                "entry_points": plan.dropped_entry_points,
            },
            "replaced": {"requirements": plan.replaced_requirements},
            "warnings": plan.warnings,
        }
        return cls(head, {n: PlannedMember.of(d) for n, d in sorted(plan.decisions.items())})

    def with_actions(self, *actions: str) -> list[PlannedMember]:
        """Return the members that one of some actions is for, sorted by name."""
        return [member for member in self.members.values() if member.action in actions]

    def verdict(self, member: str) -> dict[str, Any] | None:
        """Return why a library goes with CUDA or stays; None where it has nothing to do with it."""
        libraries = self.head["cuda"]["libraries"] if self.head["cuda"] else []
        return next((verdict for verdict in libraries if verdict["member"] == member), None)

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON reports hold it."""
        return self.head | {"decisions": [member.to_json() for member in self.members.values()]}

    def to_document(self) -> dict[str, Any]:
        """Return all of it as short as JSON can have it, for `from_document`."""
        return {"head": self.head, "members": list(self.members.values())}

    @classmethod
    def from_document(cls, document: object) -> "PlannedWheel | None":
        """Return what `to_document` was made of, None where it is no such document."""
        if not isinstance(document, dict) or document.keys() != {"head", "members"}:
            return None
        head, rows = document["head"], document["members"]
        if not fits(head, _HEAD) or not isinstance(rows, list):
            return None
        members: dict[str, PlannedMember] = {}
        for row in rows:
            if not isinstance(row, list) or tuple(map(type, row)) != _MEMBER:
                return None
            *fields, savings = row
            if not all(map(_is_saving, savings)):
                return None
            members[row[0]] = PlannedMember._make((*fields, tuple(map(tuple, savings))))
        libraries = head["cuda"]["libraries"] if head["cuda"] else []
        if not all(verdict["member"] in members for verdict in libraries):
            return None
        return cls(head, members)


def _is_saving(value: object) -> bool:
    return isinstance(value, list) and tuple(map(type, value)) == (str, int)
