"""Each rule of the loaders, broken on its own."""

import pytest

from slimwheel.elf import ElfFile, LayoutKind, check_layout
from slimwheel.elf import format as fmt
from tests.unit.elf.conftest import VARIANTS, Compile
from tests.unit.elf.handmade import Image, Section, library


def kinds(data: bytes) -> list[LayoutKind]:
    return [problem.kind for problem in check_layout(ElfFile.parse(data, "checked"))]


def rewritten(index: int, **changes: int) -> bytes:
    """Return the handmade library with fields of one program header changed."""
    data = bytearray(library())
    segment = ElfFile.parse(bytes(data), "library").segments[index]._replace(**changes)
    fmt.PROGRAM_HEADER.pack_into(data, 64 + 56 * index, *segment[1:])
    return bytes(data)


def test_handmade_library_breaks_no_rule() -> None:
    assert kinds(library()) == []


@pytest.mark.parametrize("variant", VARIANTS)
def test_compiled_files_break_no_rule(compiled: Compile, variant: str) -> None:
    assert kinds(compiled(variant).read_bytes()) == []


@pytest.mark.parametrize(
    ("index", "changes", "expected"),
    [
        (1, {"align": 0x10000}, [LayoutKind.LOAD_ALIGNMENT]),
        (1, {"align": 3}, [LayoutKind.LOAD_ALIGNMENT]),
        (1, {"memory_size": 0x80}, [LayoutKind.LOAD_SIZE]),
        (0, {"memory_size": 0x5001}, [LayoutKind.LOAD_OVERLAP]),
        (1, {"address": 0x6000}, [LayoutKind.SECTION_OFFSET]),
        (2, {"address": 0x708}, [LayoutKind.DYNAMIC]),
        (6, {"flags": 7}, [LayoutKind.EXECUTABLE_STACK]),
        (6, {"type": 0x60000000}, [LayoutKind.EXECUTABLE_STACK]),
        (6, {"type": fmt.PT_PHDR, "offset": 8}, [LayoutKind.PROGRAM_HEADERS]),
    ],
)
def test_every_rule(index: int, changes: dict[str, int], expected: list[LayoutKind]) -> None:
    found = kinds(rewritten(index, **changes))
    if changes.get("type") == fmt.PT_PHDR:
        expected = [*expected, LayoutKind.EXECUTABLE_STACK]
    assert found == expected


def test_order_of_segments() -> None:
    image = Image(size=0x3000, names_offset=0x2800, table_offset=0x2900)
    image.segment(fmt.PT_LOAD, 0, 0x5000, 0x400, align=0x1000)
    image.segment(fmt.PT_LOAD, 0x1000, 0x2000, 0x400, align=0x1000)
    image.segment(fmt.PT_GNU_STACK, 0, 0, 0)
    assert kinds(image.build()) == [LayoutKind.LOAD_ORDER]


def test_problem_says_where() -> None:
    (problem,) = check_layout(ElfFile.parse(rewritten(1, align=0x10000), "checked"))
    assert problem.offset == 0x3000
    assert "0x10000" in problem.message


def test_objects_have_no_layout() -> None:
    image = Image(type=fmt.ET_REL, names_offset=64, table_offset=128)
    image.sections = [Section(".text", 1, 64, b"x", fmt.SHF_ALLOC)]
    assert kinds(image.build()) == []
