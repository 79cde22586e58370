"""Every member of a wheel with what it is made of. One member is unpacked at a time."""

import contextlib
import mmap
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from slimwheel.contents.kinds import Kind, file_kind, is_test
from slimwheel.contents.parts import Part, elf_parts
from slimwheel.elf import ElfFile, is_elf
from slimwheel.errors import ElfError
from slimwheel.wheelfile.directory import Member
from slimwheel.wheelfile.wheel import Wheel

_HEAD = 8


@dataclass(frozen=True)
class MemberContents:
    """One member of a wheel, or one library on its own.

    Attributes:
        name: in the wheel.
        kind: that of the whole file; of an ELF file that of its largest part, or TEST_PROGRAMS.
        installed: bytes when installed.
        download: compressed bytes in the wheel, without the archive's own headers.
        parts: of an ELF file, whose sizes add up to `installed`; none otherwise.
        trouble: why an ELF file's parts are not known, None where they are or it is none.
    """

    name: str
    kind: Kind
    installed: int
    download: int
    parts: tuple[Part, ...] = ()
    trouble: str | None = None

    @property
    def shares(self) -> list[tuple[Kind, Part | None, int, int]]:
        """The kinds of its bytes: (kind, part, installed, download), which add up to the member's.

        The download of a part is its share of the member's by size: an estimate, for parts are
        not compressed one by one, and some are packed better than others.
        """
        if not self.parts:
            return [(self.kind, None, self.installed, self.download)]
        shares: list[tuple[Kind, Part | None, int, int]] = []
        done = given = 0
        for part in self.parts:
            done += part.size
            upto = self.download * done // self.installed if self.installed else 0
            shares.append((part.kind, part, part.size, upto - given))
            given = upto
        return shares

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        report: dict[str, Any] = {
            "name": self.name,
            "kind": str(self.kind),
            "installed": self.installed,
            "download": self.download,
        }
        if self.parts:
            report["parts"] = [
                {
                    "section": part.section,
                    "target": part.target or None,
                    "kind": str(part.kind),
                    "installed": size,
                    "download": download,
                }
                for _, part, size, download in self.shares
                if part is not None
            ]
        if self.trouble:
            report["error"] = self.trouble
        return report


@dataclass(frozen=True)
class Breakdown:
    """All bytes of a wheel.

    Attributes:
        file: the wheel's file name.
        size: bytes of the file: what is downloaded.
        members: in the archive's order.
        requirements: Requires-Dist of METADATA.
        python: the wheel's Python tags, as `cp311`.
    """

    file: str
    size: int
    members: tuple[MemberContents, ...]
    requirements: tuple[str, ...] = ()
    python: tuple[str, ...] = ()

    @cached_property
    def installed(self) -> int:
        """Bytes of all files, bytecode that installers compile not counted."""
        return sum(member.installed for member in self.members)

    @cached_property
    def overhead(self) -> int:
        """Bytes of the archive that are no member's: headers and the directory."""
        return self.size - sum(member.download for member in self.members)

    def member(self, name: str) -> MemberContents | None:
        """Return a member by its name."""
        return next((member for member in self.members if member.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "file": self.file,
            "installed": self.installed,
            "download": self.size,
            "archive_overhead": self.overhead,
            "requires": list(self.requirements),
            "members": [member.to_json() for member in self.members],
        }


def contents_of(
    path: Path, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> Breakdown:
    """Find out what a wheel is made of.

    Args:
        path: the wheel.
        progress: told how many bytes of how many have been looked at.

    Raises:
        WheelError: the wheel is malformed, or a member is damaged.
    """
    with (
        Wheel.open(path) as wheel,
        tempfile.TemporaryDirectory(prefix="slimwheel-inspect-") as scratch,
    ):
        file = Path(scratch) / "member"
        members = []
        done, total = 0, sum(member.size for member in wheel.members.values())
        for member in wheel.members.values():
            members.append(_of_member(wheel, member, file))
            done += member.size
            progress(done, total)
        return Breakdown(
            file=path.name,
            size=path.stat().st_size,
            members=tuple(members),
            requirements=tuple(wheel.metadata.get_all("Requires-Dist")),
            python=tuple(wheel.name.tag.split("-")[0].split(".")),
        )


def is_library(path: Path) -> bool:
    """Tell whether a file is there and says that it is ELF."""
    try:
        with path.open("rb") as stream:
            return is_elf(stream.read(4))
    except OSError:
        return False


def library_contents(path: Path) -> MemberContents:
    """Find out what a library or program, which is in no wheel, is made of.

    Raises:
        ElfError: it is no ELF file, or damaged.
    """
    size = path.stat().st_size
    with _Mapped(path, str(path)) as elf:
        parts = elf_parts(elf)
    return MemberContents(str(path), _main_kind(parts), size, size, parts)


def _of_member(wheel: Wheel, member: Member, scratch: Path) -> MemberContents:
    sizes = (member.size, member.compressed_size)
    head = wheel.archive.head(member, _HEAD)
    if not is_elf(head):
        kind = file_kind(member.name, head, executable=member.executable)
        return MemberContents(member.name, kind, *sizes)
    whole = Kind.TEST_PROGRAMS if is_test(member.name) else None
    with scratch.open("wb") as out:
        for chunk in wheel.archive.chunks(member):
            out.write(chunk)
    try:
        with _Mapped(scratch, member.name) as elf:
            parts = elf_parts(elf)
    except ElfError as error:
        return MemberContents(member.name, whole or Kind.OTHER, *sizes, trouble=str(error))
    finally:
        scratch.unlink(missing_ok=True)  # What is still mapped keeps its bytes until it goes.
    if whole:
        parts = tuple(Part(whole, part.section, part.ranges, part.target) for part in parts)
    return MemberContents(member.name, _main_kind(parts), *sizes, parts)


def _main_kind(parts: tuple[Part, ...]) -> Kind:
    """Return the kind that has most of the bytes; of equal ones, the first in Kind's order."""
    sums = dict.fromkeys(Kind, 0)
    for part in parts:
        sums[part.kind] += part.size
    return max(sums, key=lambda kind: sums[kind])


class _Mapped:
    """An ELF file that is mapped for as long as it is looked at."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self._map: mmap.mmap | None = None

    def __enter__(self) -> ElfFile:
        with self._path.open("rb") as stream:
            self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        return ElfFile.parse(self._map, self._name)

    def __exit__(self, *_: object) -> None:
        # Views of the map may outlive it here; the last of them to go frees it.
        if self._map is not None:
            with contextlib.suppress(BufferError):
                self._map.close()
