"""Pointers that the loader writes: which of them point into a stretch of a file's memory.

What moves in memory takes all pointers to it along, so whoever moves something has to know every
one. Sources: as for `relocations`.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from slimwheel.elf import format as fmt
from slimwheel.elf.errors import ElfShapeError
from slimwheel.elf.file import ElfFile
from slimwheel.elf.relocations import RelocationType, read_rows
from slimwheel.errors import ElfError

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


def _start(stretch: range) -> int:
    return stretch.start


def _refusal(elf: ElfFile, message: str, address: int) -> ElfShapeError:
    return ElfShapeError(message, file=elf.name, place=f"address {address:#x}")
