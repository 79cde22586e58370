"""Relocations as pyelftools reads them, and from damaged files."""

import io
import struct
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile as Reference
from elftools.elf.relocation import RelocationSection, RelrRelocationSection
from hypothesis import given
from hypothesis import strategies as st

from slimwheel.elf import (
    Data,
    ElfFile,
    ElfShapeError,
    Function,
    Relocations,
    ShadowLibrary,
    Throw,
    ToSymbol,
    ToText,
    write_shadow,
)
from slimwheel.elf import format as fmt
from slimwheel.elf import relocations as rel
from slimwheel.elf.relocations import Relocation, RelocationType
from slimwheel.errors import ElfError
from tests.unit.elf.conftest import VARIANTS, Compile
from tests.unit.elf.handmade import Image
from tests.unit.elf.toolchain import compile_cpp, parse

GOOD = write_shadow(
    ShadowLibrary(
        "libgood.so",
        (Function("f", None, Throw("no")),),
        (Data("d", "V", (ToText("text"), ToSymbol("puts"), ToSymbol("f"))),),
    )
)


def read(data: bytes) -> Relocations:
    return Relocations.read(ElfFile.parse(data, "read"))


def with_entry(tag: int, value: int, data: bytes = GOOD) -> bytes:
    """Return a file with another value of a dynamic entry."""
    (entry,) = ElfFile.parse(data, "good").entries((tag,))
    changed = bytearray(data)
    fmt.DYNAMIC_ENTRY.pack_into(changed, entry.offset, tag, value)
    return bytes(changed)


@pytest.mark.parametrize("variant", VARIANTS)
def test_compiled_files_read_as_pyelftools_reads_them(compiled: Compile, variant: str) -> None:
    data = compiled(variant).read_bytes()
    relocations, symbols = read(data), list(ElfFile.parse(data, variant).symbols())
    expected = sorted(
        (r["r_offset"], r["r_info_type"], r["r_info_sym"], r["r_addend"])
        for section in Reference(io.BytesIO(data)).iter_sections()
        if isinstance(section, RelocationSection) and section["sh_flags"] & fmt.SHF_ALLOC
        for r in section.iter_relocations()
    )
    assert len(relocations) == len(expected) > 0
    assert [tuple(relocation) for relocation in relocations] == expected
    for relocation in relocations:
        symbol = symbols[relocation.symbol - 1] if relocation.symbol else None
        assert relocations.symbol(relocation) == symbol


def test_packed_relocations_are_read(tmp_path: Path) -> None:
    source = "int x; extern void *const many[200]; void *const many[200] = {"
    source += ", ".join("0" if i % 7 == 3 else f"(char *)&x + {i}" for i in range(200))
    path = tmp_path / "libpacked.so"
    compile_cpp(
        source + "};", path, "-Wl,-z,pack-relative-relocs", "-fvisibility=hidden", "-nostdlib"
    )
    reference = Reference(io.BytesIO(path.read_bytes()))
    sections = [s for s in reference.iter_sections() if isinstance(s, RelrRelocationSection)]
    expected = [r["r_offset"] for section in sections for r in section.iter_relocations()]
    found = [r for r in Relocations.read(parse(path)) if r.type == RelocationType.RELATIVE]
    assert len(expected) > 150
    assert [relocation.address for relocation in found] == expected
    first = found[0].addend
    numbers = [i for i in range(200) if i % 7 != 3]
    assert [r.addend - first for r in found[: len(numbers)]] == numbers


def test_a_range_of_addresses() -> None:
    relocations = read(GOOD)
    everything = list(relocations)
    addresses = [relocation.address for relocation in everything]
    assert addresses == sorted(addresses)
    for start in (0, *addresses, addresses[-1] + 8):
        for stop in (0, *addresses, addresses[-1] + 8):
            within = [r for r in everything if start <= r.address < stop]
            assert list(relocations.within(start, stop)) == within
            assert list(relocations.within(start + 1, stop)) == [
                r for r in within if r.address != start
            ]


def test_a_file_without_any() -> None:
    assert list(read(write_shadow(ShadowLibrary("libnone.so")))) == []


@pytest.mark.parametrize(
    ("tag", "value", "message"),
    [
        (rel.DT_RELASZ, 25, "relocations of 24 bytes"),
        (rel.DT_RELASZ, 1 << 40, "no loaded segment"),
        (rel.DT_RELA, (1 << 64) - 8, "no loaded segment"),
        (rel.DT_RELAENT, 16, "another size"),
    ],
)
def test_damaged_tables(tag: int, value: int, message: str) -> None:
    with pytest.raises(ElfError, match=message):
        read(with_entry(tag, value))


def test_a_symbol_that_is_not_there() -> None:
    elf = ElfFile.parse(GOOD, "good")
    data = bytearray(GOOD)
    offset = elf.offset_of(elf.dynamic_value(rel.DT_RELA) or 0, rel.RELA.size)
    rel.RELA.pack_into(data, offset, 0x2000, 4000 << 32 | RelocationType.ADDRESS, 0)
    with pytest.raises(ElfError, match="names symbol 4000"):
        read(bytes(data))


def test_relocations_without_addends_are_not_known() -> None:
    data = bytearray(GOOD)
    (entry,) = ElfFile.parse(GOOD, "good").entries((rel.DT_RELAENT,))
    fmt.DYNAMIC_ENTRY.pack_into(data, entry.offset, rel.DT_PLTREL, 17)
    with pytest.raises(ElfShapeError, match="without addends"):
        read(bytes(data))


def packed(words: list[int], memory_size: int = 0x100000) -> bytes:
    """Return a file whose DT_RELR holds these words; its memory is mostly zeros."""
    table = struct.pack(f"<{len(words)}Q", *words)
    dynamic = [(rel.DT_RELR, 0x1000), (rel.DT_RELRSZ, len(table)), (fmt.DT_NULL, 0)]
    content = b"".join(fmt.DYNAMIC_ENTRY.pack(*entry) for entry in dynamic)
    image = Image(size=0x1000 + len(table) + 8, names_offset=0x300, table_offset=0x400)
    image.segment(fmt.PT_LOAD, 0, 0, 0x1000 + len(table), memory_size=memory_size, align=0x1000)
    image.segment(fmt.PT_DYNAMIC, 0x200, 0x200, len(content))
    image.segment(fmt.PT_GNU_STACK, 0, 0, 0)
    data = bytearray(image.build())
    data[0x200 : 0x200 + len(content)] = content
    data[0x1000 : 0x1000 + len(table)] = table
    return bytes(data)


def test_words_of_packed_relocations() -> None:
    maps = [0b1011, 1 << 63 | 1]
    addresses = [0x8000, 0x8008, 0x8018, 0x8000 + 8 * (1 + 63 + 62)]
    expected = [Relocation(address, RelocationType.RELATIVE, 0, 0) for address in addresses]
    assert list(read(packed([0x8000, *maps]))) == expected


def test_packed_relocations_cannot_ask_for_all_memory() -> None:
    size = rel._MAX_RELOCATIONS // 63 + 2
    with pytest.raises(ElfError, match="more than"):
        read(packed([0x8000, *[(1 << 64) - 1] * size], memory_size=1 << 40))


def test_packed_relocations_outside_of_memory() -> None:
    for words in ([0x200000], [0xFFFF8, 0b11], [(1 << 64) - 8, 0b11], [(1 << 64) - 1] * 50_000):
        with pytest.raises(ElfError, match="no loaded segment"):
            read(packed(words))


def test_packed_relocations_behind_the_last_address_begin_at_the_first() -> None:
    data = bytearray(packed([(1 << 64) - 16, 0b1111]))
    stack = 64 + 2 * fmt.PROGRAM_HEADER.size
    fmt.PROGRAM_HEADER.pack_into(data, stack, fmt.PT_LOAD, 6, 0, (1 << 64) - 64, 0, 0, 256, 1)
    addresses = [0, 8, (1 << 64) - 16, (1 << 64) - 8]
    assert [relocation.address for relocation in read(bytes(data))] == addresses


OFFSETS = st.integers(0, len(GOOD) - 8)
NUMBERS = st.one_of(
    st.sampled_from([0, 1, 7, 24, 36, 1 << 32, 1 << 63, (1 << 64) - 8, (1 << 64) - 1]),
    st.integers(0, (1 << 64) - 1),
)


@given(st.lists(st.tuples(OFFSETS, NUMBERS), min_size=1, max_size=4))
def test_damage_anywhere_is_an_elf_error_or_harmless(changes: list[tuple[int, int]]) -> None:
    data = bytearray(GOOD)
    for offset, number in changes:
        struct.pack_into("<Q", data, offset, number)
    try:
        relocations = read(bytes(data))
    except ElfError:
        return
    assert len(list(relocations)) == len(relocations)
