"""An ELF64 file made of sections: their places, the segments around them, and the headers.

Source: System V gABI, chapters 4 and 5. All offsets, addresses and sizes are in bytes.
"""

from dataclasses import dataclass, field
from itertools import groupby

from slimwheel.elf import format as fmt
from slimwheel.elf.tables import Strings

PAGE = 4096
SHF_WRITE = 1
SHF_EXECINSTR = 4
SHT_STRTAB = 3
SHT_DYNAMIC = 6

_IDENT = bytes((*fmt.MAGIC, fmt.CLASS_64, fmt.DATA_LITTLE, 1)).ljust(16, b"\0")
_PF_W = 2
_PF_R = 4
_NAMES = ".shstrtab"


@dataclass
class Section:
    """A section to write; SHT_NOBITS has `zeros` bytes, others their content.

    The size of the content must not change once the section is laid out. `link` names a section.
    """

    name: str
    type: int
    flags: int = fmt.SHF_ALLOC
    content: bytearray = field(default_factory=bytearray)
    zeros: int = 0
    align: int = 8
    link: str = ""
    info: int = 0
    entry_size: int = 0
    address: int = 0
    offset: int = 0

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return len(self.content) + self.zeros


class Image:
    """A shared object of sections that are all part of memory.

    Sections of the same permissions stand together and become one PT_LOAD. In the file they
    follow each other without gaps; in memory each segment begins on a page of its own, at the
    same distance from the start of the page as in the file. So the page of the file in which two
    segments meet is mapped twice, and no space is lost.
    """

    def __init__(self, sections: list[Section]) -> None:
        self._sections = {section.name: section for section in sections}
        self._names = Strings()
        self._name_offsets = {name: self._names.add(name) for name in [*self._sections, _NAMES]}
        grouped = groupby(sections, lambda section: section.flags & (SHF_WRITE | SHF_EXECINSTR))
        self._loads = [list(group) for _, group in grouped]
        # A header for each load, PT_DYNAMIC and PT_GNU_STACK.
        self._headers_size = fmt.FILE_HEADER.size + fmt.PROGRAM_HEADER.size * (len(self._loads) + 2)
        self._end = self._lay_out()

    def _lay_out(self) -> int:
        offset = address = self._headers_size
        for number, load in enumerate(self._loads):
            if number:
                offset = align_up(offset, load[0].align)
                address = align_up(address, PAGE) + offset % PAGE
            for section in load:
                # The alignments divide the page's size: both stay at the same distance.
                padding = -address % section.align
                section.address = address + padding
                section.offset = offset + padding
                address = section.address + section.size
                offset = section.offset + len(section.content)
        return offset

    def address(self, name: str) -> int:
        """Return the address of a section."""
        return self._sections[name].address

    def index(self, name: str) -> int:
        """Return the number of a section, 0 where there is none of this name."""
        return 0 if name not in self._sections else list(self._sections).index(name) + 1

    def build(self) -> bytes:
        """Return the file."""
        names = Section(_NAMES, SHT_STRTAB, 0, bytearray(self._names.content), align=1)
        names.offset = self._end
        sections = [*self._sections.values(), names]
        table = align_up(names.offset + names.size, 8)
        out = bytearray(table)
        out[: fmt.FILE_HEADER.size] = self._file_header(table, len(sections) + 1)
        out[fmt.FILE_HEADER.size : self._headers_size] = self._program_headers()
        for section in sections:
            out[section.offset : section.offset + len(section.content)] = section.content
        out += bytes(fmt.SECTION_HEADER.size)
        return bytes(out) + b"".join(map(self._section_header, sections))

    def _file_header(self, table: int, count: int) -> bytes:
        return fmt.FILE_HEADER.pack(
            _IDENT,
            fmt.ET_DYN,
            fmt.EM_X86_64,
            1,  # the version of ELF
            0,
            fmt.FILE_HEADER.size,
            table,
            0,
            fmt.FILE_HEADER.size,
            fmt.PROGRAM_HEADER.size,
            len(self._loads) + 2,
            fmt.SECTION_HEADER.size,
            count,
            count - 1,
        )

    def _program_headers(self) -> bytes:
        rows = []
        for number, load in enumerate(self._loads):
            first, last = load[0], load[-1]
            # The first segment begins with the headers themselves.
            offset = first.offset if number else 0
            address = first.address if number else 0
            flags = _PF_R
            flags |= _PF_W if first.flags & SHF_WRITE else 0
            flags |= fmt.PF_X if first.flags & SHF_EXECINSTR else 0
            file_size = last.offset + len(last.content) - offset
            size = last.address + last.size - address
            rows.append((fmt.PT_LOAD, flags, offset, address, address, file_size, size, PAGE))
        for section in self._sections.values():
            if section.type == SHT_DYNAMIC:
                place = (section.offset, section.address, section.address)
                size = section.size
                rows.append((fmt.PT_DYNAMIC, _PF_R | _PF_W, *place, size, size, section.align))
        rows.append((fmt.PT_GNU_STACK, _PF_R | _PF_W, 0, 0, 0, 0, 0, 16))
        return b"".join(fmt.PROGRAM_HEADER.pack(*row) for row in rows)

    def _section_header(self, section: Section) -> bytes:
        return fmt.SECTION_HEADER.pack(
            self._name_offsets[section.name],
            section.type,
            section.flags,
            section.address,
            section.offset,
            section.size,
            self.index(section.link),
            section.info,
            section.align,
            section.entry_size,
        )


def align_up(value: int, alignment: int) -> int:
    """Return the smallest multiple of the alignment that is not below the value."""
    return -(-value // alignment) * alignment
