"""Members of a wheel and the names that they may have."""

import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from slimwheel.errors import WheelError
from slimwheel.wheelfile.directory import Member

STORED, DEFLATED = 0, 8

_ENCRYPTED = 0x1 | 0x40
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_REBUILD = "Ask whoever built this wheel to rebuild it; installers differ on such files."


class MemberFault(StrEnum):
    """What is wrong with an entry of an archive."""

    NAME = "name"
    TWICE = "twice"
    KIND = "kind"


class MemberProblem(NamedTuple):
    """An entry that no wheel may have, by its name."""

    fault: MemberFault
    message: str
    name: str


def member_problems(entries: Iterable[Member]) -> Iterator[MemberProblem]:
    """Yield what is wrong with the entries of a directory.

    That is a name that leaves the wheel, stands twice or is both file and directory; an encrypted
    member, a symbolic link, or a compression that installers do not share.
    """
    files: set[str] = set()
    directories: set[str] = set()
    for entry in entries:
        name = entry.name
        if problem := _name_problem(name):
            yield MemberProblem(MemberFault.NAME, problem, repr(name))
            continue
        if name in files:
            yield MemberProblem(MemberFault.TWICE, "stands twice in the archive", name)
        if not name.endswith("/"):
            if problem := _kind_problem(entry):
                yield MemberProblem(MemberFault.KIND, problem, name)
            files.add(name)
        while (name := name.rpartition("/")[0]) and name not in directories:
            directories.add(name)
    for name in sorted(directories.intersection(files)):
        yield MemberProblem(MemberFault.TWICE, "is a file and also a directory", name)


def checked_members(entries: Sequence[Member], *, file: str) -> dict[str, Member]:
    """Return the files of a directory by name; directory entries carry nothing.

    Raises:
        WheelError: the first of `member_problems`.
    """
    for _, message, name in member_problems(entries):
        raise WheelError(message, file=file, place=name, hint=_REBUILD)
    return {entry.name: entry for entry in entries if not entry.name.endswith("/")}


def _name_problem(name: str) -> str | None:
    if _is_plain(name):
        return None
    parts = name.rstrip("/").split("/")
    if not name or "\0" in name:
        return "has an empty name or one with a NUL byte"
    if _CONTROL.search(name):
        return "has a control character in its name"
    if "\\" in name:
        return "has a backslash in its name"
    if name.startswith("/") or name[1:2] == ":":
        return "has an absolute name"
    if ".." in parts:
        return "has a name that leaves the wheel"
    if "" in parts or "." in parts:
        return "has a name that is not normal"
    return None


def _is_plain(name: str) -> bool:
    """Tell of most names, quickly, that nothing is wrong with them."""
    return (
        name.isprintable()
        and not name.startswith((".", "/"))
        and not name.endswith("/")
        and not ("/." in name or "//" in name or "\\" in name or ":" in name)
        and name != ""
    )


def _kind_problem(entry: Member) -> str | None:
    if entry.flags & _ENCRYPTED:
        return "is encrypted"
    if entry.method not in (STORED, DEFLATED):
        return f"is compressed by method {entry.method}; wheels use deflate or none"
    if stat.S_ISLNK(entry.mode):
        return "is a symbolic link, which installers write as a plain file"
    if entry.method == STORED and entry.compressed_size != entry.size:
        return "is stored, but its two sizes differ"
    return None
