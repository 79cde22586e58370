"""Static symbols of containers: they stay true where symbol tables stay."""

import struct
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from slimwheel.elf import ElfFile, ElfShapeError, Patch
from slimwheel.elf import format as fmt

_VALUE_OFFSET = 8
_VALUE = struct.Struct("<Q")


def moved_symbols(
    elf: ElfFile, sections: AbstractSet[int], moved: Mapping[int, int]
) -> Iterator[Patch]:
    """Yield the changes to the static symbol table when containers move.

    Args:
        sections: the numbers of the sections of device code.
        moved: new addresses of containers by their old ones.

    Raises:
        ElfShapeError: a symbol stands within a container, or there are static relocations.
    """
    for section in elf.sections:
        if section.type in (fmt.SHT_RELA, fmt.SHT_REL) and not section.is_alloc:
            message = f"{section.name} has static relocations, which would no longer be true"
            raise ElfShapeError(message, file=elf.name, place=f"offset {section.offset:#x}")
        if section.type == fmt.SHT_SYMTAB and section.entry_size == fmt.SYMBOL.size:
            table = elf.data[section.offset : section.end]
            rows = fmt.SYMBOL.iter_unpack(table[: len(table) // fmt.SYMBOL.size * fmt.SYMBOL.size])
            for number, (_, info, _, index, value, _) in enumerate(rows):
                if index not in sections or info & 0xF == fmt.STT_SECTION:
                    continue
                offset = section.offset + number * fmt.SYMBOL.size
                if value not in moved:
                    message = f"symbol {number} of {section.name} stands within device code"
                    raise ElfShapeError(message, file=elf.name, place=f"offset {offset:#x}")
                yield Patch(offset + _VALUE_OFFSET, _VALUE.pack(moved[value]))
