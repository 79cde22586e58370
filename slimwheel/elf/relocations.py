"""The relocations of a file: what the loader writes into its memory.

Sources: System V gABI, "Relocation" and "Dynamic Section" (DT_RELR included); the numbers of the
types are those of the x86-64 psABI, "Relocation Types".
"""

import struct
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain, islice
from typing import NamedTuple

from slimwheel.elf.errors import ElfShapeError
from slimwheel.elf.file import ElfFile
from slimwheel.elf.format import Symbol
from slimwheel.elf.memory import Memory
from slimwheel.errors import ElfError

RELA = struct.Struct("<QQq")
DT_PLTRELSZ = 2
DT_RELA = 7
DT_RELASZ = 8
DT_RELAENT = 9
DT_PLTREL = 20
DT_JMPREL = 23
DT_RELRSZ = 35
DT_RELR = 36

_WORD = struct.Struct("<Q")
_WORD_BITS = 64
_ADDEND_OFFSET = 16
# How many relocations are read at a time.
_ROWS = 1 << 14
_ADDRESSES = 1 << 64
# Linkers of the largest libraries write a tenth of this. One word of DT_RELR can stand for 63.
_MAX_RELOCATIONS = 1 << 22


class RelocationType(IntEnum):
    """The types of x86-64 that fill data with an address: a symbol's or the file's, plus addend."""

    ADDRESS = 1  # R_X86_64_64
    RELATIVE = 8  # R_X86_64_RELATIVE


class Relocation(NamedTuple):
    """One relocation; `symbol` is an index in the dynamic symbol table, 0 for none.

    `type` is a `RelocationType` or any other number that the file has.
    """

    address: int
    type: int
    symbol: int
    addend: int


@dataclass(frozen=True, eq=False)
class Relocations:
    """All relocations of one file in the order of their addresses.

    Make it once per file with `Relocations.read`: it takes 24 bytes for each relocation, and holds
    the symbols that any of them names.
    """

    name: str
    _addresses: "array[int]"
    _infos: "array[int]"
    _addends: "array[int]"
    _symbols: dict[int, Symbol]

    @classmethod
    def read(cls, elf: ElfFile) -> "Relocations":
        """Read DT_RELA, DT_JMPREL and DT_RELR, and the symbols that they name.

        Raises:
            ElfError: damage, or a relocation that names a symbol the table does not have.
            ElfShapeError: relocations without addends (DT_REL), which x86-64 does not use.
        """
        addresses, infos, addends = array("Q"), array("Q"), array("q")
        for columns in read_columns(elf):
            addresses += columns.addresses
            infos += columns.infos
            addends += columns.addends
        order = sorted(range(len(addresses)), key=addresses.__getitem__)
        used = {info >> 32 for info in infos} - {0}
        symbols = {i: s for i, s in enumerate(elf.symbols(), 1) if i in used} if used else {}
        if missing := used - symbols.keys():
            raise ElfError(f"a relocation names symbol {min(missing)}", file=elf.name)
        return cls(
            elf.name,
            array("Q", map(addresses.__getitem__, order)),
            array("Q", map(infos.__getitem__, order)),
            array("q", map(addends.__getitem__, order)),
            symbols,
        )

    def __len__(self) -> int:
        return len(self._addresses)

    def __iter__(self) -> Iterator[Relocation]:
        return map(self._get, range(len(self)))

    def within(self, start: int, stop: int) -> Iterator[Relocation]:
        """Yield the relocations of the addresses from `start` to before `stop`, in order."""
        first, last = bisect_left(self._addresses, start), bisect_left(self._addresses, stop)
        return map(self._get, range(first, last))

    def symbol(self, relocation: Relocation) -> Symbol | None:
        """Return the symbol that one of these relocations names."""
        return self._symbols.get(relocation.symbol)

    def _get(self, index: int) -> Relocation:
        info = self._infos[index]
        return Relocation(
            self._addresses[index], info & 0xFFFFFFFF, info >> 32, self._addends[index]
        )


class Columns(NamedTuple):
    """Relocations that follow each other in one table, field by field.

    Attributes:
        infos: symbol and type, as r_info has them.
        offset: where in the file the first of the addends stands, the others 24 bytes apart; None
            where the data that is relocated holds them (DT_RELR).
    """

    addresses: "array[int]"
    infos: "array[int]"
    addends: "array[int]"
    offset: int | None


def read_rows(elf: ElfFile) -> Iterator[tuple[int, int, int, int | None]]:
    """Yield address, info (symbol and type), addend and the addend's offset in the file.

    They come table by table: DT_RELA, DT_JMPREL, DT_RELR. The last has no addends; there the data
    that is relocated holds them, and the offset is None.

    Raises:
        ElfError, ElfShapeError: as `Relocations.read`.
    """
    for addresses, infos, addends, offset in read_columns(elf):
        rows = zip(addresses, infos, addends, strict=True)
        for number, (address, info, addend) in enumerate(rows):
            place = None if offset is None else offset + number * RELA.size
            yield address, info, addend, place


def read_columns(elf: ElfFile) -> Iterator[Columns]:
    """Yield what `read_rows` does, thousands at a time.

    Raises:
        ElfError, ElfShapeError: as `Relocations.read`.
    """
    if elf.dynamic_value(DT_RELAENT) not in (None, RELA.size):
        raise ElfError("relocations of another size than 24 bytes", file=elf.name)
    if elf.dynamic_value(DT_PLTREL) not in (None, DT_RELA):
        raise ElfShapeError("relocations without addends", file=elf.name)
    count = 0
    for columns in chain(_with_addends(elf), _packed(elf)):
        count += len(columns.addresses)
        if count > _MAX_RELOCATIONS:
            raise ElfError(f"more than {_MAX_RELOCATIONS} relocations", file=elf.name)
        yield columns


def _with_addends(elf: ElfFile) -> Iterator[Columns]:
    step = _ROWS * RELA.size
    for table_tag, size_tag in ((DT_RELA, DT_RELASZ), (DT_JMPREL, DT_PLTRELSZ)):
        start, table = _table(elf, table_tag, size_tag, RELA.size)
        for offset in range(0, len(table), step):
            part = table[offset : offset + step]
            unsigned, signed = _words("Q", part), _words("q", part)
            yield Columns(
                unsigned[0::3], unsigned[1::3], signed[2::3], start + offset + _ADDEND_OFFSET
            )


def _packed(elf: ElfFile) -> Iterator[Columns]:
    memory = Memory(elf)
    _, table = _table(elf, DT_RELR, DT_RELRSZ, _WORD.size)
    addresses = _packed_addresses(table)
    while some := array("Q", islice(addresses, _ROWS)):
        data = b"".join(memory.read(address, _WORD.size) for address in some)
        yield Columns(
            some, array("Q", [RelocationType.RELATIVE]) * len(some), _words("q", data), None
        )


def _words(kind: str, data: bytes | memoryview) -> "array[int]":
    words: array[int] = array(kind)
    words.frombytes(data)
    if sys.byteorder == "big":
        words.byteswap()
    return words


def _table(elf: ElfFile, table_tag: int, size_tag: int, entry_size: int) -> tuple[int, memoryview]:
    """Return a table's offset in the file and its bytes."""
    address, size = elf.dynamic_value(table_tag), elf.dynamic_value(size_tag) or 0
    if address is None or not size:
        return 0, memoryview(b"")
    offset = elf.offset_of(address, size)
    if size % entry_size:
        raise elf.source.damage(f"{size} bytes of relocations of {entry_size} bytes", offset)
    return offset, elf.data[offset : offset + size]


def _packed_addresses(table: memoryview) -> Iterator[int]:
    """Unpack DT_RELR: even words are addresses, odd ones maps of the 63 words that follow."""
    following = 0
    for (word,) in _WORD.iter_unpack(table):
        if word & 1:
            for bit in range(1, _WORD_BITS):
                if word >> bit & 1:
                    yield (following + (bit - 1) * _WORD.size) % _ADDRESSES
            following += (_WORD_BITS - 1) * _WORD.size
        else:
            yield word
            following = word + _WORD.size
