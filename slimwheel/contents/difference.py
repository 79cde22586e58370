"""Two wheels side by side: what only one of them has, and what has another size."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from slimwheel.contents.breakdown import Breakdown, MemberContents
from slimwheel.contents.tallies import Tally, by_directory, by_kind, by_section, by_target

K = TypeVar("K")
_NONE = Tally()


@dataclass(frozen=True)
class Difference:
    """Two wheels. Members are told by their names; dist-info's by those within it.

    Attributes:
        a, b: the two.
        pairs: every member that is in one of them or in both, by its common name.
    """

    a: Breakdown
    b: Breakdown
    pairs: dict[str, tuple[MemberContents | None, MemberContents | None]]

    def only_in_a(self) -> list[str]:
        """Return the members that B does not have."""
        return [name for name, (_, second) in self.pairs.items() if second is None]

    def only_in_b(self) -> list[str]:
        """Return the members that A does not have."""
        return [name for name, (first, _) in self.pairs.items() if first is None]

    def changed(self) -> list[str]:
        """Return the members of both whose installed sizes differ."""
        return [
            name
            for name, (first, second) in self.pairs.items()
            if first and second and first.installed != second.installed
        ]

    def tallies(self, of: Callable[..., Mapping[K, Tally]]) -> dict[K, tuple[Tally, Tally]]:
        """Return sums of both by `by_kind` or its like; the greatest change of size first."""
        first, second = of(_common(self.a)), of(_common(self.b))
        names = dict.fromkeys([*first, *second])
        rows = {name: (first.get(name, _NONE), second.get(name, _NONE)) for name in names}
        order = sorted(
            rows, key=lambda name: -abs(rows[name][1].installed - rows[name][0].installed)
        )
        return {name: rows[name] for name in order}

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""

        def table(of: Callable[..., Mapping[Any, Tally]]) -> dict[str, Any]:
            return {
                str(name): {"a": first._asdict(), "b": second._asdict()}
                for name, (first, second) in self.tallies(of).items()
            }

        return {
            "a": _summary(self.a),
            "b": _summary(self.b),
            "kinds": table(by_kind),
            "device_code": table(by_target),
            "directories": table(by_directory),
            "sections": table(by_section),
            "only_in_a": self.only_in_a(),
            "only_in_b": self.only_in_b(),
            "changed": {name: _sizes(self.pairs[name]) for name in self.changed()},
        }


def compare(a: Breakdown, b: Breakdown) -> Difference:
    """Lay two wheels side by side."""
    first = {common_name(member.name): member for member in a.members}
    second = {common_name(member.name): member for member in b.members}
    names = sorted({*first, *second})
    return Difference(a, b, {name: (first.get(name), second.get(name)) for name in names})


def common_name(member: str) -> str:
    """Return a member's name with the part of dist-info that has the version left out."""
    top, slash, rest = member.partition("/")
    return f"*.dist-info/{rest}" if slash and top.endswith(".dist-info") else member


def _common(one: Breakdown) -> list[MemberContents]:
    return [replace(member, name=common_name(member.name)) for member in one.members]


def _summary(one: Breakdown) -> dict[str, Any]:
    return {"file": one.file, "installed": one.installed, "download": one.size}


def _sizes(pair: tuple[MemberContents | None, MemberContents | None]) -> dict[str, Any]:
    return {
        side: {"installed": member.installed, "download": member.download}
        for side, member in zip("ab", pair, strict=True)
        if member is not None
    }
