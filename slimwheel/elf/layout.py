"""Where everything in the file goes when sections are taken out of it.

Everything before the first byte that goes stays where it is. What follows closes up, in the
file's order, each part at the smallest offset that is congruent to its old one modulo its
alignment: what was correctly aligned stays so, and no part ever moves up. Addresses do not
change. docs/formats-elf.md says which rules of the loaders this keeps.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from slimwheel.elf import format as fmt
from slimwheel.elf.errors import ElfShapeError
from slimwheel.elf.file import ElfFile
from slimwheel.elf.format import Segment
from slimwheel.elf.shortening import Hole, page_size

# Loaders map whole pages, so a segment keeps its place in the page even where it claims less.
_PAGE_SIZE = 4096
# More than any page size in use (1 GiB); only damage asks for more.
_MAX_ALIGN = 1 << 30
_ZERO_STEP = 1 << 20


class Part(NamedTuple):
    """A stretch of the old file that moves as one."""

    start: int
    stop: int
    align: int
    what: str
    is_load: bool = False
    is_section_table: bool = False


class Move(NamedTuple):
    """A part and its new offset."""

    part: Part
    new_start: int

    @property
    def delta(self) -> int:
        """By how many bytes the part moves; never positive."""
        return self.new_start - self.part.start


class Layout(NamedTuple):
    """The order of the new file: `prefix` bytes unchanged, then the moved parts."""

    prefix: int
    moves: tuple[Move, ...]

    @property
    def moves_section_table(self) -> bool:
        """Whether the section header table is a part of its own and moves."""
        return any(move.part.is_section_table for move in self.moves)

    def moved(self, offset: int) -> int:
        """Return the new place of an old offset; for one that is gone, of what stood before."""
        index = bisect_right(self.moves, offset, key=lambda move: move.part.start)
        if index == 0:
            return min(offset, self.prefix)
        move = self.moves[index - 1]
        return move.new_start + min(offset, move.part.stop) - move.part.start

    def load_delta(self, load: Segment) -> int:
        """By how many bytes the file range of a PT_LOAD moves."""
        for move in self.moves:
            if move.part.is_load and move.part.start == load.offset:
                return move.delta
        return 0


def lay_out(elf: ElfFile, removed: frozenset[int], holes: Sequence[Hole] = ()) -> Layout:
    """Lay a file out anew without the contents of some sections.

    Bytes of a removed section that a segment holds, or another section, stay.

    Args:
        elf: the file, shortened already where it has holes.
        removed: the numbers of the sections.
        holes: bytes that go as well. With any, segments are aligned only as `load_align` says.

    Raises:
        ElfShapeError: what has to move overlaps, or data follows that no header accounts for.
    """
    parts = sorted(
        _parts(elf, removed, bool(holes)), key=lambda part: (part.start, part.stop > part.start)
    )
    covered = list(_merged(parts))
    gaps = [*_gaps(elf, removed, covered), *(hole.start for hole in holes)]
    if not gaps:
        return Layout(elf.source.size, ())
    cut = min(gaps)
    removed_end = max((elf.sections[index].end for index in removed), default=0)
    _refuse_appended_data(elf, max(removed_end, covered[-1][1]))
    prefix = max(stop for start, stop in covered if start < cut)
    cursor = prefix
    moves = []
    for part in _outermost(elf, [part for part in parts if part.start >= cut]):
        new_start = cursor + (part.start - cursor) % part.align
        moves.append(Move(part, new_start))
        size = part.stop - part.start
        if part.is_section_table:
            size -= fmt.SECTION_HEADER.size * len(removed)
        cursor = new_start + size
    layout = Layout(prefix, tuple(moves))
    _check_shared_pages(elf, layout)
    return layout


def _parts(elf: ElfFile, removed: frozenset[int], to_pages: bool) -> Iterator[Part]:
    header = elf.header
    yield Part(0, fmt.FILE_HEADER.size, 1, "the ELF header")
    table_size = header.phnum * fmt.PROGRAM_HEADER.size
    if table_size:
        yield Part(header.phoff, header.phoff + table_size, 8, "the program header table")
    for segment in elf.segments:
        what = f"segment {segment.number}"
        if segment.type == fmt.PT_LOAD:
            align = load_align(elf, segment) if to_pages else max(segment.align, _PAGE_SIZE)
            align = _checked_align(elf, align, what)
            yield Part(segment.offset, segment.end, align, what, is_load=True)
        # The loader reads the address of PT_GNU_RELRO only; linkers round its size up.
        elif segment.file_size and segment.type != fmt.PT_GNU_RELRO:
            align = _checked_align(elf, max(segment.align, 1), what)
            yield Part(segment.offset, segment.end, align, what)
    for section in elf.sections:
        if section.file_size and section.number not in removed:
            align = _checked_align(elf, max(section.align, 1), f"section {section.name}")
            yield Part(section.offset, section.end, align, f"section {section.name}")
    table_size = header.shnum * fmt.SECTION_HEADER.size
    yield Part(
        header.shoff, header.shoff + table_size, 8, "the section headers", is_section_table=True
    )


def load_align(elf: ElfFile, load: Segment) -> int:
    """Return the least alignment of a PT_LOAD that its sections and every page size allow.

    Linkers align to the largest pages of the machine, or larger ones, whether sections ask for it
    or not. Where they do, loaders (glibc since 2.35) know it from the PT_LOAD alone.
    """
    within = (
        section.align
        for section in elf.sections
        if section.is_alloc and load.address <= section.address < load.memory_end
    )
    return max(page_size(elf), min(load.align, max(within, default=0)))


def _checked_align(elf: ElfFile, align: int, what: str) -> int:
    if align > _MAX_ALIGN or align & (align - 1):
        raise ElfShapeError(f"{what} has an alignment of {align}", file=elf.name)
    return align


def _merged(parts: list[Part]) -> Iterator[tuple[int, int]]:
    current: tuple[int, int] | None = None
    for part in parts:
        if part.start == part.stop:
            continue
        if current is None or part.start > current[1]:
            if current is not None:
                yield current
            current = (part.start, part.stop)
        else:
            current = (current[0], max(current[1], part.stop))
    if current is not None:
        yield current


def _gaps(elf: ElfFile, removed: frozenset[int], covered: list[tuple[int, int]]) -> Iterator[int]:
    """Yield, of every removed section, the first byte that nothing else holds."""
    for section in (elf.sections[index] for index in removed):
        index = bisect_right(covered, section.offset, key=lambda pair: pair[0]) - 1
        start = max(section.offset, covered[index][1] if index >= 0 else 0)
        if start < section.end:
            yield start


def _outermost(elf: ElfFile, parts: list[Part]) -> Iterator[Part]:
    """Yield the parts that are inside of no other; refuse what overlaps otherwise."""
    outer: Part | None = None
    for part in sorted(parts, key=lambda p: (p.start, p.stop > p.start, -p.stop, not p.is_load)):
        if outer is None or part.start >= outer.stop:
            outer = part
            yield part
        elif part.is_load or part.stop > outer.stop:
            raise _refusal(elf, f"{part.what} overlaps {outer.what}", part.start)


def _check_shared_pages(elf: ElfFile, layout: Layout) -> None:
    """Refuse to pull apart segments of which one maps the other's bytes in a common page."""
    by_address = sorted(elf.loads, key=lambda load: load.address)
    for first, second in pairwise(by_address):
        page = min(max(second.align, _PAGE_SIZE), page_size(elf))
        shared = first.memory_size and (first.memory_end - 1) // page >= second.address // page
        if shared and layout.load_delta(first) != layout.load_delta(second):
            raise _refusal(
                elf, f"segments {first.number} and {second.number} share a page", second.offset
            )


def _refuse_appended_data(elf: ElfFile, end: int) -> None:
    # patchelf leaves a zero byte there; installers and bundlers leave their payload.
    for start in range(end, elf.source.size, _ZERO_STEP):
        if bytes(elf.data[start : start + _ZERO_STEP]).strip(b"\0"):
            raise _refusal(
                elf, "data is appended to the file that no ELF header accounts for", start
            )


def _refusal(elf: ElfFile, message: str, offset: int) -> ElfShapeError:
    return ElfShapeError(message, file=elf.name, place=f"offset {offset:#x}")
