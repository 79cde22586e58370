"""The records of ELF64 (little-endian) and the numbers that they use.

Sources: System V gABI, chapters 4 and 5; GNU additions as in glibc's `elf/elf.h`.
All offsets, addresses and sizes are in bytes.
"""

import struct
from typing import NamedTuple

MAGIC = b"\x7fELF"
CLASS_64 = 2
DATA_LITTLE = 1

FILE_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
SECTION_HEADER = struct.Struct("<IIQQQQIIQQ")
DYNAMIC_ENTRY = struct.Struct("<QQ")
SYMBOL = struct.Struct("<IBBHQQ")

ET_REL = 1
ET_EXEC = 2
ET_DYN = 3
ET_CORE = 4

EM_MIPS = 8
EM_X86_64 = 62

PN_XNUM = 0xFFFF
SHN_UNDEF = 0
SHN_LORESERVE = 0xFF00

PT_LOAD = 1
PT_DYNAMIC = 2
PT_INTERP = 3
PT_NOTE = 4
PT_PHDR = 6
PT_TLS = 7
PT_GNU_STACK = 0x6474E551
PT_GNU_RELRO = 0x6474E552
PT_GNU_PROPERTY = 0x6474E553
PF_X = 1
PF_W = 2

SHT_NULL = 0
SHT_SYMTAB = 2
SHT_STRTAB = 3
SHT_RELA = 4
SHT_NOTE = 7
SHT_NOBITS = 8
SHT_REL = 9
SHT_DYNSYM = 11
SHT_GROUP = 17
SHT_SYMTAB_SHNDX = 18
SHF_ALLOC = 0x2
SHF_INFO_LINK = 0x40
SHF_TLS = 0x400

DT_NULL = 0
DT_NEEDED = 1
DT_HASH = 4
DT_STRTAB = 5
DT_SYMTAB = 6
DT_STRSZ = 10
DT_SONAME = 14
DT_RPATH = 15
DT_RUNPATH = 29
DT_GNU_HASH = 0x6FFFFEF5
DT_CONFIG = 0x6FFFFEFA
DT_DEPAUDIT = 0x6FFFFEFB
DT_AUDIT = 0x6FFFFEFC
DT_VERSYM = 0x6FFFFFF0
DT_TEXTREL = 22
DT_FLAGS = 30
DT_FLAGS_1 = 0x6FFFFFFB
DT_VERDEF = 0x6FFFFFFC
DT_VERDEFNUM = 0x6FFFFFFD
DT_VERNEED = 0x6FFFFFFE
DT_VERNEEDNUM = 0x6FFFFFFF
DT_AUXILIARY = 0x7FFFFFFD
DT_FILTER = 0x7FFFFFFF
DF_TEXTREL = 0x4
DF_1_PIE = 0x08000000

STRING_TAGS = frozenset(
    {
        DT_NEEDED,
        DT_SONAME,
        DT_RPATH,
        DT_RUNPATH,
        DT_CONFIG,
        DT_DEPAUDIT,
        DT_AUDIT,
        DT_AUXILIARY,
        DT_FILTER,
    }
)
"""Dynamic tags whose value is an offset in the dynamic string table."""

STT_SECTION = 3
STT_TLS = 6

VER_FLG_BASE = 1
VERSION_INDEX = 0x7FFF
VERSION_HIDDEN = 0x8000
VERSION_LOCAL = 0
VERSION_GLOBAL = 1

NT_GNU_BUILD_ID = 3


class Header(NamedTuple):
    """The file header, its fields in the file's order and by the gABI's names without `e_`."""

    ident: bytes
    type: int
    machine: int
    version: int
    entry: int
    phoff: int
    shoff: int
    flags: int
    ehsize: int
    phentsize: int
    phnum: int
    shentsize: int
    shnum: int
    shstrndx: int


class Segment(NamedTuple):
    """One program header; `number` is its index in the table."""

    number: int
    type: int
    flags: int
    offset: int
    address: int
    physical_address: int
    file_size: int
    memory_size: int
    align: int

    @property
    def end(self) -> int:
        """Offset of the first byte of the file behind the segment."""
        return self.offset + self.file_size

    @property
    def memory_end(self) -> int:
        """Address of the first byte of memory behind the segment."""
        return self.address + self.memory_size


class Section(NamedTuple):
    """One section header; `number` is its index in the table."""

    number: int
    name: str
    name_offset: int
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    entry_size: int

    @property
    def file_size(self) -> int:
        """Bytes that the section takes in the file."""
        return 0 if self.type in (SHT_NULL, SHT_NOBITS) else self.size

    @property
    def end(self) -> int:
        """Offset of the first byte of the file behind the section."""
        return self.offset + self.file_size

    @property
    def is_alloc(self) -> bool:
        """Whether the section is part of the program's memory."""
        return bool(self.flags & SHF_ALLOC)

    @property
    def info_is_section(self) -> bool:
        """Whether `info` is the index of another section."""
        return bool(self.flags & SHF_INFO_LINK) or self.type in (SHT_REL, SHT_RELA)


class DynamicEntry(NamedTuple):
    """One entry of the dynamic section; `offset` is its own place in the file."""

    offset: int
    tag: int
    value: int


class Symbol(NamedTuple):
    """One entry of the dynamic symbol table.

    `version` is None for an unversioned symbol. `hidden` marks a definition that only a reference
    to just this version finds (`name@version` rather than `name@@version`).
    """

    name: str
    version: str | None
    hidden: bool
    type: int
    binding: int
    visibility: int
    section_index: int
    value: int
    size: int

    @property
    def defined(self) -> bool:
        """Whether the file itself defines the symbol."""
        return self.section_index != SHN_UNDEF
