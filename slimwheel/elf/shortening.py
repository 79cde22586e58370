"""Taking the end of a section out of a file while everything keeps its address.

Addresses behind the section must not change, so the whole pages that become free leave a hole in
memory: the PT_LOAD around the section becomes two, and the file has nothing for what is between
them. Loaders map such a hole as memory that nobody may touch, which costs nothing. It takes one
more program header. docs/formats-elf.md says which rules of the loaders this keeps.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from slimwheel.elf import format as fmt
from slimwheel.elf.edits import Patch, Zeros
from slimwheel.elf.errors import ElfShapeError
from slimwheel.elf.file import ElfFile
from slimwheel.elf.format import Section, Segment

_PAGE_SIZES = {fmt.EM_X86_64: 4096}
_LARGEST_PAGE_SIZE = 65536
_ADDRESSES = 1 << 64
# What linkers pad with, and what patchelf overwrites what it moved with, by its version.
FILLERS = b"\0XZ"


class Hole(NamedTuple):
    """A stretch of the file that goes, by offsets.

    In memory it begins with a page, and ends with one or with its PT_LOAD. A leftover was no
    section's.
    """

    start: int
    stop: int
    is_leftover: bool = False

    @property
    def size(self) -> int:
        """Bytes that go."""
        return self.stop - self.start


class Shortened(NamedTuple):
    """A file as its headers will describe it, before anything moves.

    Attributes:
        elf: the old bytes with new headers: PT_LOADs with holes between them, shorter sections.
        holes: what of the old file goes, in its order.
        patches: zeros for what is free and does not go, for want of a whole page or of room.
        left: free bytes of sections that could have gone, had there been room for program headers.
    """

    elf: ElfFile
    holes: tuple[Hole, ...]
    patches: tuple[Patch, ...]
    left: int

    @property
    def cut(self) -> int:
        """Bytes of sections that go."""
        return sum(hole.size for hole in self.holes if not hole.is_leftover)

    @property
    def cut_leftovers(self) -> int:
        """Bytes that go and were no section's."""
        return sum(hole.size for hole in self.holes if hole.is_leftover)


def page_size(elf: ElfFile) -> int:
    """Return the size of the largest pages that loaders use for a file's machine."""
    return _PAGE_SIZES.get(elf.header.machine, _LARGEST_PAGE_SIZE)


def shorten(elf: ElfFile, sizes: Mapping[int, int], leftovers: Iterable[range] = ()) -> Shortened:
    """Give sections new, smaller sizes.

    Where there is no room for a program header for every hole, the largest holes are made, those
    of leftovers last.

    Args:
        elf: the file; nothing that a section loses may still be used.
        sizes: new sizes in bytes, by the number of the section.
        leftovers: what goes as well, where there is room, as `find_leftovers` found it.

    Raises:
        ElfShapeError: a section is in no PT_LOAD, grows, or shares what it would lose.
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
        tail = range(section.offset + size, section.end)
        others = [range(s.offset, s.end) for s in elf.sections if s.number != number]
        if _is_shared(tail, [*others, *tables(elf)]):
            raise _refusal(elf, f"section {section.name} shares its end", tail.start)
        tails.append(tail)
        possible += _hole(elf, load, tail)
    segments, holes = _with_holes(elf, possible, list(_leftover_holes(elf, leftovers)))
    header = elf.header._replace(phnum=len(segments))
    new = replace(elf, header=header, segments=segments, sections=tuple(sections))
    patches = [patch for tail in tails for patch in _zeros(tail, holes)]
    left = sum(hole.size for hole in possible if hole not in holes)
    return Shortened(new, holes, tuple(patches), left)


def _load_of(elf: ElfFile, section: Section) -> Segment:
    for load in elf.loads if section.is_alloc and section.file_size else ():
        is_inside = load.offset <= section.offset and section.end <= load.end
        distance = section.offset - load.offset
        if is_inside and _is_sound(load) and distance == section.address - load.address:
            return load
    raise _refusal(elf, f"section {section.name} is in no loaded segment", section.offset)


def _is_sound(load: Segment) -> bool:
    return load.file_size <= load.memory_size and load.memory_end <= _ADDRESSES


def _leftover_holes(elf: ElfFile, leftovers: Iterable[range]) -> Iterator[Hole]:
    for stretch in leftovers:
        for load in elf.loads:
            if load.offset <= stretch.start and stretch.stop <= load.end and _is_sound(load):
                yield from (hole._replace(is_leftover=True) for hole in _hole(elf, load, stretch))


def _hole(elf: ElfFile, load: Segment, tail: range) -> Iterator[Hole]:
    """Yield the whole pages of a section's tail, if there are any that can go."""
    page = page_size(elf)
    delta = load.address - load.offset
    first = -(-(tail.start + delta) // page) * page
    last = (tail.stop + delta) // page * page
    if first <= load.address:
        first += page  # A segment keeps at least its first page.
    if first >= last:
        return
    if tail.stop == load.end and load.memory_size == load.file_size:
        last = tail.stop + delta  # Nothing follows, and so no PT_LOAD has to.
    hole = Hole(first - delta, last - delta)
    # PT_GNU_RELRO is protected as one piece, and the kernel maps nothing in a program's holes.
    others = [range(s.offset, s.end) for s in elf.segments if s.number != load.number]
    if not _is_shared(range(hole.start, hole.stop), others):
        yield hole


def tables(elf: ElfFile) -> Iterator[range]:
    """Yield where the program headers and the section headers are, by offsets."""
    header = elf.header
    yield range(header.phoff, header.phoff + header.phnum * fmt.PROGRAM_HEADER.size)
    yield range(header.shoff, header.shoff + header.shnum * fmt.SECTION_HEADER.size)


def _is_shared(stretch: range, others: Iterable[range]) -> bool:
    """Tell whether any of the others has bytes of a stretch of the file."""
    return any(max(other.start, stretch.start) < min(other.stop, stretch.stop) for other in others)


def _with_holes(
    elf: ElfFile, possible: list[Hole], leftovers: list[Hole]
) -> tuple[tuple[Segment, ...], tuple[Hole, ...]]:
    """Split PT_LOADs at the largest holes that there is room for; return segments and holes."""
    segments = list(elf.segments)
    holes: tuple[Hole, ...] = ()
    every = [*possible, *leftovers]
    room = _room(elf, every) // fmt.PROGRAM_HEADER.size if every else 0
    for hole in sorted(every, key=lambda hole: (hole.is_leftover, -hole.size)):
        more = tuple(sorted((*holes, hole), key=lambda hole: hole.start))
        split = [piece for segment in elf.segments for piece in _split(segment, more)]
        # No note gives up its place for a leftover.
        fitting = split if len(split) <= room else None
        if not hole.is_leftover:
            fitting = _fitting(split, room)
        if fitting is not None:
            segments, holes = fitting, more
    table_size = len(segments) * fmt.PROGRAM_HEADER.size
    numbered = (segment._replace(number=number) for number, segment in enumerate(segments))
    return tuple(
        s._replace(file_size=table_size, memory_size=table_size) if s.type == fmt.PT_PHDR else s
        for s in numbered
    ), holes


def _split(segment: Segment, holes: tuple[Hole, ...]) -> Iterator[Segment]:
    rest = segment
    for hole in holes:
        # Where a section's end and a leftover meet, nothing is between two holes.
        if segment.type == fmt.PT_LOAD and rest.offset <= hole.start and hole.stop <= rest.end:
            before = hole.start - rest.offset
            if before:
                yield rest._replace(file_size=before, memory_size=before)
            skipped = hole.stop - rest.offset
            rest = rest._replace(
                offset=hole.stop,
                address=rest.address + skipped,
                physical_address=(rest.physical_address + skipped) % _ADDRESSES,
                file_size=rest.file_size - skipped,
                memory_size=rest.memory_size - skipped,
            )
    if rest.memory_size or rest is segment:
        yield rest


def _fitting(segments: list[Segment], room: int) -> list[Segment] | None:
    """Return segments for a table that has room for so many, None if they do not fit.

    Notes are found by their section too, so their program headers give up their place: first one
    that PT_GNU_PROPERTY repeats, which is the one that loaders read, then the last one.
    """
    properties = [s.offset for s in segments if s.type == fmt.PT_GNU_PROPERTY]
    while len(segments) > room:
        notes = [s for s in segments if s.type == fmt.PT_NOTE]
        if not notes:
            return None
        given_up = max(notes, key=lambda note: (note.offset in properties, note.number))
        segments = [segment for segment in segments if segment is not given_up]
    return segments


def _room(elf: ElfFile, holes: Iterable[Hole]) -> int:
    """Return the bytes that the program header table can have where it is.

    What follows it is free when no section and no segment but the PT_LOAD around it holds it, when
    it is before every hole, and when it looks as linkers and patchelf leave what is free.
    """
    start = elf.header.phoff
    end = start + len(elf.segments) * fmt.PROGRAM_HEADER.size
    around = [load for load in elf.loads if load.offset <= start and end <= load.end]
    spans = [(section.offset, section.end) for section in elf.sections if section.file_size]
    others = (s for s in elf.segments if s.type != fmt.PT_PHDR and s not in around)
    spans += [(segment.offset, segment.end) for segment in others if segment.file_size]
    if any(first < end < last for first, last in spans):
        return end - start
    taken = [elf.header.shoff, elf.source.size, *(load.end for load in around)]
    taken += [first for first, _ in spans]
    taken += [hole.start for hole in holes]
    stop = min(offset for offset in taken if offset >= end)
    free = bytes(elf.data[end : min(stop, end + page_size(elf))])
    return end - start + len(free) - len(free.lstrip(FILLERS))


def _zeros(tail: range, holes: tuple[Hole, ...]) -> Iterator[Patch]:
    start = tail.start
    for hole in holes:
        if tail.start <= hole.start and hole.stop <= tail.stop:
            yield Patch(start, Zeros(hole.start - start))
            start = hole.stop
    yield Patch(start, Zeros(tail.stop - start))


def _refusal(elf: ElfFile, message: str, offset: int) -> ElfShapeError:
    return ElfShapeError(message, file=elf.name, place=f"offset {offset:#x}")
