"""What a recipe leaves of a wheel, down to the sections of its libraries."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from slimwheel.contents.breakdown import Breakdown, MemberContents
from slimwheel.contents.kinds import Kind, file_kind, is_test
from slimwheel.contents.parts import Part
from slimwheel.elf import Edits, Keep
from slimwheel.plan import Action, Decision, Plan


class PartLeft(NamedTuple):
    """Bytes that are left of one part of an ELF file, and by which rules it has fewer."""

    installed: int
    rules: tuple[str, ...] = ()


@dataclass(frozen=True)
class Remainder:
    """What is left of one member.

    Attributes:
        action: what the recipe does to it.
        rules: the rules that asked for it.
        why: in words.
        installed: bytes that the result has in its place, 0 where it goes.
        download: the same, compressed; an estimate where it is rewritten.
        parts: of an ELF file that is rewritten, what is left of each part, in their order; nothing
            of any where another file takes its place.
    """

    action: Action
    rules: tuple[str, ...]
    why: str
    installed: int
    download: int
    parts: tuple[PartLeft, ...] = ()

    def kept(self, member: MemberContents) -> tuple[int, ...]:
        """Return how many bytes of each of the member's `shares` are still in the result."""
        if self.action is Action.DROP:
            return (0,) * len(member.shares)
        if self.action is Action.REWRITE:
            if self.parts:
                return tuple(part.installed for part in self.parts)
            return (min(member.installed, self.installed),)
        return tuple(size for _, _, size, _ in member.shares)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        report: dict[str, Any] = {
            "action": str(self.action),
            "rules": list(self.rules),
            "why": self.why,
            "installed": self.installed,
            "download": self.download,
        }
        if self.parts:
            rows = ({"installed": part.installed, "rules": list(part.rules)} for part in self.parts)
            report["parts"] = list(rows)
        return report


@dataclass(frozen=True)
class Remains:
    """What is left of a wheel.

    Attributes:
        recipe: its name.
        members: by upstream's name.
        added: files that the recipe's result has besides.
        loses: by rule, what is lost by it; without those that find nothing.
        reasons: by rule, why it is done.
    """

    recipe: str
    members: dict[str, Remainder]
    added: tuple[MemberContents, ...]
    loses: dict[str, str]
    reasons: dict[str, str]

    @property
    def installed(self) -> int:
        """Bytes of all files of the result."""
        left = sum(remainder.installed for remainder in self.members.values())
        return left + sum(member.installed for member in self.added)

    @property
    def download(self) -> int:
        """Compressed bytes of all members of the result, estimated."""
        left = sum(remainder.download for remainder in self.members.values())
        return left + sum(member.download for member in self.added)

    def removed_by_kind(self, breakdown: Breakdown) -> dict[Kind, int]:
        """Return the installed bytes of upstream's that go, by kind."""
        found = dict.fromkeys(Kind, 0)
        for member in breakdown.members:
            left = self.members[member.name]
            kept = left.kept(member)
            for (kind, _, size, _), stays in zip(member.shares, kept, strict=True):
                found[kind] += size - stays
        return {kind: size for kind, size in found.items() if size}

    def written_anew(self, breakdown: Breakdown) -> int:
        """Return the installed bytes that the result has and upstream's wheel does not."""
        kept = sum(sum(self.members[m.name].kept(m)) for m in breakdown.members)
        return self.installed - kept

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "recipe": self.recipe,
            "installed": self.installed,
            "download": {"bytes": self.download, "estimated": True},
            "rules": [
                {"rule": rule, "reason": self.reasons[rule], "loses": loses}
                for rule, loses in self.loses.items()
            ],
            "members": {
                name: remainder.to_json()
                for name, remainder in self.members.items()
                if remainder.action is not Action.KEEP
            },
            "added": [member.to_json() for member in self.added],
        }


def remains_of(breakdown: Breakdown, plan: Plan) -> Remains:
    """Return what a plan leaves of the wheel that it was made for."""
    names = {member.name for member in breakdown.members}
    members = {
        member.name: _remainder(member, plan.decisions[member.name], plan)
        for member in breakdown.members
    }
    added = tuple(
        MemberContents(
            decision.member,
            _kind_of_added(decision.member),
            decision.after,
            decision.packed_after,
        )
        for decision in plan.with_action(Action.ADD)
        if decision.member not in names
    )
    acting = [summary for summary in plan.summaries if summary.members or summary.saved]
    return Remains(
        recipe=plan.loaded.recipe.name,
        members=members,
        added=added,
        loses={summary.rule.id: summary.rule.loses for summary in acting},
        reasons={summary.rule.id: summary.rule.reason for summary in acting},
    )


def _remainder(member: MemberContents, decision: Decision, plan: Plan) -> Remainder:
    rewrite = plan.elf.get(member.name)
    parts: tuple[PartLeft, ...] = ()
    if decision.action is Action.REWRITE and member.parts:
        if rewrite is None:
            parts = (PartLeft(0, decision.rules),) * len(member.parts)
        else:
            sizes = _kept(member.parts, rewrite.edits)
            parts = tuple(
                PartLeft(size, _rules(part, decision, plan) if size < part.size else ())
                for part, size in zip(member.parts, sizes, strict=True)
            )
    return Remainder(
        decision.action,
        decision.rules,
        decision.why,
        decision.after,
        decision.packed_after,
        parts,
    )


def _rules(part: Part, decision: Decision, plan: Plan) -> tuple[str, ...]:
    """Return which of a member's rules a part of it is smaller by, all where none is known to be.

    Symbols and device code have rules of their own, and leftovers are what no section has.
    """
    recipe = plan.loaded.recipe
    known = {
        Kind.SYMBOLS: (recipe.symbols,),
        Kind.DEBUG: (recipe.symbols,),
        Kind.DEVICE_CODE: (recipe.device_code, recipe.cuda),
        Kind.PADDING: (recipe.leftovers,),
    }
    mine = {rule.id for rule in known.get(part.kind, ()) if rule is not None}
    return tuple(rule for rule in decision.rules if rule in mine) or decision.rules


def _kept(parts: Sequence[Part], edits: Edits) -> tuple[int, ...]:
    """Return how many bytes of each part a new file has of the old one.

    Where patchelf let the file grow first, what was there before keeps its place: it adds behind.
    """
    kept = sorted((piece.start, piece.stop) for piece in edits.pieces if isinstance(piece, Keep))
    starts = [start for start, _ in kept]

    def within(one: range) -> int:
        size = 0
        for start, stop in kept[max(bisect_right(starts, one.start) - 1, 0) :]:
            if start >= one.stop:
                break
            size += max(min(stop, one.stop) - max(start, one.start), 0)
        return size

    return tuple(sum(map(within, part.ranges)) for part in parts)


def _kind_of_added(name: str) -> Kind:
    """Return the kind of what slimwheel adds: shadow libraries are tables for the loader."""
    if ".so" in name.rpartition("/")[2]:
        return Kind.TEST_PROGRAMS if is_test(name) else Kind.DYNAMIC_SYMBOLS
    return file_kind(name, b"")
