"""The dynamic symbol table: how long it is, and what stands in it."""

import struct
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from slimwheel.elf import format as fmt
from slimwheel.elf import versions
from slimwheel.elf.format import Symbol

if TYPE_CHECKING:
    from slimwheel.elf.file import ElfFile

_HASH_HEADER = struct.Struct("<II")
_GNU_HASH_HEADER = struct.Struct("<IIII")
_WORD = struct.Struct("<I")
_HALF = struct.Struct("<H")
_MAX_CHAIN = 1 << 20


def symbol_count(elf: "ElfFile") -> int:
    """Return the number of entries of the table at DT_SYMTAB, the null symbol included.

    The dynamic section does not say it. The section header does where there is one; otherwise
    DT_HASH has a chain entry for every symbol, and the last symbol of DT_GNU_HASH's last chain is
    the last symbol (an empty DT_GNU_HASH tells nothing of the undefined symbols before it).
    """
    address = elf.dynamic_value(fmt.DT_SYMTAB)
    if address is None:
        return 0
    for section in elf.sections:
        if section.type == fmt.SHT_DYNSYM and section.address == address:
            return section.size // fmt.SYMBOL.size
    if (hash_address := elf.dynamic_value(fmt.DT_HASH)) is not None:
        offset = elf.offset_of(hash_address, _HASH_HEADER.size)
        return int(_HASH_HEADER.unpack_from(elf.data, offset)[1])
    if (hash_address := elf.dynamic_value(fmt.DT_GNU_HASH)) is not None:
        return _count_by_gnu_hash(elf, elf.offset_of(hash_address, _GNU_HASH_HEADER.size))
    return 0


def read_symbols(elf: "ElfFile") -> Iterator[Symbol]:
    """Yield the dynamic symbols in order, without the null symbol; ElfError on damage."""
    count = symbol_count(elf)
    if count < 2:
        return
    rows = symbol_rows(elf)
    names = _version_names(elf)
    indexes = _version_indexes(elf, count)
    string = elf.string_reader()
    for (name, info, other, section_index, value, symbol_size), version in islice(
        zip(rows, indexes, strict=True), 1, None
    ):
        yield Symbol(
            string(name),
            names.get(version & fmt.VERSION_INDEX),
            bool(version & fmt.VERSION_HIDDEN),
            info & 0xF,
            info >> 4,
            other & 0x3,
            section_index,
            value,
            symbol_size,
        )


def symbol_rows(elf: "ElfFile") -> Iterator[tuple[int, int, int, int, int, int]]:
    """Yield the fields of the dynamic symbols as the file has them, the null symbol included.

    These are: the name's offset, info, other, section, value, size. ElfError on damage.
    """
    size = symbol_count(elf) * fmt.SYMBOL.size
    if not size:
        return iter(())
    offset = elf.offset_of(elf.dynamic_value(fmt.DT_SYMTAB) or 0, size)
    return fmt.SYMBOL.iter_unpack(elf.data[offset : offset + size])


def _version_indexes(elf: "ElfFile", count: int) -> Iterator[int]:
    address = elf.dynamic_value(fmt.DT_VERSYM)
    if address is None:
        return iter([fmt.VERSION_GLOBAL] * count)
    size = count * _HALF.size
    offset = elf.offset_of(address, size)
    return (index for (index,) in _HALF.iter_unpack(elf.data[offset : offset + size]))


def _version_names(elf: "ElfFile") -> dict[int, str]:
    names = {need.version: elf.string(need.name_offset) for need in versions.read_needs(elf)}
    for definition in versions.read_definitions(elf):
        if definition.is_name and not definition.is_base:
            names[definition.version] = elf.string(definition.name_offset)
    names.pop(fmt.VERSION_LOCAL, None)
    names.pop(fmt.VERSION_GLOBAL, None)
    return names


def _count_by_gnu_hash(elf: "ElfFile", offset: int) -> int:
    buckets, first, bloom_words, _ = _GNU_HASH_HEADER.unpack_from(elf.data, offset)
    buckets_offset = offset + _GNU_HASH_HEADER.size + 8 * bloom_words
    table = elf.source.slice(buckets_offset, 4 * buckets, "the buckets of DT_GNU_HASH")
    last = max((start for (start,) in _WORD.iter_unpack(table)), default=0)
    if last < first:
        return int(first)
    chains = buckets_offset + 4 * buckets
    for index in range(last, last + _MAX_CHAIN):
        word = elf.source.slice(chains + 4 * (index - first), 4, "a chain of DT_GNU_HASH")
        if _WORD.unpack(word)[0] & 1:
            return index + 1
    raise elf.source.damage("a chain of DT_GNU_HASH does not end", chains)
