"""Every byte of an ELF file belongs to one part."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slimwheel.contents import Kind, Part
from slimwheel.contents.parts import GAPS, HEADERS, elf_parts
from slimwheel.elf import ElfFile
from slimwheel.elf import format as fmt
from slimwheel.errors import ElfError
from tests.support.fatbins import PTX, HandMade, container, image
from tests.support.native import native_members
from tests.unit.elf import handmade


def parts_of(data: bytes) -> tuple[Part, ...]:
    return elf_parts(ElfFile.parse(data, "made"))


def check_cover(parts: Sequence[Part], size: int) -> None:
    """Every byte is in one range and no byte is in two."""
    ranges = sorted((one for part in parts for one in part.ranges), key=lambda one: one.start)
    cursor = 0
    for one in ranges:
        assert one.start == cursor
        assert len(one) > 0
        cursor = one.stop
    assert cursor == size


def test_a_library_made_by_hand() -> None:
    data = handmade.library()
    parts = parts_of(data)
    check_cover(parts, len(data))
    kinds = {part.section: part.kind for part in parts}
    assert kinds == {
        ".dynstr": Kind.DYNAMIC_SYMBOLS,
        ".dynsym": Kind.DYNAMIC_SYMBOLS,
        ".gnu.version": Kind.DYNAMIC_SYMBOLS,
        ".gnu.version_r": Kind.DYNAMIC_SYMBOLS,
        ".gnu.version_d": Kind.DYNAMIC_SYMBOLS,
        ".note.gnu.build-id": Kind.PADDING,
        ".dynamic": Kind.DATA,
        ".comment": Kind.PADDING,
        ".symtab": Kind.SYMBOLS,
        ".strtab": Kind.SYMBOLS,
        ".debug_info": Kind.DEBUG,
        ".rela.debug_info": Kind.SYMBOLS,
        ".data": Kind.DATA,
        ".shstrtab": Kind.PADDING,
        HEADERS: Kind.PADDING,
        GAPS: Kind.PADDING,
    }
    sizes = {part.section: part.size for part in parts}
    assert sizes[".data"] == 256
    assert sizes[".debug_info"] == 0x800
    tables = 7 * fmt.PROGRAM_HEADER.size + 16 * fmt.SECTION_HEADER.size
    assert sizes[HEADERS] == fmt.FILE_HEADER.size + tables


def test_compiled_libraries_and_programs() -> None:
    for name, data in native_members().items():
        parts = parts_of(data)
        check_cover(parts, len(data))
        kinds = {part.section: part.kind for part in parts}
        assert kinds[".text"] is Kind.HOST_CODE, name
        assert kinds[".plt"] is Kind.HOST_CODE
        assert kinds[".eh_frame"] is Kind.UNWIND
        assert kinds[".rela.dyn"] is Kind.RELOCATIONS
        assert kinds[".gnu.hash"] is Kind.DYNAMIC_SYMBOLS
        assert kinds[".debug_info"] is Kind.DEBUG
        assert kinds[".strtab"] is Kind.SYMBOLS


def test_device_code_by_architecture() -> None:
    images = [image(80, payload=b"8" * 100), image(90, "a", payload=b"9" * 200)]
    ptx = image(80, kind=PTX, payload=b"P" * 64)
    containers = [container(images), container(), container([ptx, images[0]])]
    data = HandMade({".nv_fatbin": containers}).build()
    parts = parts_of(data)
    check_cover(parts, len(data))
    device = {part.target: part.size for part in parts if part.kind is Kind.DEVICE_CODE}
    assert device["sm_80"] == 2 * len(images[0])
    assert device["sm_90a"] == len(images[1])
    assert device["compute_80"] == len(ptx)
    assert 3 * 16 <= device["containers"] < 3 * 16 + 16
    assert set(device) == {"sm_80", "sm_90a", "compute_80", "containers"}


def test_device_code_that_cannot_be_read_is_counted_whole() -> None:
    containers = [container([image(80)]), b"no container at all"]
    data = HandMade({".nv_fatbin": containers}).build()
    parts = parts_of(data)
    check_cover(parts, len(data))
    (device,) = (part for part in parts if part.kind is Kind.DEVICE_CODE)
    assert device.name == ".nv_fatbin unknown"


def test_sections_that_overlap_are_counted_once() -> None:
    made = handmade.Image(size=0x400, names_offset=0x300, table_offset=0x340)
    made.sections = [
        handmade.Section(".first", 1, 0x100, b"1" * 64, fmt.SHF_ALLOC, 0x100),
        handmade.Section(".second", 1, 0x120, b"2" * 64, fmt.SHF_ALLOC, 0x120),
        handmade.Section(".within", 1, 0x104, b"3" * 4, fmt.SHF_ALLOC, 0x104),
    ]
    data = made.build()
    parts = parts_of(data)
    check_cover(parts, len(data))
    sizes = {part.section: part.size for part in parts}
    assert (sizes[".first"], sizes[".second"], ".within" in sizes) == (64, 32, False)


def test_without_section_headers() -> None:
    data = bytearray(handmade.library())
    data[40:48] = bytes(8)
    data[60:64] = bytes(4)
    parts = parts_of(bytes(data))
    check_cover(parts, len(data))
    assert {part.section for part in parts} == {HEADERS, GAPS}


@settings(deadline=None)
@given(st.data())
def test_whatever_headers_say_sizes_add_up(data: st.DataObject) -> None:
    made = bytearray(handmade.library())
    for _ in range(data.draw(st.integers(1, 4))):
        # Offsets and sizes of sections, and the file header's of the tables.
        number = data.draw(st.integers(0, 15))
        field = data.draw(st.sampled_from([4, 8, 24, 32]))
        start = 0x3800 + number * fmt.SECTION_HEADER.size + field
        made[start : start + 2] = data.draw(st.binary(min_size=2, max_size=2))
    try:
        parts = parts_of(bytes(made))
    except ElfError:
        return
    check_cover(parts, len(made))


@pytest.mark.parametrize("cut", [0, 10, 63, 0x3900])
def test_a_cut_file_is_refused(cut: int) -> None:
    with pytest.raises(ElfError):
        parts_of(handmade.library()[:cut])
