"""Pointers into a stretch of memory: every one is found, or it is said that there may be more."""

import struct
from pathlib import Path

import pytest

from slimwheel.elf import ElfFile, ElfShapeError, ShadowLibrary, write_shadow
from slimwheel.elf import relocations as rel
from slimwheel.elf.references import Reference, leads_into, references_into
from slimwheel.elf.relocations import RELA, RelocationType, read_rows
from slimwheel.errors import ElfError
from tests.unit.elf.handmade import library
from tests.unit.elf.test_relocations import GOOD, packed
from tests.unit.elf.toolchain import compile_cpp, parse

COUNT = 100
# Pointers into one section, at every eighth byte, among others that lead elsewhere.
SOURCE = f"""
__attribute__((section(".target"), visibility("hidden"))) extern const char target[];
const char target[{8 * COUNT}] = {{1}};
static char elsewhere[8];
extern const void *const pointers[];
const void *const pointers[] = {{
{", ".join(f"target + {8 * i}, elsewhere + {i % 8}" for i in range(COUNT))}, target + {8 * COUNT}
}};
"""
HIDDEN = ["-fvisibility=hidden", "-nostdlib"]


@pytest.mark.parametrize("options", [[], ["-Wl,-z,pack-relative-relocs"]])
def test_every_pointer_is_found(tmp_path: Path, options: list[str]) -> None:
    elf = parse(compile_cpp(SOURCE, tmp_path / "libpointers.so", *HIDDEN, *options))
    section = next(section for section in elf.sections if section.name == ".target")
    stretch = range(section.address, section.address + section.size)
    found = list(references_into(elf, [stretch]))
    # One just behind the section points at whatever follows.
    assert [reference.target for reference in found] == list(stretch[::8])
    first = found[0].address
    assert [reference.address for reference in found] == [first + 16 * i for i in range(COUNT)]
    for reference in found:
        if options:
            assert reference.addend_offset is None
            place = elf.offset_of(reference.address, 8)
        else:
            assert reference.addend_offset is not None
            place = reference.addend_offset
        assert struct.unpack_from("<q", elf.data, place) == (reference.target,)


def test_stretches_are_told_apart(tmp_path: Path) -> None:
    elf = parse(compile_cpp(SOURCE, tmp_path / "libpointers.so", *HIDDEN))
    section = next(section for section in elf.sections if section.name == ".target")
    start = section.address
    found = references_into(elf, [range(start, start + 8), range(start + 80, start + 96)])
    assert [reference.target - start for reference in found] == [0, 80, 88]
    assert list(references_into(elf, [])) == []
    assert list(references_into(elf, [range(start, start)])) == []


def test_rows_say_where_their_addends_are() -> None:
    elf = ElfFile.parse(GOOD, "good")
    rows = list(read_rows(elf))
    assert rows
    for address, info, addend, offset in rows:
        assert offset is not None
        expected = RELA.unpack_from(elf.data, offset - 16)
        assert (address, info, addend) == expected


def test_packed_rows_have_their_addends_in_memory() -> None:
    elf = ElfFile.parse(packed([0x200, 0b11]), "packed")
    # The words are the tag and the value of the first dynamic entry.
    expected = [(0x200, RelocationType.RELATIVE, rel.DT_RELR, None)]
    expected.append((0x208, RelocationType.RELATIVE, 0x1000, None))
    assert list(read_rows(elf)) == expected
    assert list(references_into(elf, [range(0x1000, 0x1001)])) == [Reference(0x208, 0x1000, None)]


@pytest.mark.parametrize("options", [[], ["-Wl,-z,pack-relative-relocs"]])
def test_nothing_is_lost_between_two_reads(
    tmp_path: Path, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    elf = parse(compile_cpp(SOURCE, tmp_path / "libpointers.so", *HIDDEN, *options))
    section = next(section for section in elf.sections if section.name == ".target")
    stretch = range(section.address, section.address + section.size)
    rows, found = list(read_rows(elf)), list(references_into(elf, [stretch]))
    assert len(rows) > 2 * COUNT
    for size in (1, 7, len(rows) - 1, len(rows), len(rows) + 1):
        monkeypatch.setattr(rel, "_ROWS", size)
        assert list(read_rows(elf)) == rows
        assert list(references_into(elf, [stretch])) == found
        assert leads_into(elf, [stretch])
        assert leads_into(elf, [range(found[-1].address, found[-1].address + 1)])
        assert not leads_into(elf, [range(1 << 40, 1 << 41)])
    monkeypatch.setattr(rel, "_MAX_RELOCATIONS", len(rows))
    assert list(read_rows(elf)) == rows
    monkeypatch.setattr(rel, "_MAX_RELOCATIONS", len(rows) - 1)
    with pytest.raises(ElfError, match="more than"):
        list(read_rows(elf))


def test_a_symbol_in_a_stretch_is_refused() -> None:
    elf = ElfFile.parse(library(), "symbol")
    with pytest.raises(ElfShapeError, match="symbol answer stands") as caught:
        list(references_into(elf, [range(0x4F00, 0x5001)]))
    assert caught.value.place == "address 0x5000"
    # The import, which has the value 0, is not there.
    assert list(references_into(elf, [range(0x5000), range(0x5001, 0x6000)])) == []


def test_another_machine_is_refused() -> None:
    data = bytearray(write_shadow(ShadowLibrary("libarm.so")))
    data[18] = 183
    with pytest.raises(ElfShapeError, match="another machine"):
        list(references_into(ElfFile.parse(bytes(data), "arm"), []))


def test_damaged_tables_are_an_error() -> None:
    elf = ElfFile.parse(packed([0x200000]), "packed")
    with pytest.raises(ElfError, match="no loaded segment"):
        list(references_into(elf, [range(0x1000)]))
