"""Taking sections out of a shared object, and changing its RPATH in place, as one set of edits."""

import struct
from collections.abc import Iterable, Iterator, Sequence

from slimwheel.elf import format as fmt
from slimwheel.elf.edits import Edits, Keep, Patch, Piece, overlay
from slimwheel.elf.errors import ElfShapeError
from slimwheel.elf.file import ElfFile
from slimwheel.elf.format import Section, Segment
from slimwheel.elf.layout import Layout, lay_out, load_align
from slimwheel.elf.rpath import rpath_patches
from slimwheel.elf.selection import Predicate, is_symbol_or_debug_section, sections_to_remove
from slimwheel.elf.shortening import Hole, Shortened

_SYMBOL_SECTION_INDEX = struct.Struct("<6xH16x")
_SECTION_INDEX = struct.Struct("<H")
_SECTION_INDEX_OFFSET = 6
# Zeros kept from the source rather than written anew; more than any padding in practice.
_MAX_KEPT_PADDING = 1 << 22


def slim(
    elf: ElfFile,
    *,
    drop: Predicate = is_symbol_or_debug_section,
    rpath: str | None = None,
    patches: Iterable[Patch] = (),
    shortened: Shortened | None = None,
) -> Edits:
    """Remove sections, change the RPATH and patch, without moving anything in memory.

    Args:
        drop: picks sections to remove; those that only serve them go too. Sections in memory
            are never removed, and relocatable and core files are left alone.
        rpath: the new value of DT_RPATH or DT_RUNPATH, whichever the file has; "" removes it.
        patches: more changes, by their offsets in the file as it is. They are made in files of
            every kind; headers and what is removed they must not touch.
        shortened: what `shorten` made of the file: the ends of sections that go as well.

    Raises:
        ElfShapeError: the file cannot be changed safely, changes overlap, or the RPATH does not
            fit in place (`rpath_fits` tells beforehand; `slimwheel.elf.patchelf` makes room).
        ElfError: the file is damaged.
    """
    changes = list(patches)
    pieces: list[Piece] = [Keep(0, elf.source.size)]
    if elf.header.type in (fmt.ET_EXEC, fmt.ET_DYN):
        if rpath is not None:
            changes += rpath_patches(elf, rpath)
        removed = sections_to_remove(elf, drop)
        if removed or shortened:
            cut = _Cut(shortened.elf, removed, shortened.holes) if shortened else _Cut(elf, removed)
            changes += shortened.patches if shortened else ()
            pieces = list(cut.pieces())
            changes += cut.patches()
    try:
        return Edits.of(elf.source.size, overlay(pieces, changes, elf.data))
    except ValueError as error:
        raise ElfShapeError(
            f"the changes cannot be made together: {error}", file=elf.name
        ) from error


class _Cut:
    """The consequences of removing sections, for the bytes and for every header."""

    def __init__(self, elf: ElfFile, removed: frozenset[int], holes: Sequence[Hole] = ()) -> None:
        self._elf = elf
        self._layout: Layout = lay_out(elf, removed, holes)
        kept = [section for section in elf.sections if section.number not in removed]
        self._kept = kept
        self._renumbered = {section.number: number for number, section in enumerate(kept)}
        self._refuse_unknown()

    def pieces(self) -> Iterator[Piece]:
        """Yield the new file's bytes, headers within kept ranges still unchanged."""
        layout, data = self._layout, self._elf.data
        yield Keep(0, layout.prefix)
        old_end, new_end = layout.prefix, layout.prefix
        for part, new_start in layout.moves:
            # Zeros in front of the part serve as its padding, so that a longer range is kept.
            wanted = min(new_start - new_end, part.start - old_end, _MAX_KEPT_PADDING)
            before = bytes(data[part.start - wanted : part.start])
            zeros = len(before) - len(before.rstrip(b"\0"))
            yield bytes(new_start - new_end - zeros)
            yield Keep(part.start - zeros, part.start)
            if part.is_section_table:
                table = self._section_table()
                yield table
                new_end = new_start + len(table)
            else:
                yield Keep(part.start, part.stop)
                new_end = new_start + part.stop - part.start
            old_end = part.stop

    def patches(self) -> Iterator[Patch]:
        """Yield the changed headers, by their offsets in the old file."""
        header, layout = self._elf.header, self._layout
        new_header = header._replace(
            phoff=layout.moved(header.phoff) if header.phnum else header.phoff,
            shoff=layout.moved(header.shoff),
            shnum=len(self._kept),
            shstrndx=self._renumbered[header.shstrndx],
        )
        if self._elf.is_executable and new_header.phoff != header.phoff:
            raise self._refusal("a program's own program headers would move")
        yield Patch(0, fmt.FILE_HEADER.pack(*new_header))
        yield Patch(header.phoff, b"".join(map(self._program_header, self._elf.segments)))
        if not layout.moves_section_table:
            old_size = header.shnum * fmt.SECTION_HEADER.size
            yield Patch(header.shoff, self._section_table().ljust(old_size, b"\0"))
        for section in self._kept:
            if section.type in (fmt.SHT_SYMTAB, fmt.SHT_DYNSYM):
                yield from self._symbol_table(section)

    def _program_header(self, segment: Segment) -> bytes:
        # The size of PT_GNU_RELRO may reach into what follows; its start is what counts.
        is_content = segment.file_size and segment.type != fmt.PT_GNU_RELRO
        if segment.type == fmt.PT_LOAD:
            offset = segment.offset + self._layout.load_delta(segment)
        elif is_content:
            offset = self._layout.moved(segment.offset)
        else:
            offset = self._moved_with_memory(segment.offset, segment.address)
        align = segment.align
        if segment.type == fmt.PT_LOAD and align and (offset - segment.address) % align:
            align = load_align(self._elf, segment)
        return fmt.PROGRAM_HEADER.pack(*segment._replace(offset=offset, align=align)[1:])

    def _section_table(self) -> bytes:
        return b"".join(map(self._section_header, self._kept))

    def _section_header(self, section: Section) -> bytes:
        offset = section.offset
        if section.file_size:
            offset = self._layout.moved(offset)
        elif section.type != fmt.SHT_NULL:
            offset = self._moved_with_memory(offset, section.address if section.is_alloc else None)
        return fmt.SECTION_HEADER.pack(
            section.name_offset,
            section.type,
            section.flags,
            section.address,
            offset,
            section.size,
            self._renumbered.get(section.link, fmt.SHN_UNDEF),
            self._renumbered.get(section.info, 0) if section.info_is_section else section.info,
            section.align,
            section.entry_size,
        )

    def _moved_with_memory(self, offset: int, address: int | None) -> int:
        """Return the new offset of something without bytes in the file, such as `.bss`.

        Such an offset often equals that of the next part; its address says where it belongs.
        """
        if address is not None:
            for load in self._elf.loads:
                in_memory = load.address <= address <= load.memory_end
                if in_memory and load.offset <= offset <= load.end:
                    return offset + self._layout.load_delta(load)
        return self._layout.moved(offset)

    def _symbol_table(self, section: Section) -> Iterator[Patch]:
        """Yield at most one patch, from the first symbol that changes to the last."""
        size = fmt.SYMBOL.size
        if section.entry_size != size or section.size % size:
            raise self._refusal(f"{section.name} has entries of {section.entry_size} bytes")
        changed = []
        data = self._elf.data[section.offset : section.end]
        indexes = [index for (index,) in _SYMBOL_SECTION_INDEX.iter_unpack(data)]
        # There are millions of symbols and few sections, of which most stay what they are.
        concerned = {index for index in set(indexes) if self._renumbered.get(index) != index}
        rows = ((n, i) for n, i in enumerate(indexes) if i in concerned) if concerned else ()
        for number, index in rows:
            if index < fmt.SHN_LORESERVE and self._renumbered.get(index, index) != index:
                changed.append((number, self._renumbered[index]))
            elif index not in self._renumbered and index < len(self._elf.sections):
                # Only a section's own symbol may lose its section: nothing refers to it by name.
                if section.is_alloc or data[number * size + 4] & 0xF != fmt.STT_SECTION:
                    raise self._refusal(
                        f"symbol {number} of {section.name} is in a removed section"
                    )
                changed.append((number, fmt.SHN_UNDEF))
        if not changed:
            return
        first, last = changed[0][0], changed[-1][0]
        new = bytearray(data[first * size : (last + 1) * size])
        for number, index in changed:
            offset = (number - first) * size + _SECTION_INDEX_OFFSET
            _SECTION_INDEX.pack_into(new, offset, index)
        yield Patch(section.offset + first * size, bytes(new))

    def _refuse_unknown(self) -> None:
        count = len(self._elf.sections)
        for section in self._kept:
            if section.type in (fmt.SHT_GROUP, fmt.SHT_SYMTAB_SHNDX):
                raise self._refusal(
                    f"section {section.name} numbers sections in a way not known here"
                )
            if section.link >= count or (section.info_is_section and section.info >= count):
                raise self._refusal(
                    f"section {section.name} is linked to a section that does not exist"
                )

    def _refusal(self, message: str) -> ElfShapeError:
        return ElfShapeError(message, file=self._elf.name)
