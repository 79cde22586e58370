"""Sums over a wheel's contents: by kind, by device architecture, by directory, by section."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from slimwheel.contents.breakdown import MemberContents
from slimwheel.contents.kinds import Kind
from slimwheel.contents.parts import Part

K = TypeVar("K")


class Tally(NamedTuple):
    """Bytes installed and to download, and in how many members they are."""

    installed: int = 0
    download: int = 0
    members: int = 0

    def plus(self, installed: int, download: int, members: int = 0) -> "Tally":
        """Return it with more added."""
        return Tally(self.installed + installed, self.download + download, self.members + members)


def by_kind(members: Iterable[MemberContents]) -> dict[Kind, Tally]:
    """Return the sums of every kind that is there, largest first."""
    found = _summed(members, lambda kind, _part: kind)
    return {kind: found[kind] for kind in sorted(found, key=lambda kind: -found[kind].installed)}


def by_target(members: Iterable[MemberContents]) -> dict[str, Tally]:
    """Return the sums of device code by what it is for, as `sm_90a`, largest first.

    Device code of test programs is among it.
    """
    found = _summed(members, lambda _kind, part: part.target or None if part else None)
    return _largest_first(found)


def by_section(members: Iterable[MemberContents]) -> dict[str, Tally]:
    """Return the sums of sections by their names over all ELF files, largest first."""
    found = _summed(members, lambda _kind, part: part.section if part else None)
    return _largest_first(found)


def by_directory(members: Iterable[MemberContents], depth: int = 2) -> dict[str, Tally]:
    """Return the sums of directories, largest first.

    Args:
        depth: how many levels of names are told apart; files further up are `name/`'s own.
    """
    found: dict[str, Tally] = {}
    for member in members:
        folders = member.name.split("/")[:-1][:depth]
        place = "/".join(folders) + "/" if folders else "(top)"
        found[place] = found.get(place, Tally()).plus(member.installed, member.download, 1)
    return _largest_first(found)


def _summed(
    members: Iterable[MemberContents], key: Callable[[Kind, Part | None], K | None]
) -> dict[K, Tally]:
    found: dict[K, Tally] = {}
    for member in members:
        seen: set[K] = set()
        for kind, part, installed, download in member.shares:
            name = key(kind, part)
            if name is not None:
                tally = found.get(name, Tally())
                found[name] = tally.plus(installed, download, int(name not in seen))
                seen.add(name)
    return found


def _largest_first(found: dict[str, Tally]) -> dict[str, Tally]:
    return dict(sorted(found.items(), key=lambda item: (-item[1].installed, item[0])))
