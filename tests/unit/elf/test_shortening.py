"""Shortened sections: every byte keeps its address, loaders accept the holes, other tools too."""

import io
import itertools
import random
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile as Reference

from slimwheel.elf import ElfFile, ElfShapeError, Section, Shortened, check_layout, shorten, slim
from slimwheel.elf import format as fmt
from slimwheel.elf.memory import Memory
from slimwheel.elf.patchelf import find_patchelf
from slimwheel.elf.references import references_into
from slimwheel.errors import ElfError
from tests.unit.elf import handmade
from tests.unit.elf.conftest import PROBE, RESULT, need_tool
from tests.unit.elf.handmade import Image
from tests.unit.elf.test_reading import assert_agrees
from tests.unit.elf.toolchain import compile_cpp, parse, python

PAGE = 0x1000
KEPT = 0x1900
FAT = 0x40000
BASE = 0x4000000
"""What the large segment of `image` has its address beyond its offset."""
BEHIND = 0x8000000
"""The address of the segment behind it."""
LONGER = "$ORIGIN/a/path/that/is/longer/than/all/that/was/there/before"

# In every kind of segment a large section, and behind it something that is looked at.
_SECTIONS = "\n".join(
    f'asm(".section .{name},\\"{flags}\\",@progbits\\n .balign 64\\n'
    f' {name}: .fill {size}, 1, {byte}\\n .previous"); '
    f'extern "C" __attribute__((visibility("hidden"))) unsigned char {name}[];'
    for name, flags, size, byte in [
        ("fat_r", "a", FAT, 0x51),
        ("thin_r", "a", 0x900, 0x52),
        ("wide_r", "a", FAT, 0x55),
        ("fat_x", "ax", FAT, 0x53),
        ("fat_w", "aw", FAT, 0x54),
    ]
)
# Linkers leave no room behind the table, so that two holes take the place of two notes.
SOURCE = f"""
{PROBE}
{_SECTIONS}
asm(".section .note.more,\\"a\\",@note\\n .balign 8\\n .long 4, 8, 1, 0x656e6f4e\\n .quad 1"
    "\\n .previous");
__attribute__((section(".late_x"), noinline)) static long late(long n) {{ return n + 1; }}
__attribute__((section(".late_w"))) static volatile long late_data = 20;
static volatile long zeros[5000];
extern "C" long look(long kept) {{
    for (long i = 0; i < kept; i++)
        if (fat_r[i] != 0x51 || fat_x[i] != 0x53 || fat_w[i] != 0x54 || wide_r[i] != 0x55)
            return -1;
    for (long i = 0; i < 0x900; i++)
        if (thin_r[i] != 0x52)
            return -2;
    for (long i = 0; i < 5000; i++)
        if (zeros[i]++)
            return -3;
    return late(late_data);
}}
"""
# A throw from a callback that the C library calls for each library needs all unwind tables.
CALL = """
library = ctypes.CDLL(sys.argv[1])
library.compute.restype = library.look.restype = ctypes.c_long
library.look.argtypes = [ctypes.c_long]
print(library.compute(5), library.look(int(sys.argv[2])))
"""
OPTIONS: dict[str, list[str]] = {
    "plain": [],
    "huge-pages": ["-Wl,-z,max-page-size=0x200000"],
    "huge-everywhere": ["-Wl,-z,max-page-size=0x200000", "-Wl,-z,common-page-size=0x200000"],
    "one-segment": ["-Wl,-z,noseparate-code"],
}


@pytest.fixture(scope="session")
def fat(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Compile the library with each set of options."""
    folder = tmp_path_factory.mktemp("fat")
    common = ["-g", "-Wl,-rpath,/far/away:$ORIGIN/lib"]
    return {
        name: compile_cpp(SOURCE, folder / f"lib{name}.so", *common, *options)
        for name, options in OPTIONS.items()
    }


def number_of(elf: ElfFile, name: str) -> int:
    """Return the number of a section."""
    return next(section.number for section in elf.sections if section.name == name)


def sizes_of(elf: ElfFile, *names: str, size: int = KEPT) -> dict[int, int]:
    """Return the argument of `shorten` that leaves `size` bytes of each of these sections."""
    return {number_of(elf, name): size for name in names}


def write(
    elf: ElfFile, shortened: Shortened, *, symbols: bool = True, rpath: str | None = None
) -> bytes:
    """Return the shortened file."""

    def nothing(section: Section) -> bool:
        return False

    if symbols:
        edits = slim(elf, shortened=shortened, drop=nothing, rpath=rpath)
    else:
        edits = slim(elf, shortened=shortened, rpath=rpath)
    out = io.BytesIO()
    edits.write(elf.data, out)
    assert len(out.getvalue()) == edits.size
    return out.getvalue()


def assert_sound(before: bytes, after: bytes) -> None:
    """Check that all of memory is as it was but for headers and for what was shortened."""
    old, new = assert_agrees(before), assert_agrees(after)
    assert check_layout(new) == check_layout(old) == []
    memory = Memory(new)
    kept = {section.name: section for section in new.sections}
    for section in old.sections:
        if not section.is_alloc or not section.file_size or section.name == ".dynsym":
            continue
        size = kept[section.name].size
        assert kept[section.name].address == section.address
        content = bytes(old.data[section.offset : section.offset + size])
        assert not size or memory.read(section.address, size) == content
        # What is left of the rest is zeros; the other pages nobody may use.
        for load in new.loads:
            start = max(load.address, section.address + size)
            stop = min(load.memory_end, section.address + section.size)
            assert start >= stop or not any(memory.read(start, stop - start))
    for first, second in itertools.pairwise(new.loads):
        assert (first.memory_end - 1) // PAGE < second.address // PAGE
    assert [s.name for s in old.symbols()] == [s.name for s in new.symbols()]


def assert_works(path: Path, kept: int = KEPT) -> None:
    """Load a library and let it throw, count per thread, and look at its data."""
    assert python(CALL, path, kept) == f"{RESULT} 21"


def assert_tools_accept(path: Path) -> None:
    result = subprocess.run(
        [need_tool("readelf"), "-aW", str(path)], capture_output=True, text=True, check=True
    )
    assert result.stderr == ""
    assert "Warning" not in result.stdout
    reference = Reference(io.BytesIO(path.read_bytes()))
    for section in reference.iter_sections():
        held = any(segment.section_in_segment(section) for segment in reference.iter_segments())
        assert held or not section["sh_flags"] & fmt.SHF_ALLOC or not section["sh_size"]


CASES = [
    (variant, names)
    for variant in OPTIONS
    for names in [(".fat_r",), (".fat_x",), (".fat_w",), (".fat_r", ".wide_r")]
]


@pytest.mark.parametrize(("variant", "names"), CASES)
@pytest.mark.parametrize("symbols", [True, False])
def test_compiled_libraries_work(
    fat: dict[str, Path], tmp_path: Path, variant: str, names: tuple[str, ...], symbols: bool
) -> None:
    old = parse(fat[variant])
    shortened = shorten(old, sizes_of(old, *names))
    assert len(shortened.holes) == len(names)
    assert shortened.left == 0
    after = write(old, shortened, symbols=symbols, rpath="$ORIGIN/lib")
    # Room between segments can take a page or two of what a hole saves, not more.
    assert len(old.data) - len(after) >= len(names) * (FAT - KEPT - 3 * PAGE)
    target = tmp_path / fat[variant].name
    target.write_bytes(after)
    new = parse(target)
    assert new.runpath == "$ORIGIN/lib"
    assert len(new.loads) == len(old.loads) + len(names)
    assert any(section.name == ".symtab" for section in new.sections) is symbols
    if not symbols:
        before = write(old, shorten(old, {}), symbols=True, rpath="$ORIGIN/lib")
        assert_sound(before, after)
    assert_tools_accept(target)
    assert_works(target)
    assert slim(
        new, shortened=shorten(new, sizes_of(new, *names)), drop=lambda _: False
    ).is_identity


def test_alignment_is_lowered_only_where_a_segment_moves(fat: dict[str, Path]) -> None:
    old = parse(fat["huge-everywhere"])
    after = write(old, shorten(old, sizes_of(old, ".fat_r")))
    new = ElfFile.parse(after, "after")
    assert {load.align for load in old.loads} == {0x200000}
    assert new.loads[0].align == 0x200000
    assert new.loads[-1].align == PAGE


@pytest.mark.parametrize("order", ["SP", "PS", "PSS", "SPS"])
@pytest.mark.parametrize("variant", ["plain", "one-segment"])
def test_patchelf_before_and_behind(
    fat: dict[str, Path], tmp_path: Path, variant: str, order: str
) -> None:
    target = tmp_path / fat[variant].name
    target.write_bytes(fat[variant].read_bytes())
    size = 0
    for number, step in enumerate(order):
        if step == "P":
            subprocess.run([find_patchelf(), "--set-rpath", LONGER, target], check=True)
        else:
            elf = parse(target)
            shortened = shorten(elf, sizes_of(elf, ".fat_r"))
            if "S" in order[:number]:
                assert slim(elf, shortened=shortened, drop=lambda _: False).is_identity
            else:
                assert len(shortened.holes) == 1
            target.write_bytes(write(elf, shortened))
            size = size or len(elf.data)
        assert check_layout(parse(target)) == []
        assert_works(target)
    assert parse(target).runpath == LONGER
    assert target.stat().st_size < size - FAT + 0x8000


def test_objcopy_keeps_the_hole(fat: dict[str, Path], tmp_path: Path) -> None:
    target = tmp_path / "libplain.so"
    elf = parse(fat["plain"])
    target.write_bytes(write(elf, shorten(elf, sizes_of(elf, ".fat_r", ".fat_w"))))
    subprocess.run([need_tool("objcopy"), "--strip-unneeded", target], check=True)
    assert target.stat().st_size < len(elf.data) - 2 * (FAT - KEPT) + 0x8000
    assert_works(target)


# Files by hand ------------------------------------------------------------------------------


def image(
    *,
    room: int = 2,
    filler: bytes = b"\0",
    notes: int = 0,
    flags: int = 4,
    align: int = PAGE,
    tail: int = 0x800,
    bss: int = 0,
    machine: int = fmt.EM_X86_64,
    offset: int = PAGE,
) -> Image:
    """Return a library of one large segment, with `.fat` and `.late` in it, and one behind.

    Sections: 1 .first, right behind `room` program headers' bytes; 2 .fat; 3 .late, of `tail`
    bytes; 4 .data, in a segment of its own.
    """
    made = Image(machine=machine)
    address = BASE + offset
    made.segment(fmt.PT_PHDR, 64, 64, 0, flags=4, align=8)
    made.segment(fmt.PT_LOAD, 0, 0, PAGE, align=align, flags=4)
    made.segment(fmt.PT_LOAD, offset, address, FAT + tail, align=align, flags=flags)
    if bss:
        made.segments[-1] = (*made.segments[-1][:6], FAT + tail + bss, align)
    end = offset + FAT + tail
    made.segment(fmt.PT_LOAD, end + -end % align, BEHIND, 0x300, align=align)
    made.segment(fmt.PT_GNU_STACK, 0, 0, 0)
    count = len(made.segments) + notes
    first = 64 + count * fmt.PROGRAM_HEADER.size + room * fmt.PROGRAM_HEADER.size
    for number in range(notes):
        made.segment(fmt.PT_NOTE, first + 16 * number, first + 16 * number, 16, flags=4, align=4)
    alloc = fmt.SHF_ALLOC
    fat = bytes(range(1, 256)) * (FAT // 255 + 1)
    made.sections = [
        handmade.Section(".first", fmt.SHT_NOTE if notes else 1, first, b"n" * 64, alloc, first),
        handmade.Section(".fat", 1, offset, fat[:FAT], alloc, address, align=8),
    ]
    if tail:
        late = handmade.Section(".late", 1, offset + FAT, b"L" * tail, alloc, address + FAT)
        made.sections.append(late)
    if bss:
        made.sections.append(
            handmade.Section(
                ".bss", fmt.SHT_NOBITS, end, None, alloc, address + FAT + tail, size=bss
            )
        )
    data = end + -end % align
    made.sections.append(handmade.Section(".data", 1, data, b"D" * 0x300, alloc, BEHIND))
    made.names_offset = data + 0x300
    made.table_offset = data + 0x400
    table = (*made.segments[0][:5], count * 56, count * 56, 8)
    made.segments[0] = table
    made.size = made.table_offset
    if room and any(filler):
        start = 64 + count * fmt.PROGRAM_HEADER.size
        content = (filler * (room * fmt.PROGRAM_HEADER.size))[: first - start]
        made.build = lambda build=made.build: _placed(build(), start, content)  # type: ignore[method-assign,misc]
    return made


def _placed(data: bytes, offset: int, content: bytes) -> bytes:
    return data[:offset] + content + data[offset + len(content) :]


def cut(data: bytes, size: int = KEPT, name: str = ".fat") -> tuple[Shortened, bytes]:
    """Shorten one section of a file and check the result."""
    elf = ElfFile.parse(data, "by hand")
    shortened = shorten(elf, sizes_of(elf, name, size=size))
    after = write(elf, shortened)
    assert_sound(data, after)
    again = ElfFile.parse(after, "again")
    unchanged = slim(again, shortened=shorten(again, sizes_of(again, name, size=size)))
    assert unchanged.is_identity
    return shortened, after


@pytest.mark.parametrize("flags", [4, 5, 6])
@pytest.mark.parametrize("align", [PAGE, 0x10000, 0x200000])
def test_a_hole_in_the_middle(flags: int, align: int) -> None:
    data = (
        image(flags=flags, align=align).build()
        if align == PAGE
        else image(flags=flags, align=align, offset=align).build()
    )
    shortened, after = cut(data)
    (hole,) = shortened.holes
    assert hole.size == shortened.cut == FAT - 2 * PAGE
    assert len(data) - len(after) >= hole.size
    _, first, second, _ = ElfFile.parse(after, "after").loads
    assert first.flags == second.flags == flags
    assert first.file_size == first.memory_size == 2 * PAGE
    assert second.address - first.address == FAT
    assert second.physical_address == second.address


def test_two_holes_in_one_segment_the_largest_first() -> None:
    made = image(room=1)
    middle = PAGE + FAT // 2
    content = made.sections[1].content or b""
    second = handmade.Section(
        ".more", 1, middle, content[FAT // 2 :], fmt.SHF_ALLOC, BASE + middle, align=8
    )
    made.sections[1].content = content[: FAT // 2]
    made.sections.insert(2, second)
    elf = ElfFile.parse(made.build(), "two")
    more, fat = number_of(elf, ".more"), number_of(elf, ".fat")
    shortened = shorten(elf, {fat: 16, more: 2 * PAGE})
    assert [hole.start for hole in shortened.holes] == [2 * PAGE]
    assert shortened.left == FAT // 2 - 2 * PAGE
    assert_sound(made.build(), write(elf, shortened))
    made = image(room=2)
    made.sections[1].content = content[: FAT // 2]
    made.sections.insert(2, second)
    second.offset, second.address = middle, BASE + middle
    elf = ElfFile.parse(made.build(), "two")
    shortened = shorten(elf, {fat: 16, more: 2 * PAGE})
    assert (len(shortened.holes), shortened.left) == (2, 0)
    assert_sound(made.build(), write(elf, shortened))


@pytest.mark.parametrize("size", [FAT - 1, FAT - 0xFFF, FAT - PAGE + 1])
def test_less_than_a_page_becomes_zeros(size: int) -> None:
    shortened, after = cut(image().build(), size)
    assert (shortened.holes, shortened.left) == ((), 0)
    elf = ElfFile.parse(after, "after")
    assert len(after) == len(image().build())
    assert not any(elf.data[PAGE + size : PAGE + FAT])
    assert len(elf.segments) == 5


def test_a_segment_keeps_its_first_page() -> None:
    shortened, after = cut(image().build(), 0)
    assert [hole.start for hole in shortened.holes] == [2 * PAGE]
    elf = ElfFile.parse(after, "after")
    assert not any(elf.data[PAGE : 2 * PAGE])
    assert elf.sections[2].size == 0


@pytest.mark.parametrize("bss", [0, 1, 0x5000])
@pytest.mark.parametrize("odd", [0, 0x80])
def test_the_end_of_a_segment(bss: int, odd: int) -> None:
    made = image(tail=0, bss=bss, room=0 if not bss else 1, flags=6)
    if odd:
        made.sections[1].content = (made.sections[1].content or b"")[: FAT - odd]
        segment = made.segments[2]
        if bss:
            made.sections[2].offset -= odd
        made.segments[2] = (*segment[:5], FAT - odd, FAT + bss if bss else FAT - odd, PAGE)
    data = made.build()
    shortened, after = cut(data)
    assert (len(shortened.holes), shortened.left) == (1, 0)
    elf = ElfFile.parse(after, "after")
    assert elf.header.phnum == 5 + bool(bss)
    assert elf.loads[1].memory_size == 2 * PAGE
    if bss:
        assert elf.loads[2].memory_end == BASE + PAGE + FAT + bss
        section = elf.sections[number_of(elf, ".bss")]
        assert section.offset == elf.loads[2].end


def test_arm_has_pages_of_64_kibibytes() -> None:
    made = image(machine=183, align=0x10000, offset=0x10000)
    (hole,) = cut(made.build())[0].holes
    assert (hole.start, hole.stop) == (0x20000, 0x10000 + FAT)
    made = image(machine=183, align=0x200000, offset=0x200000)
    assert len(cut(made.build())[0].holes) == 1


def test_what_a_section_needs_of_alignment_stays() -> None:
    made = image(align=0x200000, offset=0x200000)
    made.sections[-1].align = 0x10000
    _, after = cut(made.build())
    elf = ElfFile.parse(after, "after")
    assert [load.align for load in elf.loads] == [0x200000, 0x200000, PAGE, 0x10000]


@pytest.mark.parametrize("filler", [b"\0", b"X", b"Z", b"ZZZZZZZZZZ\0\0"])
def test_room_that_linkers_and_patchelf_leave(filler: bytes) -> None:
    shortened, after = cut(image(room=1, filler=filler, notes=1).build())
    assert len(shortened.holes) == 1
    elf = ElfFile.parse(after, "after")
    assert sum(segment.type == fmt.PT_NOTE for segment in elf.segments) == 1
    assert elf.segments[0].file_size == elf.header.phnum * fmt.PROGRAM_HEADER.size


@pytest.mark.parametrize("place", [0, 55])
def test_room_that_is_not_free(place: int) -> None:
    data = bytearray(image(room=1).build())
    data[64 + 5 * 56 + place] = 7
    shortened, after = cut(bytes(data))
    assert shortened.holes == ()
    assert shortened.left == FAT - 2 * PAGE
    assert len(after) == len(data)
    assert after[64 + 5 * 56 : PAGE] == data[64 + 5 * 56 : PAGE]


@pytest.mark.parametrize("kind", ["section", "segment", "interpreter", "end of the load"])
def test_room_that_something_holds(kind: str) -> None:
    made = image(room=2)
    if kind == "section":
        # Of zeros, as free room is, and half of a program header behind the table.
        start = 64 + 5 * 56 + 28
        made.sections.append(handmade.Section(".zeros", 1, start, bytes(8), fmt.SHF_ALLOC, start))
    elif kind == "segment":
        made = image(room=3)
        made.segment(0x6474E554, 64 + 6 * 56 + 28, 64 + 6 * 56 + 28, 16, flags=4)
    elif kind == "interpreter":
        made = image(room=3)
        made.segment(fmt.PT_INTERP, 64 + 6 * 56, 64 + 6 * 56, 16, flags=4)
    else:
        made.sections.pop(0)
        made.segments[1] = (*made.segments[1][:5], 64 + 5 * 56 + 20, 64 + 5 * 56 + 20, PAGE)
    if kind in ("segment", "interpreter"):
        made.segments[0] = (*made.segments[0][:5], 6 * 56, 6 * 56, 8)
    data = made.build()
    shortened, after = cut(data)
    assert (shortened.holes, shortened.left) == ((), FAT - 2 * PAGE)
    assert after[64:PAGE] == data[64:PAGE]
    elf = ElfFile.parse(after, "after")
    assert not any(elf.data[PAGE + KEPT : PAGE + FAT])


def test_notes_give_up_their_program_header() -> None:
    shortened, after = cut(image(room=0, notes=2).build())
    assert (len(shortened.holes), shortened.left) == (1, 0)
    elf = ElfFile.parse(after, "after")
    notes = [segment for segment in elf.segments if segment.type == fmt.PT_NOTE]
    assert [note.offset for note in notes] == [64 + 7 * 56]
    assert elf.header.phnum == 7


def test_first_the_note_that_is_told_twice() -> None:
    made = image(room=0, notes=3)
    made.segments[5] = (fmt.PT_GNU_PROPERTY, *made.segments[6][1:])
    elf = ElfFile.parse(cut(made.build())[1], "after")
    assert [s.offset for s in elf.segments if s.type == fmt.PT_NOTE] == [64 + 8 * 56 + 32]
    assert elf.segment(fmt.PT_GNU_PROPERTY) is not None


def test_no_hole_under_another_segment() -> None:
    for segment_type in (fmt.PT_GNU_RELRO, fmt.PT_TLS, 0x6474E550):
        made = image(room=3)
        made.segment(segment_type, 3 * PAGE, BASE + 3 * PAGE, PAGE)
        made.segments[0] = (*made.segments[0][:5], 6 * 56, 6 * 56, 8)
        shortened, after = cut(made.build())
        assert (shortened.holes, shortened.left) == ((), 0)
        assert not any(after[PAGE + KEPT : PAGE + FAT])


def test_a_file_that_ends_with_a_payload_is_refused() -> None:
    elf = ElfFile.parse(image().build() + b"PAYLOAD", "payload")
    with pytest.raises(ElfShapeError, match="appended"):
        write(elf, shorten(elf, {2: KEPT}))


@pytest.mark.parametrize(
    ("number", "size", "message"),
    [
        (2, FAT + 1, "cannot have"),
        (2, -1, "cannot have"),
        (5, 1, r"section \.shstrtab is in no loaded segment"),
        (0, 1, "in no loaded segment"),
    ],
)
def test_refused_sizes(number: int, size: int, message: str) -> None:
    elf = ElfFile.parse(image().build(), "sizes")
    with pytest.raises(ElfShapeError, match=message):
        shorten(elf, {number: size})


def test_a_section_that_is_not_where_its_segment_says() -> None:
    made = image()
    made.sections[1].address += 8
    elf = ElfFile.parse(made.build(), "elsewhere")
    with pytest.raises(ElfShapeError, match="in no loaded segment"):
        shorten(elf, {2: KEPT})


def test_an_end_that_two_sections_have() -> None:
    made = image()
    made.sections[2].offset -= 0x10
    made.sections[2].address -= 0x10
    elf = ElfFile.parse(made.build(), "shared")
    with pytest.raises(ElfShapeError, match="shares its end"):
        shorten(elf, {2: KEPT})


def test_bytes_that_two_segments_map_stay() -> None:
    made = image(room=3)
    made.segment(fmt.PT_LOAD, PAGE, 2 * BEHIND, FAT, align=PAGE)
    made.segments[0] = (*made.segments[0][:5], 6 * 56, 6 * 56, 8)
    elf = ElfFile.parse(made.build(), "twice")
    shortened = shorten(elf, {2: KEPT})
    assert (shortened.holes, shortened.left) == ((), 0)
    assert len(write(elf, shortened)) == len(elf.data)


@pytest.mark.parametrize("field", [32, 40])
def test_an_end_that_holds_headers(field: int) -> None:
    data = bytearray(image().build())
    elf = ElfFile.parse(bytes(data), "before")
    size = (elf.header.phnum * 56) if field == 32 else elf.header.shnum * 64
    start = elf.header.phoff if field == 32 else elf.header.shoff
    table = data[start : start + size]
    data[0x10000 : 0x10000 + size] = table
    data[field : field + 8] = (0x10000).to_bytes(8, "little")
    with pytest.raises(ElfShapeError, match="shares its end"):
        shorten(ElfFile.parse(bytes(data), "inside"), {2: KEPT})


def test_nothing_to_shorten_changes_nothing() -> None:
    elf = ElfFile.parse(image().build(), "same")
    for sizes in ({}, {2: FAT}):
        shortened = shorten(elf, sizes)
        assert (shortened.holes, shortened.patches, shortened.left) == ((), (), 0)
        assert slim(elf, shortened=shortened).is_identity


# Damage -------------------------------------------------------------------------------------

NUMBERS = [0, 1, 7, 8, 0x40, 0x1000, 0x1008, 0x10000, 0x3FFFF, 0x41000, BASE + PAGE, 0xFFFF]
NUMBERS += [1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, (1 << 64) - 0x1000]


@pytest.mark.parametrize("seed", range(8))
def test_damaged_headers(seed: int) -> None:
    """Whatever the headers say, the answer is a file that parses or an ElfError."""
    chance = random.Random(seed)
    made = image(notes=2, room=1, bss=seed % 2 * 0x2000)
    good = made.build()
    elf = ElfFile.parse(good, "good")
    places = [*range(24, 64)]
    places += range(64, 64 + elf.header.phnum * fmt.PROGRAM_HEADER.size)
    places += range(elf.header.shoff, elf.header.shoff + elf.header.shnum * 64)
    survived = 0
    for _ in range(300):
        data = bytearray(good)
        for _ in range(chance.randint(1, 3)):
            size = chance.choice([2, 4, 8])
            start = chance.choice(places) // size * size
            number = chance.choice(NUMBERS) & ((1 << (8 * size)) - 1)
            data[start : start + size] = number.to_bytes(size, "little")
        survived += survives(bytes(data))
    assert survived > 20


def survives(data: bytes) -> bool:
    """Shorten a damaged file; only ElfError may come of it."""
    try:
        elf = ElfFile.parse(data, "hostile")
        list(references_into(elf, [range(BASE + PAGE, BASE + PAGE + FAT)]))
        if len(elf.sections) < 3:
            return False
        after = write(elf, shorten(elf, {2: KEPT}), symbols=False)
        ElfFile.parse(after, "after")
    except ElfError:
        return False
    assert len(after) <= len(data)
    return True
