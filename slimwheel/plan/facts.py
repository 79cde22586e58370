"""What analysis finds in members. No decisions are made here.

A member is looked at only when a rule asks for it. ELF files are unpacked to a scratch directory
and mapped from there: their section headers stand at the end, so nothing less would do, and the
build writes the new file from the same copy.

They are not kept: what `slimwheel plan` says is, as a whole (slimwheel.cli.planning), and a build
looks at the wheel's own bytes.
"""

import contextlib
import itertools
import mmap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from slimwheel.elf import ElfFile, ElfShapeError, PatchelfQueue, is_elf
from slimwheel.recipe import ContentKind
from slimwheel.wheelfile.splicing import BlockIndex
from slimwheel.wheelfile.wheel import Wheel

_ARCHIVE_MAGIC = (b"!<arch>\n", b"!<thin>\n")


@dataclass(frozen=True)
class ElfFacts:
    """An ELF member, unpacked.

    Attributes:
        blocks: where the wheel has it compressed; none where patchelf changed the unpacked copy, or
            nobody asked for them.
    """

    member: str
    path: Path
    mapped: mmap.mmap
    elf: ElfFile
    blocks: BlockIndex


class Facts:
    """Facts about one wheel's members, each found once.

    Args:
        wheel: open for as long as the facts are used.
        scratch: a directory for unpacked ELF files; the caller removes it.
        blocks: whether to note where ELF files' compressed blocks are, as a build wants that copies
            them; without it unpacking takes less.
    """

    def __init__(self, wheel: Wheel, scratch: Path, *, blocks: bool = True) -> None:
        self.wheel = wheel
        self._blocks = blocks
        self._scratch = scratch
        self._kinds: dict[str, ContentKind | None] = {}
        self._elf: dict[str, ElfFacts] = {}
        self._shapeless: dict[str, ElfShapeError] = {}
        self._numbers = itertools.count()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for facts in self._elf.values():
            self._unmap(facts)
        self._elf.clear()

    def kind(self, member: str) -> ContentKind | None:
        """Return what a member is, told from its first bytes."""
        if member not in self._kinds:
            head = self.wheel.archive.head(self.wheel.members[member], 8)
            if is_elf(head):
                self._kinds[member] = ContentKind.ELF
            elif head in _ARCHIVE_MAGIC:
                self._kinds[member] = ContentKind.STATIC_ARCHIVE
            else:
                self._kinds[member] = None
        return self._kinds[member]

    def is_elf(self, member: str) -> bool:
        """Whether a member says that it is ELF."""
        return self.kind(member) is ContentKind.ELF

    def elf(self, member: str) -> ElfFacts:
        """Unpack and read an ELF member; its bytes are checked against CRC and RECORD.

        Raises:
            WheelError: the member is damaged.
            ElfError: it is no whole ELF file.
        """
        if member in self._shapeless:
            raise self._shapeless[member]
        if member not in self._elf:
            path = self._scratch / f"{next(self._numbers)}.elf"
            upstream = self.wheel.members[member]
            walk = self.wheel.walk(upstream) if self._blocks else None
            with path.open("wb") as out:
                for chunk in self.wheel.chunks(upstream) if walk is None else walk:
                    out.write(chunk)
            try:
                self._elf[member] = self._mapped(member, path, walk.index if walk else None)
            except ElfShapeError as error:
                self._shapeless[member] = error
                path.unlink()
                raise
        return self._elf[member]

    def known_elf(self, member: str) -> ElfFile | None:
        """Return an ELF member as `elf` reads it, None where it is sound but of no known shape.

        Raises:
            WheelError, ElfError: the member is damaged.
        """
        try:
            return self.elf(member).elf
        except ElfShapeError:
            return None

    def grow(
        self,
        member: str,
        *,
        rpath: str | None,
        needed: Iterable[str] = (),
        renamed: Mapping[str, str] | None = None,
    ) -> ElfFacts:
        """Let patchelf give the unpacked copy what does not fit in place.

        Args:
            rpath: the new RPATH, None to leave it.
            needed: libraries to add to DT_NEEDED.
            renamed: new names of libraries that it needs, by their old ones.

        Raises:
            ToolError: patchelf is missing, too old or failed.
        """
        old = self.elf(member)
        queue = PatchelfQueue(old.path, old.elf)
        if rpath is not None:
            queue.set_rpath(rpath)
        for library in needed:
            queue.add_needed(library)
        for name, new in (renamed or {}).items():
            queue.replace_needed(name, new)
        queue.apply()
        self._unmap(old)
        self._elf[member] = self._mapped(member, old.path, None)
        return self._elf[member]

    def release(self, member: str) -> None:
        """Forget an ELF member and free its scratch space."""
        facts = self._elf.pop(member, None)
        if facts is not None:
            self._unmap(facts)
            facts.path.unlink(missing_ok=True)

    def hand_over(self, member: str) -> Path:
        """Forget an ELF member and return its file, which is the caller's then."""
        facts = self._elf.pop(member)
        self._unmap(facts)
        return facts.path

    def _mapped(self, member: str, path: Path, blocks: BlockIndex | None) -> ElfFacts:
        with path.open("rb") as stream:
            mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        elf = ElfFile.parse(mapped, f"{self.wheel.file}: {member}")
        if blocks is None:
            blocks = BlockIndex.none(len(mapped))
        return ElfFacts(member, path, mapped, elf, blocks)

    def _unmap(self, facts: ElfFacts) -> None:
        # Views of the map may outlive it here; the last of them to go frees it.
        with contextlib.suppress(BufferError):
            facts.mapped.close()
