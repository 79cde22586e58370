"""Pointers that the loader writes: which of them point into a stretch of a file's memory.

What moves in memory takes all pointers to it along, so whoever moves something has to know every
one. Sources: as for `relocations`.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from slimwheel.elf import format as fmt
from slimwheel.elf.errors import ElfShapeError
from slimwheel.elf.file import ElfFile
from slimwheel.elf.relocations import RelocationType, read_rows


class Reference(NamedTuple):
    """A pointer to `target` at `address`, which the loader fills in.

    `addend_offset` is where in the file the relocation says what to fill in; None where the
    pointer itself says it, before it is relocated (DT_RELR).
    """

    address: int
    target: int
    addend_offset: int | None


def references_into(elf: ElfFile, stretches: Sequence[range]) -> Iterator[Reference]:
    """Yield every pointer into one of the stretches of memory, in the order of the tables.

    Args:
        stretches: ranges of addresses.

    Raises:
        ElfShapeError: a symbol stands in a stretch, so that anything could point there, or the
            relocations are not of x86-64.
        ElfError: the file is damaged.
    """
    if elf.header.machine != fmt.EM_X86_64:
        raise ElfShapeError("relocations of another machine than x86-64", file=elf.name)
    for symbol in elf.symbols():
        if symbol.defined and any(symbol.value in stretch for stretch in stretches):
            message = f"the symbol {symbol.name} stands in what would move"
            raise ElfShapeError(message, file=elf.name, place=f"address {symbol.value:#x}")
    for address, info, addend, addend_offset in read_rows(elf):
        if info == RelocationType.RELATIVE and any(addend in stretch for stretch in stretches):
            yield Reference(address, addend, addend_offset)
