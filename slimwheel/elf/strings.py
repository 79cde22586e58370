"""The dynamic string table: which of its bytes may be written over.

Linkers let strings share their tails, so a string may be part of another, and one string may be
named at several places.
"""

from collections.abc import Collection, Iterator
from enum import Enum, auto

from slimwheel.elf import format as fmt
from slimwheel.elf import versions
from slimwheel.elf.file import ElfFile
from slimwheel.elf.symbols import symbol_rows

_PATH_TAGS = frozenset({fmt.DT_RPATH, fmt.DT_RUNPATH})
# How far before a string a longer one that ends in it may begin.
_MAX_SHARED = 1 << 16


class Use(Enum):
    """What a string of the table is named for."""

    PATH = auto()
    NEEDED = auto()
    NEEDS_VERSION_OF = auto()
    OTHER = auto()


def may_be_overwritten(elf: ElfFile, offset: int, mine: Collection[Use]) -> bool:
    """Tell whether nothing but certain uses reads a string of the dynamic string table.

    Args:
        offset: where the string begins, in the table.
        mine: uses of exactly this string that do not count.

    Raises:
        ElfError: the file is damaged.
    """
    table, _ = elf.string_table
    length = len(elf.string(offset).encode("utf-8", "surrogateescape"))
    before = bytes(elf.data[table + max(0, offset - _MAX_SHARED) : table + offset])
    start = offset - len(before) + before.rfind(b"\0") + 1
    stop = offset + length
    too_long_to_tell = offset - start == _MAX_SHARED
    if too_long_to_tell or _is_section_string(elf, table + start, table + stop):
        return False
    return not any(
        start <= used < stop and not (used == offset and use in mine) for use, used in _uses(elf)
    )


def _uses(elf: ElfFile) -> Iterator[tuple[Use, int]]:
    """Yield every offset in use in the dynamic string table, and what for."""
    for entry in elf.entries(fmt.STRING_TAGS):
        if entry.tag in _PATH_TAGS:
            yield Use.PATH, entry.value
        else:
            yield Use.NEEDED if entry.tag == fmt.DT_NEEDED else Use.OTHER, entry.value
    for need in versions.read_needs(elf):
        yield Use.NEEDS_VERSION_OF, need.library_offset
        yield Use.OTHER, need.name_offset
    for definition in versions.read_definitions(elf):
        yield Use.OTHER, definition.name_offset
    for name, *_ in symbol_rows(elf):
        yield Use.OTHER, name


def _is_section_string(elf: ElfFile, start: int, stop: int) -> bool:
    """Tell whether the bytes also belong to section names or static symbols, which is unusual."""
    static = {s.link for s in elf.sections if s.type == fmt.SHT_SYMTAB}
    if elf.sections:
        static.add(elf.header.shstrndx)
    tables = (s for s in elf.sections if s.number in static)
    return any(table.offset < stop and start < table.end for table in tables)
