"""Pointers into a stretch of a file's memory: those that the loader writes, and all it knows of.

What moves in memory takes all pointers to it along, so whoever moves something has to know every
one. Sources: as for `relocations`.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from slimwheel.elf import format as fmt
from slimwheel.elf.errors import ElfShapeError
from slimwheel.elf.file import ElfFile
from slimwheel.elf.relocations import RELA, Columns, RelocationType, read_columns
from slimwheel.elf.symbols import symbol_rows
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
# Numbers, for comparing them with the members of an enumeration takes five times as long.
_RELATIVE, _ADDRESS = int(RelocationType.RELATIVE), int(RelocationType.ADDRESS)
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
    symbols = _values_outside(elf, inside)
    for columns in read_columns(elf):
        rows = zip(columns.infos, columns.addends, strict=True)
        for row, (info, addend) in enumerate(rows):
            if info == _RELATIVE:
                if inside.first <= addend < inside.last and addend in inside:
                    yield _reference(columns, row)
            elif info & 0xFFFFFFFF == _ADDRESS:
                number = info >> 32
                if number >= len(symbols):
                    raise ElfError(f"a relocation names symbol {number}", file=elf.name)
                if symbols[number] != _ELSEWHERE and symbols[number] + addend in inside:
                    message = f"symbol {number} and an addend make a pointer into what would move"
                    raise _refusal(elf, message, columns.addresses[row])


def _values_outside(elf: ElfFile, inside: "_Stretches") -> "array[int]":
    """Return what relocations add to by the number of their symbol: the addresses of symbols.

    Raises:
        ElfShapeError: a symbol stands in a stretch.
        ElfError: the symbol table is damaged.
    """
    symbols = array("q", [0])  # What relocations without a symbol add to.
    for name, _, _, section, value, _ in islice(symbol_rows(elf), 1, None):
        if section == fmt.SHN_UNDEF:
            symbols.append(_ELSEWHERE)
            continue
        if inside.first <= value < inside.last and value in inside:
            raise _refusal(elf, f"the symbol {elf.string(name)} stands in what would move", value)
        symbols.append(value if value < _HALF else _ELSEWHERE)
    return symbols


def _reference(columns: Columns, row: int) -> Reference:
    offset = None if columns.offset is None else columns.offset + row * RELA.size
    return Reference(columns.addresses[row], columns.addends[row], offset)


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
    # Relocations without a symbol add to 0, whatever the null symbol has.
    symbols = array("Q", [0])
    rows = symbol_rows(elf)
    for number, (_, info, _, section, value, length) in enumerate(rows):
        is_address = section != fmt.SHN_UNDEF and info & 0xF != fmt.STT_TLS
        if is_address and value < inside.last and inside.touches(value, value + max(length, 1)):
            return True
        if number:
            symbols.append(value if is_address else 0)
    for columns in read_columns(elf):
        if max(columns.infos) >> 32 >= len(symbols):
            raise ElfError(f"a relocation names symbol {max(columns.infos) >> 32}", file=elf.name)
        if inside.holds_any(columns.addresses) or inside.holds_any(_targets(columns, symbols)):
            return True
    return False


def _targets(columns: Columns, symbols: "array[int]") -> list[int]:
    """Return the addresses that relocations may write."""
    if columns.infos.count(_RELATIVE) == len(columns.infos):
        return columns.addends.tolist()
    rows = zip(columns.infos, columns.addends, strict=True)
    return [
        addend + symbols[info >> 32]
        for info, addend in rows
        if info & 0xFFFFFFFF not in _NO_ADDRESS
    ]


class _Stretches:
    """Ranges of addresses that are asked for millions of values: joined where they meet.

    Attributes:
        first, last: nothing before the one, or from the other on, is in any of them.
    """

    def __init__(self, stretches: Iterable[range]) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        for stretch in sorted(stretches, key=_start):
            if self._stops and stretch.start <= self._stops[-1]:
                self._stops[-1] = max(self._stops[-1], stretch.stop)
            else:
                self._starts.append(stretch.start)
                self._stops.append(stretch.stop)

        self.first = self._starts[0] if self._starts else 0
        self.last = self._stops[-1] if self._stops else 0

    def __contains__(self, address: int) -> bool:
        index = bisect_right(self._starts, address) - 1
        return index >= 0 and address < self._stops[index]

    def holds_any(self, addresses: Iterable[int]) -> bool:
        """Tell whether any of many addresses is in one of them."""
        ordered = sorted(addresses)
        return any(
            bisect_left(ordered, start) < bisect_left(ordered, stop)
            for start, stop in zip(self._starts, self._stops, strict=True)
        )

    def touches(self, start: int, stop: int) -> bool:
        """Tell whether a range of addresses has any in common with them."""
        index = bisect_left(self._starts, stop) - 1
        return index >= 0 and start < self._stops[index]


def _start(stretch: range) -> int:
    return stretch.start


def _refusal(elf: ElfFile, message: str, address: int) -> ElfShapeError:
    return ElfShapeError(message, file=elf.name, place=f"address {address:#x}")
