"""An ELF file as the loader and the linker see it.

Headers, section names and the dynamic section are read and checked at once; everything that may
be long (symbols, versions, notes) is read when it is asked for.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice

from slimwheel.elf import format as fmt
from slimwheel.elf import versions
from slimwheel.elf.errors import ElfShapeError
from slimwheel.elf.format import DynamicEntry, Header, Section, Segment, Symbol
from slimwheel.elf.source import Buffer, Source
from slimwheel.elf.symbols import read_symbols, symbol_count
from slimwheel.errors import ElfError

_MAX_SECTION_NAME = 4096
_MAX_STRING = 1 << 16
_MAX_DYNAMIC_ENTRIES = 1 << 16
_MAX_NOTES = 1 << 12


def is_elf(head: bytes) -> bool:
    """Tell whether a file that begins with these bytes (4 are enough) says that it is ELF."""
    return head[:4] == fmt.MAGIC


@dataclass(frozen=True, eq=False)
class ElfFile:
    """One ELF64 little-endian file; make it with `ElfFile.parse`.

    All attributes and methods that read further raise ElfError on damage.
    """

    source: Source
    header: Header
    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]
    dynamic: tuple[DynamicEntry, ...]

    @classmethod
    def parse(cls, data: Buffer, name: str) -> "ElfFile":
        """Read the headers of a file.

        Args:
            data: the whole file; it is never copied, and stays exported while the result lives.
            name: what errors call the file.

        Raises:
            ElfError: not ELF, or headers that point outside of the file.
            ElfShapeError: not ELF64 little-endian, or more sections or segments than the plain
                headers can count.
        """
        source = Source(data, name)
        header = _read_header(source)
        segments = _read_segments(source, header)
        sections = _read_sections(source, header)
        return cls(source, header, segments, sections, _read_dynamic(source, segments))

    @property
    def name(self) -> str:
        """What errors call the file."""
        return self.source.name

    @property
    def data(self) -> memoryview:
        """The whole file."""
        return self.source.view

    @property
    def loads(self) -> tuple[Segment, ...]:
        """The PT_LOAD segments in the order of their headers."""
        return tuple(segment for segment in self.segments if segment.type == fmt.PT_LOAD)

    def segment(self, segment_type: int) -> Segment | None:
        """Return the first segment of a type."""
        return next((s for s in self.segments if s.type == segment_type), None)

    def entries(self, tags: Iterable[int]) -> tuple[DynamicEntry, ...]:
        """Return the dynamic entries that have one of the tags, in order."""
        return tuple(entry for entry in self.dynamic if entry.tag in tags)

    def dynamic_value(self, tag: int) -> int | None:
        """Return the value of the last dynamic entry with a tag, which is the one loaders use."""
        return self._dynamic_values.get(tag)

    def offset_of(self, address: int, size: int) -> int:
        """Return the file offset of `size` bytes at an address; ElfError if no PT_LOAD has them."""
        for load in self.loads:
            start = address - load.address
            if start >= 0 and start + size <= load.file_size:
                return load.offset + start
        raise ElfError(
            f"no loaded segment holds {size} bytes at address {address:#x}", file=self.name
        )

    @cached_property
    def string_table(self) -> tuple[int, int]:
        """File offsets of the start and end of the dynamic string table."""
        address, size = self.dynamic_value(fmt.DT_STRTAB), self.dynamic_value(fmt.DT_STRSZ)
        if address is None or size is None:
            raise ElfError("the dynamic section names no string table", file=self.name)
        start = self.offset_of(address, size)
        return start, start + size

    def string(self, offset: int) -> str:
        """Return a string of the dynamic string table by its offset in the table."""
        start, stop = self.string_table
        return self.source.string(start + offset, stop, "a dynamic string", _MAX_STRING)

    def string_reader(self) -> Callable[[int], str]:
        """Return what does as `string`, for tables that name many: it holds a copy of the table."""
        start, stop = self.string_table
        table = bytes(self.data[start:stop])

        def read(offset: int) -> str:
            end = table.find(b"\0", offset)
            if end < 0 or end - offset > _MAX_STRING:
                return self.string(offset)  # raises, naming the place
            return table[offset:end].decode("utf-8", "surrogateescape")

        return read

    @cached_property
    def needed(self) -> tuple[str, ...]:
        """The libraries of DT_NEEDED, in order."""
        return tuple(self.string(entry.value) for entry in self.entries((fmt.DT_NEEDED,)))

    @cached_property
    def soname(self) -> str | None:
        """DT_SONAME."""
        return self._dynamic_string(fmt.DT_SONAME)

    @cached_property
    def rpath(self) -> str | None:
        """DT_RPATH, which the libraries that this one loads inherit."""
        return self._dynamic_string(fmt.DT_RPATH)

    @cached_property
    def runpath(self) -> str | None:
        """DT_RUNPATH; where it is present loaders ignore DT_RPATH."""
        return self._dynamic_string(fmt.DT_RUNPATH)

    @cached_property
    def interpreter(self) -> str | None:
        """The program interpreter that PT_INTERP names."""
        segment = self.segment(fmt.PT_INTERP)
        if segment is None:
            return None
        return self.source.string(segment.offset, segment.end, "PT_INTERP", _MAX_STRING)

    @cached_property
    def is_executable(self) -> bool:
        """Whether this is a program: ET_EXEC, or a position-independent executable.

        Linkers mark the latter DF_1_PIE. Older ones did not: there an interpreter tells, unless
        the file has a SONAME, as libc has, which is a library that can also be run.
        """
        if self.header.type != fmt.ET_DYN:
            return self.header.type == fmt.ET_EXEC
        if (self.dynamic_value(fmt.DT_FLAGS_1) or 0) & fmt.DF_1_PIE:
            return True
        has_soname = self.dynamic_value(fmt.DT_SONAME) is not None
        return self.segment(fmt.PT_INTERP) is not None and not has_soname

    @property
    def is_shared_library(self) -> bool:
        """Whether this is a shared library or a plug-in."""
        return self.header.type == fmt.ET_DYN and not self.is_executable

    @cached_property
    def version_needs(self) -> dict[str, set[str]]:
        """The symbol versions that the file needs, by the library it needs them of."""
        needs: dict[str, set[str]] = {}
        for need in versions.read_needs(self):
            needs.setdefault(self.string(need.library_offset), set()).add(
                self.string(need.name_offset)
            )
        return needs

    @cached_property
    def version_definitions(self) -> set[str]:
        """The symbol versions that the file defines, without the base (the file's own name)."""
        return {
            self.string(definition.name_offset)
            for definition in versions.read_definitions(self)
            if definition.is_name and not definition.is_base
        }

    @cached_property
    def build_id(self) -> str | None:
        """The GNU build-id in hexadecimal."""
        notes = [(s.offset, s.file_size) for s in self.segments if s.type == fmt.PT_NOTE]
        notes += [(s.offset, s.size) for s in self.sections if s.type == fmt.SHT_NOTE]
        every = chain.from_iterable(_read_notes(self.source, *place) for place in notes)
        for owner, note_type, content in islice(every, _MAX_NOTES):
            if owner == b"GNU\0" and note_type == fmt.NT_GNU_BUILD_ID:
                return content.hex()
        return None

    @property
    def symbol_count(self) -> int:
        """Number of entries in the dynamic symbol table, the null symbol included."""
        return symbol_count(self)

    def symbols(self) -> Iterator[Symbol]:
        """Yield the dynamic symbols in order, without the null symbol."""
        return read_symbols(self)

    @cached_property
    def _dynamic_values(self) -> dict[int, int]:
        return {entry.tag: entry.value for entry in self.dynamic}

    def _dynamic_string(self, tag: int) -> str | None:
        value = self.dynamic_value(tag)
        return None if value is None else self.string(value)


def _read_header(source: Source) -> Header:
    if not is_elf(bytes(source.view[:4])):
        raise ElfError("not an ELF file", file=source.name)
    if source.size > 5:
        if source.view[4] != fmt.CLASS_64:
            raise ElfShapeError("32-bit ELF is not supported", file=source.name, place="offset 0x4")
        if source.view[5] != fmt.DATA_LITTLE:
            raise ElfShapeError(
                "big-endian ELF is not supported", file=source.name, place="offset 0x5"
            )
    raw = source.slice(0, fmt.FILE_HEADER.size, "the ELF header")
    header = Header(*fmt.FILE_HEADER.unpack(raw))
    if header.phnum == fmt.PN_XNUM or (header.shoff and not header.shnum):
        raise ElfShapeError("extended section or segment numbering", file=source.name)
    if header.phnum and header.phentsize != fmt.PROGRAM_HEADER.size:
        raise source.damage(f"program headers of {header.phentsize} bytes", 54)
    if header.shnum and header.shentsize != fmt.SECTION_HEADER.size:
        raise source.damage(f"section headers of {header.shentsize} bytes", 58)
    if header.shnum and header.shstrndx >= header.shnum:
        raise source.damage(
            f"the section names are in section {header.shstrndx} of {header.shnum}", 62
        )
    return header


def _read_segments(source: Source, header: Header) -> tuple[Segment, ...]:
    table = source.slice(
        header.phoff, header.phnum * fmt.PROGRAM_HEADER.size, "the program header table"
    )
    segments = []
    for index, fields in enumerate(fmt.PROGRAM_HEADER.iter_unpack(table)):
        segment = Segment(index, *fields)
        # Linkers round the size of PT_GNU_RELRO up; loaders read its addresses only.
        if segment.file_size and segment.type != fmt.PT_GNU_RELRO:
            source.slice(segment.offset, segment.file_size, f"segment {index}")
        segments.append(segment)
    return tuple(segments)


def _read_sections(source: Source, header: Header) -> tuple[Section, ...]:
    table = source.slice(
        header.shoff, header.shnum * fmt.SECTION_HEADER.size, "the section header table"
    )
    rows = list(fmt.SECTION_HEADER.iter_unpack(table))
    if not rows:
        return ()
    nameless = [Section(index, "", *fields) for index, fields in enumerate(rows)]
    for section in nameless:
        if section.file_size:
            source.slice(section.offset, section.file_size, f"section {section.number}")
    names = nameless[header.shstrndx]
    if not names.file_size:
        return tuple(nameless)
    return tuple(
        section._replace(
            name=source.string(
                names.offset + section.name_offset, names.end, "a section name", _MAX_SECTION_NAME
            )
        )
        for section in nameless
    )


def _read_dynamic(source: Source, segments: tuple[Segment, ...]) -> tuple[DynamicEntry, ...]:
    dynamic = [segment for segment in segments if segment.type == fmt.PT_DYNAMIC]
    if not dynamic:
        return ()
    if len(dynamic) > 1:
        raise ElfShapeError("more than one PT_DYNAMIC", file=source.name)
    segment = dynamic[0]
    step = fmt.DYNAMIC_ENTRY.size
    entries: list[DynamicEntry] = []
    for offset in range(segment.offset, segment.end - step + 1, step):
        tag, value = fmt.DYNAMIC_ENTRY.unpack_from(source.view, offset)
        if tag == fmt.DT_NULL:
            return tuple(entries)
        if len(entries) == _MAX_DYNAMIC_ENTRIES:
            raise source.damage("the dynamic section has too many entries", offset)
        entries.append(DynamicEntry(offset, tag, value))
    if segment.file_size == 0:
        return ()
    raise source.damage("the dynamic section is not terminated by DT_NULL", segment.end)


def _read_notes(source: Source, offset: int, size: int) -> Iterator[tuple[bytes, int, memoryview]]:
    # Notes are padded to 4 bytes, also in segments aligned to 8: only the GNU property note
    # differs, and it stands apart from the build-id.
    stop = offset + size
    while offset + 12 <= stop:
        name_size, content_size, note_type = (
            int.from_bytes(source.view[offset + i : offset + i + 4], "little") for i in (0, 4, 8)
        )
        content = offset + 12 + (name_size + 3) // 4 * 4
        end = content + (content_size + 3) // 4 * 4
        if content + content_size > stop:
            return
        name = bytes(source.view[offset + 12 : offset + 12 + min(name_size, 16)])
        yield name, note_type, source.view[content : content + content_size]
        offset = end
