"""Removing sections: what stays, where it goes, and that programs still work."""

import io
import itertools
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slimwheel.elf import (
    ElfFile,
    ElfShapeError,
    Keep,
    Section,
    check_layout,
    is_symbol_or_debug_section,
    sections_to_remove,
    slim,
)
from slimwheel.elf import format as fmt
from slimwheel.elf.patchelf import find_patchelf
from tests.unit.elf import handmade
from tests.unit.elf.conftest import RESULT, VARIANTS, Compile, need_tool, run_probe
from tests.unit.elf.handmade import Image, library
from tests.unit.elf.test_reading import assert_agrees


def slimmed(data: bytes, drop: Callable[[Section], bool] = is_symbol_or_debug_section) -> bytes:
    out = io.BytesIO()
    slim(ElfFile.parse(data, "before"), drop=drop).write(data, out)
    return out.getvalue()


def contents(elf: ElfFile) -> dict[str, bytes]:
    """Return the bytes of every section but those that number sections."""
    return {
        section.name: bytes(elf.data[section.offset : section.end])
        for section in elf.sections
        if section.file_size and section.type not in (fmt.SHT_DYNSYM, fmt.SHT_SYMTAB)
    }


def assert_nothing_else_changed(before: bytes, after: bytes) -> None:
    """Check every kept section, every symbol and all of memory but headers."""
    old, new = assert_agrees(before), assert_agrees(after)
    kept = contents(new)
    assert kept == {name: content for name, content in contents(old).items() if name in kept}
    removed = {s.name for s in old.sections} - {s.name for s in new.sections}
    assert {s.name for s in old.sections if s.is_alloc}.isdisjoint(removed)
    assert not any(is_symbol_or_debug_section(section) for section in new.sections)
    for first, second in zip(old.segments, new.segments, strict=True):
        assert first._replace(offset=0) == second._replace(offset=0)
        assert second.offset <= first.offset
    assert_names_agree(old, new)
    assert check_layout(new) == check_layout(old)


def assert_names_agree(old: ElfFile, new: ElfFile) -> None:
    """Check that every number of a section still means the section of the same name."""

    def named(elf: ElfFile) -> list[tuple[object, ...]]:
        name = [section.name for section in elf.sections]
        return [
            (
                section.name,
                section.address,
                name[section.link],
                name[section.info] if section.info_is_section else section.info,
            )
            for section in elf.sections
        ]

    rows = named(new)
    assert rows == [row for row in named(old) if row[0] in {row[0] for row in rows}]

    def where(elf: ElfFile) -> list[tuple[object, ...]]:
        return [
            (
                s.name,
                s.version,
                s.value,
                elf.sections[s.section_index].name if s.section_index < 0xFF00 else s.section_index,
            )
            for s in elf.symbols()
        ]

    assert where(old) == where(new)
    assert old.dynamic_value(fmt.DT_STRTAB) == new.dynamic_value(fmt.DT_STRTAB)
    assert (old.needed, old.soname, old.rpath) == (new.needed, new.soname, new.rpath)
    assert old.build_id == new.build_id


@pytest.mark.parametrize("variant", VARIANTS)
def test_compiled_files_work_without_symbols(
    compiled: Compile, tmp_path: Path, variant: str
) -> None:
    before = compiled(variant).read_bytes()
    edits = slim(ElfFile.parse(before, variant))
    target = tmp_path / variant
    with target.open("wb") as out:
        edits.write(before, out)
    target.chmod(0o755)
    assert edits.saved > 10_000
    assert target.stat().st_size == edits.size
    assert_nothing_else_changed(before, target.read_bytes())
    assert run_probe(target) == RESULT
    # The linker's order: all that is loaded comes first and stays untouched but for the header.
    loaded = max(load.end for load in ElfFile.parse(before, variant).loads)
    first, header, rest, *_ = edits.pieces
    assert first == Keep(0, 40)
    assert isinstance(header, bytes)
    assert isinstance(rest, Keep)
    kept = [piece for piece in edits.pieces if isinstance(piece, Keep) and piece.stop >= loaded]
    assert kept[0].start <= 64


@pytest.mark.parametrize("variant", ["plain", "versioned", "pie", "no-pie"])
def test_readelf_finds_nothing_wrong(compiled: Compile, tmp_path: Path, variant: str) -> None:
    target = tmp_path / variant
    target.write_bytes(slimmed(compiled(variant).read_bytes()))
    command = [need_tool("readelf"), "-aW", str(target)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    assert "Warning" not in result.stdout


def test_other_tools_work_on_the_result(compiled: Compile, tmp_path: Path) -> None:
    target = tmp_path / "libprobe.so"
    target.write_bytes(slimmed(compiled("old-rpath").read_bytes()))
    subprocess.run(
        [find_patchelf(), "--set-rpath", "/a/much/longer/path/than/before/" * 4, target], check=True
    )
    assert run_probe(target) == RESULT
    subprocess.run([need_tool("objcopy"), "--strip-unneeded", target], check=True)
    assert run_probe(target) == RESULT


@pytest.mark.parametrize("variant", ["versioned", "one-segment", "pie"])
def test_segment_that_patchelf_left_behind_the_symbols_moves_down(
    compiled: Compile, tmp_path: Path, variant: str
) -> None:
    target = tmp_path / variant
    target.write_bytes(compiled(variant).read_bytes())
    target.chmod(0o755)
    longer = "/a/much/longer/path/than/before/" * 8
    subprocess.run([find_patchelf(), "--set-rpath", longer, target], check=True)
    before = target.read_bytes()
    old = ElfFile.parse(before, "patched")
    assert any(s.type == fmt.SHT_SYMTAB and s.offset < old.loads[-1].offset for s in old.sections)
    after = slimmed(before)
    assert_nothing_else_changed(before, after)
    assert len(before) - len(after) > 10_000
    assert ElfFile.parse(after, "slim").loads[-1].offset < old.loads[-1].offset
    target.write_bytes(after)
    assert run_probe(target) == RESULT
    assert ElfFile.parse(after, "slim").runpath == longer


@pytest.mark.parametrize("table_early", [False, True])
def test_handmade_library(table_early: bool) -> None:
    before = library(table_early=table_early)
    after = slimmed(before)
    assert_nothing_else_changed(before, after)
    elf = ElfFile.parse(after, "after")
    names = [section.name for section in elf.sections]
    assert not {".symtab", ".strtab", ".debug_info", ".rela.debug_info"} & set(names)
    assert ".comment" in names
    # The end of what stays is 0xe08; the next offset congruent to 0x5000 modulo 0x1000 is 0x1000.
    load, dynamic, note, tls, relro = elf.segments[1:6]
    assert (load.offset, tls.offset, relro.offset) == (0x1000, 0x1100, 0x1000)
    assert (dynamic.offset, note.offset) == (0x700, 0x6E0)
    assert next(s for s in elf.sections if s.name == ".bss").offset == 0x1100
    assert [s.section_index for s in elf.symbols()] == [0, names.index(".data")]
    assert elf.header.shoff == (0x800 if table_early else elf.header.shoff)


def test_a_second_cut_changes_nothing() -> None:
    once = slimmed(library())
    assert slim(ElfFile.parse(once, "once")).is_identity


def test_what_is_removed_can_be_chosen() -> None:
    before = library()
    after = slimmed(before, lambda section: section.name.startswith(".debug"))
    elf = ElfFile.parse(after, "after")
    names = [section.name for section in elf.sections]
    assert ".symtab" in names
    assert ".strtab" in names
    assert ".rela.debug_info" not in names
    table = next(section for section in elf.sections if section.name == ".symtab")
    rows = list(fmt.SYMBOL.iter_unpack(bytes(elf.data[table.offset : table.end])))
    # The symbol in .data follows it; the symbol of the removed section belongs to none.
    assert [row[3] for row in rows] == [0, names.index(".data"), 0]
    assert_names_agree(ElfFile.parse(before, "before"), elf)


def test_nothing_in_memory_is_ever_removed() -> None:
    elf = ElfFile.parse(library(), "library")
    removed = sections_to_remove(elf, lambda section: True)
    assert not any(elf.sections[index].is_alloc for index in removed)
    assert elf.header.shstrndx not in removed


@pytest.mark.parametrize("file_type", [fmt.ET_REL, fmt.ET_CORE])
def test_objects_and_cores_are_left_alone(file_type: int) -> None:
    data = bytearray(library())
    data[16] = file_type
    assert slim(ElfFile.parse(bytes(data), "object"), rpath="").is_identity


def test_string_table_of_two_users_stays() -> None:
    image = simple_image()
    image.sections[1].link = 3
    image.sections.append(
        handmade.Section(".other", 0x60000000, 0x1200, b"uses the strings", link=3)
    )
    elf = ElfFile.parse(slimmed(image.build()), "shared")
    assert [s.name for s in elf.sections] == ["", ".text", ".strtab", ".other", ".shstrtab"]


def test_symbols_behind_the_section_headers() -> None:
    # Old GNU linkers wrote .symtab and .strtab last.
    image = simple_image()
    image.table_offset = 0x380
    image.names_offset = 0x300
    after = slimmed(image.build())
    # The table stays where it is, and the entries that it no longer has are zeros.
    assert len(after) == 0x380 + 5 * fmt.SECTION_HEADER.size
    assert not any(after[0x380 + 3 * fmt.SECTION_HEADER.size :])
    assert_nothing_else_changed(image.build(), after)


def test_appended_data_is_not_lost() -> None:
    with pytest.raises(ElfShapeError, match="appended") as caught:
        slimmed(library() + b"PAYLOAD")
    assert caught.value.place
    zero_byte_of_patchelf = library() + b"\0"
    assert slimmed(zero_byte_of_patchelf) == slimmed(library())


def test_overlapping_segments_are_refused() -> None:
    image = Image(size=0x4000, names_offset=0x300, table_offset=0x3800)
    image.segment(fmt.PT_LOAD, 0, 0, 0x300, align=0x1000)
    image.segment(fmt.PT_LOAD, 0x2000, 0x2000, 0x200, align=0x1000)
    image.segment(fmt.PT_LOAD, 0x2100, 0x5100, 0x200, align=0x1000)
    image.sections = [handmade.Section(".symtab", fmt.SHT_SYMTAB, 0x1000, bytes(24))]
    with pytest.raises(ElfShapeError, match="overlaps"):
        slimmed(image.build())


def test_segments_of_one_page_are_not_pulled_apart() -> None:
    image = Image(size=0x6000, names_offset=0x300, table_offset=0x5800)
    image.segment(fmt.PT_LOAD, 0, 0, 0x320, align=0x1000)
    # Its tail is in the page that the second segment maps from its own place in the file.
    image.segment(fmt.PT_LOAD, 0x1000, 0x1000, 0x100, align=0x1000)
    image.segment(fmt.PT_LOAD, 0x4100, 0x1100, 0x200, align=0x1000)
    image.sections = [handmade.Section(".symtab", fmt.SHT_SYMTAB, 0x2000, bytes(0x2000))]
    with pytest.raises(ElfShapeError, match="share a page"):
        slimmed(image.build())


def test_section_groups_and_broken_links_are_refused() -> None:
    image = simple_image()
    image.sections.append(handmade.Section(".group", fmt.SHT_GROUP, 0x1200, bytes(8), link=1))
    with pytest.raises(ElfShapeError, match="numbers sections"):
        slimmed(image.build())
    image = simple_image()
    image.sections.append(handmade.Section(".other", 1, 0x1200, b"x", link=99))
    with pytest.raises(ElfShapeError, match="does not exist"):
        slimmed(image.build())


def test_bytes_of_a_removed_section_inside_a_segment_stay() -> None:
    image = simple_image()
    image.segments[0] = (fmt.PT_LOAD, 5, 0, 0, 0, 0x1400, 0x1400, 0x1000)
    before = image.build()
    after = slimmed(before)
    elf = ElfFile.parse(after, "after")
    assert [section.name for section in elf.sections] == ["", ".text", ".shstrtab"]
    assert after[64:0x1400] == before[64:0x1400]


def simple_image() -> Image:
    """Return a file with .text in its one segment, then .symtab (2) and .strtab (3)."""
    image = Image(size=0x1400, names_offset=0x1300, table_offset=0x1400)
    image.segment(fmt.PT_LOAD, 0, 0, 0x300, align=0x1000)
    alloc = fmt.SHF_ALLOC
    image.sections = [
        handmade.Section(".text", 1, 0x200, b"text" * 64, alloc, 0x200, align=16),
        handmade.Section(
            ".symtab", fmt.SHT_SYMTAB, 0x1000, bytes(24), link=3, align=8, entry_size=24
        ),
        handmade.Section(".strtab", fmt.SHT_STRTAB, 0x1100, b"\0strings\0"),
    ]
    return image


PARTS = st.lists(
    st.tuples(
        st.sampled_from(["load", "removed", "kept"]),
        st.integers(1, 9000),
        st.sampled_from([1, 8, 64, 4096, 65536]),
        st.integers(0, 40),
    ),
    max_size=8,
)


@given(parts=PARTS)
def test_any_order_of_segments_and_sections(
    parts: list[tuple[str, int, int, int]],
) -> None:
    """Whatever the order, the rules of the layout hold and every kept byte is found again."""
    image = Image(size=0)
    cursor = 0x400
    image.segment(fmt.PT_LOAD, 0, 0, cursor, align=0x1000)
    address = 0x100000
    for number, (kind, size, align, gap) in enumerate(parts):
        content = bytes([number + 1]) * size
        cursor += gap
        name = f".debug_{number}" if kind == "removed" else f".kept_{number}"
        if kind == "load":
            align = max(align, 4096)
            address += (cursor - address) % align + align
            image.segment(fmt.PT_LOAD, cursor, address, size, align=align)
            section = handmade.Section(name, 1, cursor, content, fmt.SHF_ALLOC, address)
            address += size + 4096
        else:
            cursor += -cursor % align
            section = handmade.Section(name, 1, cursor, content, align=align)
        image.sections.append(section)
        cursor += size
    image.names_offset = cursor
    image.table_offset = cursor + 1000 - cursor % 8
    before = image.build()
    edits = slim(ElfFile.parse(before, "before"))
    after = slimmed(before)
    assert len(after) == edits.size
    assert edits.saved >= 0
    assert_nothing_else_changed(before, after)
    elf = ElfFile.parse(after, "after")
    if edits.changed:
        assert all(each.offset % each.align == 0 for each in elf.sections[1:])
        places = sorted((s.offset, s.end) for s in elf.sections if s.file_size)
        assert all(first[1] <= second[0] for first, second in itertools.pairwise(places))
