"""What patchelf left: found where it is certain, taken out, and everything else as it was."""

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from slimwheel.elf import ElfFile, check_layout, find_leftovers, shorten, slim
from slimwheel.elf import format as fmt
from slimwheel.elf.patchelf import find_patchelf
from slimwheel.elf.relocations import DT_RELA, RELA
from tests.unit.elf.conftest import PROBE
from tests.unit.elf.test_shortening import (
    FAT,
    KEPT,
    LONGER,
    PAGE,
    assert_tools_accept,
    image,
    write,
)
from tests.unit.elf.toolchain import compile_cpp, parse, python

COUNT = 4000
# So many names that each of the tables of the dynamic symbols takes several pages.
SOURCE = PROBE + "\n".join(
    f'extern "C" long function_with_a_long_name_{n}(long x) {{ return x + {n}; }}'
    for n in range(COUNT)
)
CALL = f"""
library = ctypes.CDLL(sys.argv[1])
print(library.compute(5), sum(
    (n + 1) * getattr(library, "function_with_a_long_name_%d" % n)(3) for n in range({COUNT})
))
"""
OPTIONS: dict[str, list[str]] = {
    "plain": [],
    "huge-pages": ["-Wl,-z,max-page-size=0x200000"],
    "one-segment": ["-Wl,-z,noseparate-code", "-Wl,--hash-style=both"],
}


@pytest.fixture(scope="session")
def patched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Compile the library with each set of options, and let patchelf move its tables twice."""
    folder = tmp_path_factory.mktemp("patched")
    found = {}
    for name, options in OPTIONS.items():
        path = compile_cpp(SOURCE, folder / f"lib{name}.so", "-g", *options)
        for change in (["--set-rpath", LONGER], ["--set-rpath", f"{LONGER}:{LONGER}"]):
            subprocess.run([find_patchelf(), *change, path], check=True)
        found[name] = path
    return found


def without_leftovers(elf: ElfFile, *, symbols: bool = True) -> bytes:
    return write(elf, shorten(elf, {}, find_leftovers(elf)), symbols=symbols)


@pytest.mark.parametrize("symbols", [True, False])
@pytest.mark.parametrize("variant", OPTIONS)
def test_patched_libraries_work(
    patched: dict[str, Path], tmp_path: Path, variant: str, symbols: bool
) -> None:
    old = parse(patched[variant])
    leftovers = find_leftovers(old)
    shortened = shorten(old, {}, leftovers)
    assert shortened.cut == shortened.left == 0
    assert shortened.cut_leftovers > 10 * PAGE
    assert all(not bytes(old.data[r.start : r.stop]).strip(b"\0XZ") for r in leftovers)
    target = tmp_path / patched[variant].name
    target.write_bytes(without_leftovers(old, symbols=symbols))
    new = parse(target)
    assert target.stat().st_size <= len(old.data) - shortened.cut_leftovers
    assert check_layout(new) == []
    for before, after in zip(
        (s for s in old.sections if s.is_alloc),
        (s for s in new.sections if s.is_alloc),
        strict=True,
    ):
        assert (before.name, before.address, before.size) == (after.name, after.address, after.size)
        if before.name != ".dynsym":
            content = bytes(old.data[before.offset : before.offset + before.file_size])
            assert bytes(new.data[after.offset : after.end]) == content
    assert [s.name for s in old.symbols()] == [s.name for s in new.symbols()]
    kept = [s.type for s in old.segments if s.type != fmt.PT_LOAD]
    assert [s.type for s in new.segments if s.type != fmt.PT_LOAD] == kept
    assert_tools_accept(target)
    assert python(CALL, target) == python(CALL, patched[variant])
    # Once is enough.
    assert find_leftovers(new) == ()
    assert without_leftovers(new) == bytes(new.data)


@pytest.mark.parametrize("variant", OPTIONS)
def test_patchelf_behind(patched: dict[str, Path], tmp_path: Path, variant: str) -> None:
    """It leaves more, which goes as well."""
    target = tmp_path / patched[variant].name
    target.write_bytes(without_leftovers(parse(patched[variant])))
    longer = ":".join([LONGER] * 9)
    subprocess.run([find_patchelf(), "--set-rpath", longer, target], check=True)
    expected = python(CALL, patched[variant])
    assert python(CALL, target) == expected
    size = target.stat().st_size
    target.write_bytes(without_leftovers(parse(target)))
    assert target.stat().st_size < size - 10 * PAGE
    assert parse(target).runpath == longer
    assert check_layout(parse(target)) == []
    assert python(CALL, target) == expected


def test_what_the_compiler_made_has_none(tmp_path: Path) -> None:
    assert find_leftovers(parse(compile_cpp(SOURCE, tmp_path / "libfresh.so"))) == ()


# What makes it uncertain -----------------------------------------------------------------------


def _address(elf: ElfFile, offset: int) -> int:
    (load,) = (load for load in elf.loads if load.offset <= offset < load.end)
    return offset - load.offset + load.address


def _put(data: bytearray, offset: int, value: int) -> None:
    data[offset : offset + 8] = struct.pack("<Q", value)


def _entry(elf: ElfFile, data: bytearray, inside: int) -> None:
    _put(data, 24, _address(elf, inside))


def _dynamic(elf: ElfFile, data: bytearray, inside: int) -> None:
    entry = next(e for e in elf.dynamic if e.tag == 0x6FFFFFF9)  # DT_RELACOUNT
    data[entry.offset : entry.offset + 16] = struct.pack("<QQ", 0x60000001, _address(elf, inside))


def _symbol(elf: ElfFile, data: bytearray, inside: int) -> None:
    """One that begins before and reaches in."""
    table = elf.offset_of(elf.dynamic_value(fmt.DT_SYMTAB) or 0, 1)
    last = table + (elf.symbol_count - 1) * fmt.SYMBOL.size
    _put(data, last + 8, _address(elf, inside) - PAGE)
    _put(data, last + 16, PAGE + 1)


def _relocation(elf: ElfFile, field: int, inside: int, data: bytearray) -> None:
    table = elf.offset_of(elf.dynamic_value(DT_RELA) or 0, RELA.size)
    assert RELA.unpack_from(data, table)[1] == 8  # R_X86_64_RELATIVE
    _put(data, table + field, _address(elf, inside))


def _relocated(elf: ElfFile, data: bytearray, inside: int) -> None:
    _relocation(elf, 0, inside, data)


def _pointed_at(elf: ElfFile, data: bytearray, inside: int) -> None:
    _relocation(elf, 16, inside, data)


def _machine(elf: ElfFile, data: bytearray, inside: int) -> None:
    data[18:20] = struct.pack("<H", 183)


def _sectionless(elf: ElfFile, data: bytearray, inside: int) -> None:
    data[40:48], data[60:64] = bytes(8), bytes(4)


def _damaged(elf: ElfFile, data: bytearray, inside: int) -> None:
    entry = next(e for e in elf.dynamic if e.tag == DT_RELA)
    _put(data, entry.offset + 8, 1 << 50)


def _appended(elf: ElfFile, data: bytearray, inside: int) -> None:
    data += b"PAYLOAD"


Spoil = Callable[[ElfFile, bytearray, int], None]


@pytest.mark.parametrize(
    "spoil",
    [
        _entry,
        _dynamic,
        _symbol,
        _relocated,
        _pointed_at,
        _machine,
        _sectionless,
        _damaged,
        _appended,
    ],
)
def test_uncertain_files_have_none(patched: dict[str, Path], spoil: Spoil) -> None:
    elf = parse(patched["plain"])
    inside = find_leftovers(elf)[-1].start + PAGE
    data = bytearray(elf.data)
    spoil(elf, data, inside)
    assert find_leftovers(ElfFile.parse(bytes(data), "spoilt")) == ()


def _another_byte(elf: ElfFile, data: bytearray, inside: int) -> None:
    data[inside + 100] = 0x51


def _zeros(elf: ElfFile, data: bytearray, inside: int) -> None:
    data[inside : inside + PAGE] = bytes(PAGE)


def _section(elf: ElfFile, data: bytearray, inside: int) -> None:
    """One in memory, of no type that is known."""
    comment = next(s for s in elf.sections if s.name == ".comment")
    row = elf.header.shoff + 64 * comment.number
    flags = fmt.SHF_ALLOC
    place = (_address(elf, inside), inside, 8)
    data[row + 4 : row + 40] = struct.pack("<IQQQQ", 1, flags, *place)


def _bss(elf: ElfFile, data: bytearray, inside: int) -> None:
    """One that takes no bytes of the file, by its type, and has some all the same."""
    comment = next(s for s in elf.sections if s.name == ".comment")
    row = elf.header.shoff + 64 * comment.number
    place = (_address(elf, inside), elf.source.size, 8)
    data[row + 4 : row + 40] = struct.pack("<IQQQQ", fmt.SHT_NOBITS, fmt.SHF_ALLOC, *place)


def _segment(elf: ElfFile, data: bytearray, inside: int) -> None:
    note = elf.segment(fmt.PT_NOTE)
    assert note is not None
    row = elf.header.phoff + 56 * note.number
    address = _address(elf, inside)
    data[row + 8 : row + 48] = struct.pack("<QQQQQ", inside, address, address, 16, 16)


@pytest.mark.parametrize("spoil", [_another_byte, _zeros, _section, _bss, _segment])
def test_a_page_with_anything_else_stays(patched: dict[str, Path], spoil: Spoil) -> None:
    elf = parse(patched["plain"])
    largest = max(find_leftovers(elf), key=len)
    inside = largest.start + PAGE
    data = bytearray(elf.data)
    spoil(elf, data, inside)
    found = find_leftovers(ElfFile.parse(bytes(data), "spoilt"))
    assert not any(inside in stretch for stretch in found)
    assert range(largest.start, inside) in found
    assert range(inside + PAGE, largest.stop) in found


def test_no_note_gives_up_its_place_for_leftovers() -> None:
    made = image(room=0, notes=2, tail=3 * PAGE)
    made.sections.pop(2)  # .late
    elf = ElfFile.parse(made.build(), "no room")
    leftovers = [range(PAGE + FAT, PAGE + FAT + 2 * PAGE)]
    shortened = shorten(elf, {}, leftovers)
    assert (shortened.holes, shortened.left) == ((), 0)
    assert slim(elf, shortened=shortened).is_identity
    # Nor for one that meets a hole of a section, which has taken the place of one.
    shortened = shorten(elf, {2: KEPT}, leftovers)
    assert [hole.is_leftover for hole in shortened.holes] == [False]


def test_leftovers_behind_the_end_of_a_section() -> None:
    made = image(room=1, tail=3 * PAGE)
    made.sections.pop(2)
    data = made.build()
    elf = ElfFile.parse(data, "meeting")
    shortened = shorten(elf, {2: KEPT}, [range(PAGE + FAT, PAGE + FAT + 2 * PAGE)])
    assert (shortened.cut, shortened.cut_leftovers) == (FAT - 2 * PAGE, 2 * PAGE)
    after = write(elf, shortened)
    new = ElfFile.parse(after, "after")
    assert len(after) <= len(data) - FAT
    assert check_layout(new) == []
    assert len(new.loads) == len(elf.loads) + 1
    assert new.loads[2].address - new.loads[1].address == FAT + 2 * PAGE
    again = shorten(new, {2: KEPT}, [])
    assert slim(new, shortened=again).is_identity


def test_the_table_of_segments_does_not_grow_into_a_hole() -> None:
    made = image(room=0, offset=4 * PAGE)
    made.sections.pop(0)
    made.segments[1] = (*made.segments[1][:5], 4 * PAGE, 4 * PAGE, PAGE)
    while 64 + len(made.segments) * 56 < PAGE:
        made.segment(0, 0, 0, 0)
    table_size = PAGE - 64
    made.segments[0] = (*made.segments[0][:5], table_size, table_size, 8)
    elf = ElfFile.parse(made.build(), "full page")
    assert shorten(elf, {}, [range(PAGE, 3 * PAGE)]).holes == ()
    assert len(shorten(elf, {}, [range(2 * PAGE, 3 * PAGE)]).holes) == 1
