"""Small ELF files written byte by byte, for shapes that no compiler makes on request."""

import struct
from dataclasses import dataclass, field

from slimwheel.elf import format as fmt


@dataclass
class Section:
    """A section to write; `content` None means SHT_NOBITS of `size` bytes."""

    name: str
    type: int
    offset: int
    content: bytes | None
    flags: int = 0
    address: int = 0
    link: int = 0
    info: int = 0
    align: int = 1
    entry_size: int = 0
    size: int = 0


@dataclass
class Image:
    """An ELF file under construction; section 0 and `.shstrtab` (the last one) are added."""

    type: int = fmt.ET_DYN
    machine: int = fmt.EM_X86_64
    segments: list[tuple[int, ...]] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    names_offset: int = 0
    table_offset: int = 0
    size: int = 0

    def segment(
        self,
        segment_type: int,
        offset: int,
        address: int,
        file_size: int,
        *,
        memory_size: int | None = None,
        align: int = 1,
        flags: int = 6,
    ) -> None:
        """Add a program header."""
        memory = file_size if memory_size is None else memory_size
        self.segments.append(
            (segment_type, flags, offset, address, address, file_size, memory, align)
        )

    def build(self) -> bytes:
        """Return the file."""
        names = b"\0"
        rows = [bytes(fmt.SECTION_HEADER.size)]
        everything = [*self.sections, Section(".shstrtab", fmt.SHT_STRTAB, self.names_offset, b"")]
        offsets = []
        for section in everything:
            offsets.append(len(names))
            names += section.name.encode() + b"\0"
        everything[-1].content = names
        out = bytearray(self.size)
        table_size = fmt.SECTION_HEADER.size * (len(everything) + 1)
        for section, name_offset in zip(everything, offsets, strict=True):
            content = section.content
            size = section.size if content is None else len(content)
            rows.append(
                fmt.SECTION_HEADER.pack(
                    name_offset,
                    section.type,
                    section.flags,
                    section.address,
                    section.offset,
                    size,
                    section.link,
                    section.info,
                    section.align,
                    section.entry_size,
                )
            )
            if content:
                _place(out, section.offset, content)
        _place(out, self.table_offset, b"".join(rows))
        header = fmt.FILE_HEADER.pack(
            b"\x7fELF\x02\x01\x01".ljust(16, b"\0"),
            self.type,
            self.machine,
            1,
            0,
            fmt.FILE_HEADER.size if self.segments else 0,
            self.table_offset,
            0,
            fmt.FILE_HEADER.size,
            fmt.PROGRAM_HEADER.size,
            len(self.segments),
            fmt.SECTION_HEADER.size,
            table_size // fmt.SECTION_HEADER.size,
            len(everything),
        )
        table = b"".join(fmt.PROGRAM_HEADER.pack(*row) for row in self.segments)
        _place(out, 0, header + table)
        return bytes(out)


STRINGS = b"\0libneeded.so\0NEED_1.0\0libhand.so\0HAND_1.0\0/far/away:$ORIGIN\0answer\0import\0"


def string_offset(text: str) -> int:
    """Return the offset of a text in the dynamic string table of `library`."""
    return STRINGS.index(text.encode() + b"\0")


def library(
    *, rpath_tag: int = fmt.DT_RPATH, table_early: bool = False, section_symbols: bool = True
) -> bytes:
    """Return a library with one of everything, and a segment behind `.symtab`, as patchelf leaves.

    Sections: 1 .dynstr, 2 .dynsym, 3 .gnu.version, 4 .gnu.version_r, 5 .gnu.version_d,
    6 .note.gnu.build-id, 7 .dynamic, 8 .comment, 9 .symtab, 10 .strtab, 11 .debug_info,
    12 .rela.debug_info, 13 .data, 14 .bss, 15 .shstrtab.
    """
    dynsym = b"".join(
        [
            bytes(fmt.SYMBOL.size),
            fmt.SYMBOL.pack(string_offset("import"), 0x12, 0, 0, 0, 0),
            fmt.SYMBOL.pack(string_offset("answer"), 0x11, 0, 13, 0x5000, 8),
        ]
    )
    needs = struct.pack("<HHIII", 1, 1, string_offset("libneeded.so"), 16, 0)
    needs += struct.pack("<IHHII", 0, 0, 3, string_offset("NEED_1.0"), 0)
    definitions = struct.pack("<HHHHIII", 1, 1, 1, 1, 0, 20, 28)
    definitions += struct.pack("<II", string_offset("libhand.so"), 0)
    definitions += struct.pack("<HHHHIII", 1, 0, 2, 1, 0, 20, 0)
    definitions += struct.pack("<II", string_offset("HAND_1.0"), 0)
    note = struct.pack("<III4s4s", 4, 4, fmt.NT_GNU_BUILD_ID, b"GNU\0", b"\xde\xad\xbe\xef")
    dynamic = b"".join(
        fmt.DYNAMIC_ENTRY.pack(*entry)
        for entry in [
            (fmt.DT_NEEDED, string_offset("libneeded.so")),
            (fmt.DT_SONAME, string_offset("libhand.so")),
            (rpath_tag, string_offset("/far/away:$ORIGIN")),
            (fmt.DT_STRTAB, 0x400),
            (fmt.DT_STRSZ, len(STRINGS)),
            (fmt.DT_SYMTAB, 0x500),
            (fmt.DT_VERSYM, 0x580),
            (fmt.DT_VERNEED, 0x600),
            (fmt.DT_VERNEEDNUM, 1),
            (fmt.DT_VERDEF, 0x680),
            (fmt.DT_VERDEFNUM, 2),
            (fmt.DT_NULL, 0),
        ]
    )
    symtab = bytes(fmt.SYMBOL.size) + fmt.SYMBOL.pack(1, 0x11, 0, 13, 0x5000, 8)
    if section_symbols:
        symtab += fmt.SYMBOL.pack(0, fmt.STT_SECTION, 0, 11, 0, 0)
    alloc = fmt.SHF_ALLOC
    image = Image(size=0x4000, names_offset=0x3200, table_offset=0x800 if table_early else 0x3800)
    image.segment(fmt.PT_LOAD, 0, 0, 0xE00, align=0x1000)
    image.segment(fmt.PT_LOAD, 0x3000, 0x5000, 0x100, memory_size=0x200, align=0x1000)
    image.segment(fmt.PT_DYNAMIC, 0x700, 0x700, len(dynamic), align=8)
    image.segment(fmt.PT_NOTE, 0x6E0, 0x6E0, len(note), align=4)
    image.segment(fmt.PT_TLS, 0x3100, 0x5100, 0, memory_size=16, align=16)
    image.segment(fmt.PT_GNU_RELRO, 0x3000, 0x5000, 0x1000)
    image.segment(fmt.PT_GNU_STACK, 0, 0, 0, align=16)
    image.sections = [
        Section(".dynstr", fmt.SHT_STRTAB, 0x400, STRINGS, alloc, 0x400),
        Section(".dynsym", fmt.SHT_DYNSYM, 0x500, dynsym, alloc, 0x500, 1, 1, 8, 24),
        Section(".gnu.version", 0x6FFFFFFF, 0x580, struct.pack("<HHH", 0, 3, 2), alloc, 0x580, 2),
        Section(".gnu.version_r", 0x6FFFFFFE, 0x600, needs, alloc, 0x600, 1, 1, 4),
        Section(".gnu.version_d", 0x6FFFFFFD, 0x680, definitions, alloc, 0x680, 1, 2, 4),
        Section(".note.gnu.build-id", fmt.SHT_NOTE, 0x6E0, note, alloc, 0x6E0, align=4),
        Section(".dynamic", 6, 0x700, dynamic, alloc | 1, 0x700, 1, 0, 8, 16),
        Section(".comment", 1, 0xE00, b"by hand\0", 0x30),
        Section(".symtab", fmt.SHT_SYMTAB, 0x1000, symtab, 0, 0, 10, 1, 8, 24),
        Section(".strtab", fmt.SHT_STRTAB, 0x1100, b"\0static\0"),
        Section(".debug_info", 1, 0x1200, b"D" * 0x800),
        Section(".rela.debug_info", fmt.SHT_RELA, 0x2000, bytes(24), 0x40, 0, 9, 11, 8, 24),
        Section(".data", 1, 0x3000, b"answer42" * 32, alloc | 1, 0x5000, align=16),
        Section(".bss", fmt.SHT_NOBITS, 0x3100, None, alloc | 1, 0x5100, align=16, size=0x100),
    ]
    return image.build()


def _place(out: bytearray, offset: int, content: bytes) -> None:
    if len(out) < offset + len(content):
        out.extend(bytes(offset + len(content) - len(out)))
    out[offset : offset + len(content)] = content
