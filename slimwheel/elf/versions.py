"""Symbol versions: the tables behind DT_VERNEED and DT_VERDEF.

Source: "ELF Symbol Versioning" (U. Drepper), as adopted by the LSB core specification. Both are
linked lists of records, each with a list of its own; a record names the distance to the next.
"""

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from slimwheel.elf import format as fmt

if TYPE_CHECKING:
    from slimwheel.elf.file import ElfFile

_NEED = struct.Struct("<HHIII")
_LIBRARY_FIELD = 4
_NEED_AUX = struct.Struct("<IHHII")
_DEFINITION = struct.Struct("<HHHHIII")
_DEFINITION_AUX = struct.Struct("<II")
# Far above what linkers write; a hostile chain may revisit the same bytes over and over.
_MAX_RECORDS = 1 << 14


class Need(NamedTuple):
    """A version needed of a library.

    The offsets are in the dynamic string table; `version` is its number in DT_VERSYM, and
    `library_field` where in the file the library's offset stands, four bytes.
    """

    library_offset: int
    name_offset: int
    version: int
    library_field: int


class Definition(NamedTuple):
    """A name in a version definition: its own (`is_name`) or that of a parent version."""

    name_offset: int
    version: int
    is_name: bool
    is_base: bool


def read_needs(elf: "ElfFile") -> Iterator[Need]:
    """Yield the versions that DT_VERNEED lists; ElfError on damage."""
    reader = _Reader(elf, fmt.DT_VERNEED, fmt.DT_VERNEEDNUM)
    for offset in reader.chain():
        _, count, library, aux, following = reader.unpack(_NEED, offset)
        reader.next_record(offset, following)
        for _ in range(count):
            aux_offset = offset + aux
            _, _, index, name, aux_following = reader.unpack(_NEED_AUX, aux_offset)
            yield Need(library, name, index & fmt.VERSION_INDEX, offset + _LIBRARY_FIELD)
            aux += aux_following
            if not aux_following:
                break


def read_definitions(elf: "ElfFile") -> Iterator[Definition]:
    """Yield the versions that DT_VERDEF lists; ElfError on damage."""
    reader = _Reader(elf, fmt.DT_VERDEF, fmt.DT_VERDEFNUM)
    for offset in reader.chain():
        _, flags, index, count, _, aux, following = reader.unpack(_DEFINITION, offset)
        reader.next_record(offset, following)
        for number in range(count):
            name, aux_following = reader.unpack(_DEFINITION_AUX, offset + aux)
            yield Definition(
                name,
                index & fmt.VERSION_INDEX,
                is_name=number == 0,
                is_base=bool(flags & fmt.VER_FLG_BASE),
            )
            aux += aux_following
            if not aux_following:
                break


class _Reader:
    """Walks one of the two lists, counting what it reads."""

    def __init__(self, elf: "ElfFile", table_tag: int, count_tag: int) -> None:
        self._source = elf.source
        address = elf.dynamic_value(table_tag)
        self._count = 0 if address is None else elf.dynamic_value(count_tag) or 0
        self._next: int | None = None
        if address is not None and self._count:
            self._next = elf.offset_of(address, 1)
        self._read = 0

    def chain(self) -> Iterator[int]:
        """Yield the offset of every outer record; the caller says where the next one is."""
        for _ in range(self._count):
            if self._next is None:
                return
            offset, self._next = self._next, None
            yield offset

    def next_record(self, offset: int, distance: int) -> None:
        """Set where the next outer record is; a distance of 0 ends the list."""
        self._next = offset + distance if distance else None

    def unpack(self, record: struct.Struct, offset: int) -> tuple[int, ...]:
        self._read += 1
        if self._read > _MAX_RECORDS:
            raise self._source.damage("too many symbol version records", offset)
        return record.unpack(self._source.slice(offset, record.size, "a symbol version record"))
