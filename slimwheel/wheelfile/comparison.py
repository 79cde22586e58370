"""Two archives held against each other, member by member.

For one that should be the other: it tells what a member's bytes are from how they are compressed
and what the archive says of them.
"""

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from slimwheel.errors import WheelError
from slimwheel.wheelfile.archive import Archive
from slimwheel.wheelfile.directory import Member

# What a directory says of a member beside its sizes, by zipfile's names.
_FIELDS = {
    "date_time": "time",
    "external_attr": "mode",
    "create_system": "system",
    "create_version": "version",
    "extract_version": "version",
    "flag_bits": "flags",
    "internal_attr": "attributes",
    "extra": "extra field",
    "comment": "comment",
}
# The fixed parts of a local header, a directory entry and the end (APPNOTE.TXT 6.3.10).
_ENTRY_SIZE, _END_SIZE = 46, 22


class Kind(StrEnum):
    """How a member differs from its counterpart."""

    ADDED = "added"
    MISSING = "missing"
    CONTENT = "content"
    COMPRESSION = "compression"
    METADATA = "metadata"


@dataclass(frozen=True)
class MemberDifference:
    """One member that differs; `detail` says more where there is more to say."""

    name: str
    kind: Kind
    detail: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {"member": self.name, "kind": str(self.kind), "detail": self.detail}


@dataclass(frozen=True)
class ArchiveDifference:
    """What tells two archives apart.

    Attributes:
        members: those that differ, by name.
        outside: what else does, a few words each.
    """

    members: tuple[MemberDifference, ...]
    outside: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "members": [member.to_json() for member in self.members],
            "outside": list(self.outside),
        }


def compare_archives(path: Path, expected: Path) -> ArchiveDifference:
    """Tell how one archive differs from another; nothing is told only where all bytes are equal.

    Args:
        path: the one in question, whose members may be damaged.
        expected: what it should be.

    Raises:
        WheelError: one is no archive that wheels can be, or `expected` is damaged.
    """
    with Archive.open(path) as left, Archive.open(expected) as right:
        ours, theirs = _Directory(path), _Directory(expected)
        members = []
        for name in sorted({*left.members, *right.members}):
            if name not in right.members:
                members.append(MemberDifference(name, Kind.ADDED))
            elif name not in left.members:
                members.append(MemberDifference(name, Kind.MISSING))
            elif found := _compared(left, right, name):
                members.append(found)
            elif changed := ours.differing(theirs, name):
                detail = ", ".join(changed)
                members.append(MemberDifference(name, Kind.METADATA, detail))
            elif left.local_header(left.members[name]) != right.local_header(right.members[name]):
                members.append(MemberDifference(name, Kind.METADATA, "local header"))
        outside = tuple(_outside(ours, theirs))
    if not members and not outside and not _equal(path, expected):
        outside = ("bytes that belong to no member",)
    return ArchiveDifference(tuple(members), outside)


class _Directory:
    """What an archive's directory says."""

    def __init__(self, path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            self._infos = {info.orig_filename: info for info in archive.infolist()}
            self.comment = archive.comment
            accounted = sum(self._accounted(info) for info in archive.infolist())
        headers = 0
        with Archive.open(path) as opened:
            for member in opened.members.values():
                with suppress(WheelError):  # Told where the member is compared.
                    headers += len(opened.local_header(member))
        self.rest = path.stat().st_size - accounted - headers - _END_SIZE - len(self.comment)
        """Bytes that are neither a member's, nor the directory's, nor of the plain end."""

    @property
    def names(self) -> list[str]:
        """The members in the directory's order."""
        return list(self._infos)

    @property
    def layout(self) -> list[str]:
        """The members in the order in which they lie in the file."""
        return sorted(self._infos, key=lambda name: self._infos[name].header_offset)

    def differing(self, other: "_Directory", name: str) -> list[str]:
        """Return what two directories say differently of a member."""
        mine, its = self._infos[name], other._infos[name]
        words = (w for field, w in _FIELDS.items() if getattr(mine, field) != getattr(its, field))
        return list(dict.fromkeys(words))

    def _accounted(self, info: zipfile.ZipInfo) -> int:
        entry = _ENTRY_SIZE + len(info.orig_filename.encode()) + len(info.extra)
        return entry + len(info.comment) + info.compress_size


def _compared(left: Archive, right: Archive, name: str) -> MemberDifference | None:
    """Compare what a member holds, and how it is compressed."""
    mine, its = left.members[name], right.members[name]
    if (mine.size, mine.crc) != (its.size, its.crc):
        return MemberDifference(name, Kind.CONTENT)
    try:
        if _same_raw(left, mine, right, its):
            return None
        content = _sha256(left, mine)
    except WheelError as error:
        return MemberDifference(name, Kind.CONTENT, f"it {error.message}")
    if content != _sha256(right, its):
        return MemberDifference(name, Kind.CONTENT)
    detail = f"{mine.compressed_size:,} bytes for {its.compressed_size:,}"
    return MemberDifference(name, Kind.COMPRESSION, detail)


def _same_raw(left: Archive, mine: Member, right: Archive, its: Member) -> bool:
    if (mine.method, mine.compressed_size) != (its.method, its.compressed_size):
        return False
    pairs = zip(left.raw_chunks(mine), right.raw_chunks(its), strict=True)
    return all(one == other for one, other in pairs)


def _sha256(archive: Archive, member: Member) -> bytes:
    digest = hashlib.sha256()
    for chunk in archive.chunks(member):
        digest.update(chunk)
    return digest.digest()


def _outside(ours: _Directory, theirs: _Directory) -> Iterator[str]:
    """Yield what differs beside the members themselves."""
    both = set(ours.names) & set(theirs.names)
    if [n for n in ours.names if n in both] != [n for n in theirs.names if n in both] or (
        [n for n in ours.layout if n in both] != [n for n in theirs.layout if n in both]
    ):
        yield "the order of members"
    if folders := sorted(n for n in {*ours.names} ^ {*theirs.names} if n.endswith("/")):
        yield f"entries of directories: {', '.join(folders)}"
    if ours.comment != theirs.comment:
        yield "the archive's comment"
    if ours.rest != theirs.rest:
        yield f"{abs(ours.rest - theirs.rest):,} bytes that belong to no member"


def _equal(path: Path, other: Path) -> bool:
    with path.open("rb") as one, other.open("rb") as two:
        return hashlib.file_digest(one, "sha256").digest() == (
            hashlib.file_digest(two, "sha256").digest()
        )
