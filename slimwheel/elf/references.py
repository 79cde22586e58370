"""Pointers into a stretch of a file's memory: those that the loader writes, and all it knows of.

What moves in memory takes all pointers to it along, so whoever moves something has to know every
one. Sources: as for `relocations`.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from slimwheel.elf import format as fmt
from slimwheel.elf.errors import ElfShapeError
from slimwheel.elf.file import ElfFile
from slimwheel.elf.relocations import RelocationType, read_rows
from slimwheel.errors import ElfError

# Relocations that write no address of this file: none, those of thread-local data (DTPMOD64 to
# TPOFF32, GOTPC32_TLSDESC to TLSDESC), sizes of symbols.
_NO_ADDRESS = frozenset({0, *range(16, 24), 32, 33, 34, 35, 36})
# Dynamic entries that are no address: PLTRELSZ, RELASZ, RELAENT, STRSZ, SYMENT, SYMBOLIC, RELSZ,
# RELENT, PLTREL, TEXTREL, BIND_NOW, sizes of the three arrays, FLAGS, RELRSZ, RELRENT, RELACOUNT,
# RELCOUNT, FLAGS_1, the numbers of versions, and the names. Of all others the value counts as one.
_NO_ADDRESS_TAGS = fmt.STRING_TAGS | {2, 8, 9, 10, 11, 16, 18, 19, 20, 22, 24, 27, 28, 30, 33}
_NO_ADDRESS_TAGS |= {35, 37, *range(0x6FFFFFF9, 0x6FFFFFFC), fmt.DT_VERDEFNUM, fmt.DT_VERNEEDNUM}
_ELSEWHERE = -1
_HALF = 1 << 63
"""No address that a loader takes reaches it."""


class Reference(NamedTuple):
    """A pointer to `target` at `address`, which the loader fills in.

    `addend_offset` is where in the file the relocation says what to fill in; None where the
    pointer itself says it, before it is relocated (DT_RELR).
    """

    address: int
    target: int
    addend_offset: int | None


def references_into(elf: ElfFile, stretches: Iterable[range]) -> Iterator[Reference]:
    """Yield every pointer into one of the stretches of memory, in the order of the tables.

    Args:
        stretches: ranges of addresses.

    Raises:
        ElfShapeError: a symbol stands in a stretch, so that anything could point there; one from
            elsewhere is made to point there by an addend; or the machine is not x86-64.
        ElfError: the file is damaged.
    """
    if elf.header.machine != fmt.EM_X86_64:
        raise ElfShapeError("relocations of another machine than x86-64", file=elf.name)
    inside = _Stretches(stretches)
    symbols = array("q", [0])  # What relocations without a symbol add to.
    for symbol in elf.symbols():
        if symbol.defined and symbol.value in inside:
            message = f"the symbol {symbol.name} stands in what would move"
            raise _refusal(elf, message, symbol.value)
        symbols.append(symbol.value if symbol.defined and symbol.value < _HALF else _ELSEWHERE)
    for address, info, addend, addend_offset in read_rows(elf):
        if info == RelocationType.RELATIVE and addend in inside:
            yield Reference(address, addend, addend_offset)
        elif info & 0xFFFFFFFF == RelocationType.ADDRESS:
            number = info >> 32
            if number >= len(symbols):
                raise ElfError(f"a relocation names symbol {number}", file=elf.name)
            if symbols[number] != _ELSEWHERE and symbols[number] + addend in inside:
                message = f"symbol {number} and an addend make a pointer into what would move"
                raise _refusal(elf, message, address)


def leads_into(elf: ElfFile, stretches: Iterable[range]) -> bool:
    """Tell whether anything that the loader reads leads into one of the stretches of memory.

    That is the entry point, an address of the dynamic section, a dynamic symbol or a part of it,
    and a relocation: the place that it writes to, or the address that it writes. What a number
    means is not known for sure of every kind; in doubt it is an address.

    Raises:
        ElfError, ElfShapeError: as `Relocations.read`.
    """
    inside = _Stretches(stretches)
    dynamic = (entry.value for entry in elf.dynamic if entry.tag not in _NO_ADDRESS_TAGS)
    if elf.header.entry in inside or any(value in inside for value in dynamic):
        return True
    symbols = array("Q")
    size = elf.symbol_count * fmt.SYMBOL.size
    offset = elf.offset_of(elf.dynamic_value(fmt.DT_SYMTAB) or 0, size) if size else 0
    for _, info, _, section, value, length in fmt.SYMBOL.iter_unpack(
        elf.data[offset : offset + size]
    ):
        is_address = section != fmt.SHN_UNDEF and info & 0xF != fmt.STT_TLS
        if is_address and inside.touches(value, value + max(length, 1)):
            return True
        symbols.append(value if is_address else 0)
    for address, info, addend, _ in read_rows(elf):
        number = info >> 32
        if number and number >= len(symbols):
            raise ElfError(f"a relocation names symbol {number}", file=elf.name)
        target = addend + (symbols[number] if number else 0)
        if address in inside or (info & 0xFFFFFFFF not in _NO_ADDRESS and target in inside):
            return True
    return False


class _Stretches:
    """Ranges of addresses that are asked for millions of values: joined where they meet."""

    def __init__(self, stretches: Iterable[range]) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        for stretch in sorted(stretches, key=_start):
            if self._stops and stretch.start <= self._stops[-1]:
                self._stops[-1] = max(self._stops[-1], stretch.stop)
            else:
                self._starts.append(stretch.start)
                self._stops.append(stretch.stop)

    def __contains__(self, address: int) -> bool:
        index = bisect_right(self._starts, address) - 1
        return index >= 0 and address < self._stops[index]

    def touches(self, start: int, stop: int) -> bool:
        """Tell whether a range of addresses has any in common with them."""
        index = bisect_left(self._starts, stop) - 1
        return index >= 0 and start < self._stops[index]


def _start(stretch: range) -> int:
    return stretch.start


def _refusal(elf: ElfFile, message: str, address: int) -> ElfShapeError:
    return ElfShapeError(message, file=elf.name, place=f"address {address:#x}")
