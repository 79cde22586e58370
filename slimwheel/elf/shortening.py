"""Taking the end of a section out of a file while everything keeps its address.

Addresses behind the section must not change, so the whole pages that become free leave a hole in
memory: the PT_LOAD around the section becomes two, and the file has nothing for what is between
them. Loaders map such a hole as memory that nobody may touch, which costs nothing. It takes one
more program header. docs/formats-elf.md says which rules of the loaders this keeps.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from slimwheel.elf import format as fmt
from slimwheel.elf.edits import Patch, Zeros
from slimwheel.elf.errors import ElfShapeError
from slimwheel.elf.file import ElfFile
from slimwheel.elf.format import Section, Segment

_PAGE_SIZES = {fmt.EM_X86_64: 4096}
_LARGEST_PAGE_SIZE = 65536
# What patchelf overwrites what it moved with, by its version, and what linkers pad with.
_FILLERS = (b"\0", b"X", b"Z")


@dataclass(frozen=True)
class Hole:
    """A stretch of the file that goes, by offsets; whole pages of one PT_LOAD."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """Bytes that go."""
        return self.stop - self.start


@dataclass(frozen=True)
class Shortened:
    """A file as its headers will describe it, before anything moves.

    Attributes:
        elf: the old bytes with new headers: PT_LOADs with holes between them, shorter sections.
        holes: what of the old file goes, in its order.
        patches: zeros for what is free and does not go, for want of a whole page or of room.
        left: free bytes that could have gone, had there been room for program headers.
    """

    elf: ElfFile
    holes: tuple[Hole, ...]
    patches: tuple[Patch, ...]
    left: int


def page_size(elf: ElfFile) -> int:
    """Return the size of the largest pages that loaders use for a file's machine."""
    return _PAGE_SIZES.get(elf.header.machine, _LARGEST_PAGE_SIZE)


def shorten(elf: ElfFile, sizes: Mapping[int, int]) -> Shortened:
    """Give sections new, smaller sizes.

    Where there is no room for a program header for every hole, the largest holes are made.

    Args:
        elf: the file; nothing that a section loses may still be used.
        sizes: new sizes in bytes, by the number of the section.

    Raises:
        ElfShapeError: a section is in no PT_LOAD, or grows.
    """
    sections = list(elf.sections)
    tails: list[range] = []
    possible: list[Hole] = []
    for number, size in sorted(sizes.items()):
        section = sections[number]
        if size == section.size:
            continue
        load = _load_of(elf, section)
        if not 0 <= size < section.size:
            raise _refusal(elf, f"section {section.name} cannot have {size} bytes", section.offset)
        sections[number] = section._replace(size=size)
        tails.append(range(section.offset + size, section.end))
        possible += _hole(elf, load, tails[-1])
    segments, holes = _with_holes(elf, possible)
    header = elf.header._replace(phnum=len(segments))
    new = replace(elf, header=header, segments=segments, sections=tuple(sections))
    patches = [patch for tail in tails for patch in _zeros(tail, holes)]
    left = sum(hole.size for hole in possible if hole not in holes)
    return Shortened(new, holes, tuple(patches), left)


def _load_of(elf: ElfFile, section: Section) -> Segment:
    for load in elf.loads if section.is_alloc and section.file_size else ():
        is_inside = load.offset <= section.offset and section.end <= load.end
        if is_inside and section.offset - load.offset == section.address - load.address:
            return load
    raise _refusal(elf, f"section {section.name} is in no loaded segment", section.offset)


def _hole(elf: ElfFile, load: Segment, tail: range) -> Iterator[Hole]:
    """Yield the whole pages of a section's tail, if there are any."""
    page = page_size(elf)
    delta = load.address - load.offset
    first = -(-(tail.start + delta) // page) * page
    last = (tail.stop + delta) // page * page
    if first <= load.address:
        first += page  # A segment keeps at least its first page.
    if first < last:
        yield Hole(first - delta, last - delta)


def _with_holes(elf: ElfFile, possible: list[Hole]) -> tuple[tuple[Segment, ...], tuple[Hole, ...]]:
    """Split PT_LOADs at the largest holes that there is room for; return segments and holes."""
    segments = list(elf.segments)
    for count in range(len(possible), -1, -1):
        chosen = sorted(possible, key=lambda hole: hole.size, reverse=True)[:count]
        holes = tuple(sorted(chosen, key=lambda hole: hole.start))
        split = [piece for segment in elf.segments for piece in _split(segment, holes)]
        fitting = _fitting(elf, split)
        if fitting is not None:
            segments = fitting
            break
    table_size = len(segments) * fmt.PROGRAM_HEADER.size
    numbered = (segment._replace(number=number) for number, segment in enumerate(segments))
    return tuple(
        s._replace(file_size=table_size, memory_size=table_size) if s.type == fmt.PT_PHDR else s
        for s in numbered
    ), holes


def _split(segment: Segment, holes: tuple[Hole, ...]) -> Iterator[Segment]:
    rest = segment
    for hole in holes:
        if segment.type == fmt.PT_LOAD and rest.offset < hole.start and hole.stop <= rest.end:
            before = hole.start - rest.offset
            yield rest._replace(file_size=before, memory_size=before)
            skipped = hole.stop - rest.offset
            rest = rest._replace(
                offset=hole.stop,
                address=rest.address + skipped,
                physical_address=rest.physical_address + skipped,
                file_size=rest.file_size - skipped,
                memory_size=rest.memory_size - skipped,
            )
    if rest.memory_size or rest is segment:
        yield rest


def _fitting(elf: ElfFile, segments: list[Segment]) -> list[Segment] | None:
    """Return segments for which the table has room, None if it has not.

    Notes are found by their section too, so their program headers give up their place first.
    """
    room = _room(elf) // fmt.PROGRAM_HEADER.size
    while len(segments) > room:
        notes = [index for index, segment in enumerate(segments) if segment.type == fmt.PT_NOTE]
        if not notes or len(segments) <= len(elf.segments):
            return None
        segments = segments[: notes[-1]] + segments[notes[-1] + 1 :]
    return segments


def _room(elf: ElfFile) -> int:
    """Return the bytes that the program header table can have where it is.

    What follows it is free when no section and no segment but the PT_LOAD around it holds it, and
    when it looks as linkers and patchelf leave what is free.
    """
    start = elf.header.phoff
    end = start + len(elf.segments) * fmt.PROGRAM_HEADER.size
    around = [load for load in elf.loads if load.offset <= start and end <= load.end]
    taken = [section.offset for section in elf.sections if section.file_size]
    taken += [s.offset for s in elf.segments if s.file_size and s.type != fmt.PT_PHDR]
    taken += [elf.header.shoff, elf.source.size, *(load.end for load in around)]
    stop = min(offset for offset in taken if offset >= end)
    spans = [(s.offset, s.end) for s in elf.sections if s.file_size]
    if any(first < end < last for first, last in spans):
        return end - start
    free = bytes(elf.data[end : min(stop, end + page_size(elf))])
    return end - start + max(len(free) - len(free.lstrip(filler)) for filler in _FILLERS)


def _zeros(tail: range, holes: tuple[Hole, ...]) -> Iterator[Patch]:
    start = tail.start
    for hole in holes:
        if tail.start <= hole.start and hole.stop <= tail.stop:
            yield Patch(start, Zeros(hole.start - start))
            start = hole.stop
    yield Patch(start, Zeros(tail.stop - start))


def _refusal(elf: ElfFile, message: str, offset: int) -> ElfShapeError:
    return ElfShapeError(message, file=elf.name, place=f"offset {offset:#x}")
