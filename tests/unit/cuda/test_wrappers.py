"""Wrappers: every container is reached through one, and whatever else reaches one is refused."""

import re
import struct
import time
from array import array
from pathlib import Path

import pytest

from slimwheel.cuda import prune, read_containers, wrappers
from slimwheel.cuda.wrappers import wrappers_of
from slimwheel.elf import ElfFile, ElfShapeError, references, relocations
from slimwheel.elf import format as fmt
from slimwheel.errors import ElfError
from tests.support.compiled_fatbins import compile_library, load_and_look
from tests.support.fatbins import WRAPPER_MAGIC, HandMade, Row, container, image
from tests.unit.elf import handmade

CONTAINERS = [container([image(80), image(90)]), container(), container([image(75)])]


def parse(made: HandMade) -> ElfFile:
    return ElfFile.parse(made.build(), "libdevice.so")


def found(made: HandMade) -> list[list[tuple[int, bool]]]:
    """Return, container by container, its wrappers: pointer, and whether DT_RELA has it."""
    elf = parse(made)
    containers = read_containers(elf)
    assert [each.address for each in containers] == made.addresses
    by_address = wrappers_of(elf, containers)
    return [
        [(w.pointer, w.addend_offset is not None) for w in by_address[address]]
        for address in made.addresses
    ]


def refuse(made: HandMade, message: str) -> None:
    elf = parse(made)
    with pytest.raises(ElfShapeError, match=message) as caught:
        prune(elf, lambda images: set())
    assert caught.value.file == "libdevice.so"
    assert re.fullmatch("address 0x[0-9a-f]+", caught.value.place or "")
    # Nothing has to move where everything stays: the file can stay as it is.
    unchanged = prune(elf, lambda images: set(range(len(images))))
    assert (unchanged.patches, unchanged.sizes) == ((), {})


def test_each_container_has_its_own() -> None:
    made = HandMade({".nv_fatbin": CONTAINERS, "__nv_relfatbin": CONTAINERS[:1]})
    assert found(made) == [[(address, True)] for address in made.addresses]


def test_two_wrappers_of_one_container_in_any_order() -> None:
    made = HandMade({".nv_fatbin": CONTAINERS}, wrapped=[2, 0, 1, 0])
    a, b, c = found(made)
    assert [len(a), len(b), len(c)] == [2, 1, 1]
    assert a == [(made.addresses[0], True)] * 2


def test_versions_and_pointers() -> None:
    rows = {0: Row(version=2, more=0x5000), 1: Row(pointer=0), 2: Row(version=1)}
    made = HandMade({".nv_fatbin": CONTAINERS}, rows=rows)
    first, second, third = found(made)
    assert first == [(made.addresses[0], True)]
    assert second == [(0, True)]
    assert third == [(made.addresses[2], True)]


def test_wrappers_of_sources_without_code_point_at_nothing() -> None:
    made = HandMade(
        SOUND, wrapped=[0, 1, 2, 0], rows={3: Row(pointer=0)}, unrelocated=frozenset({3})
    )
    assert list(map(len, found(made))) == [1, 1, 1]


def test_a_null_pointer_that_the_loader_fills_in_with_something_else() -> None:
    null = struct.pack("<IIQQ", WRAPPER_MAGIC, 1, 0, 0)
    made = HandMade(SOUND, behind_wrappers=null)
    assert list(map(len, found(made))) == [1, 1, 1]
    made.references = [(made.data_address + 0x80 + 3 * 24 + 8, made.data_address)]
    refuse(made, "points at no container")


def test_packed_relocations() -> None:
    made = HandMade({".nv_fatbin": CONTAINERS}, packed=True)
    assert found(made) == [[(address, False)] for address in made.addresses]


def test_a_list_of_more_containers_may_be_relocated() -> None:
    made = HandMade({".nv_fatbin": CONTAINERS[:1]}, rows={0: Row(version=2)})
    made.build()
    made.references = [(made.data_address + 0x80 + 16, made.data_address)]
    assert found(made) == [[(made.addresses[0], True)]]


SOUND = {".nv_fatbin": CONTAINERS}


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (HandMade(SOUND, rows={1: Row(magic=0x466243B2)}), "the magic 0x466243b2 and version 1"),
        (HandMade(SOUND, rows={1: Row(version=0)}), "version 0"),
        (HandMade(SOUND, rows={2: Row(version=3)}), "version 3"),
        (HandMade(SOUND, behind_wrappers=bytes(8)), "nvFatBinSegment has 80 bytes"),
        (HandMade(SOUND, behind_wrappers=bytes(24)), "the magic 0x0"),
        (
            HandMade(SOUND, behind_wrappers=struct.pack("<IIQQ", WRAPPER_MAGIC, 1, 8, 0)),
            "points at no container",
        ),
        (HandMade(SOUND, rows={0: Row(pointer=0x2008)}), "differ: 0x2008 and 0x2000"),
        (HandMade(SOUND, unrelocated=frozenset({1})), "points at no container"),
        (HandMade(SOUND, wrapped=[0, 2]), "no wrapper points at a container"),
        (HandMade(SOUND, wrapped=[]), "no wrapper points at a container"),
        (HandMade(SOUND, exported=0x2000), "the symbol exported stands"),
        (HandMade(SOUND, exported=0x2020), "the symbol exported stands"),
        (HandMade(SOUND, machine=183), "another machine"),
    ],
)
def test_what_is_refused(made: HandMade, message: str) -> None:
    if made.machine == fmt.EM_X86_64:
        refuse(made, message)
        return
    with pytest.raises(ElfShapeError, match=message):
        prune(parse(made), lambda images: set())


@pytest.mark.parametrize("offset", [0, 16, 40])
def test_pointers_from_elsewhere(offset: int) -> None:
    made = HandMade(SOUND)
    made.build()
    made.references = [(made.data_address, made.addresses[0] + offset)]
    refuse(made, f"{0x2000 + offset:#x} in the device code is pointed at by no wrapper")


def test_a_wrapper_that_points_into_a_container() -> None:
    made = HandMade(SOUND, unrelocated=frozenset({0}))
    made.build()
    made.references = [(made.data_address + 0x88, made.addresses[0] + 16)]
    refuse(made, "0x2010 in the device code is pointed at by no wrapper")


def test_a_pointer_that_is_relocated_twice() -> None:
    made = HandMade(SOUND)
    made.build()
    made.references = [(made.data_address + 0x88, made.addresses[0])]
    refuse(made, "pointed at by no wrapper")


def test_pointers_to_what_is_beside_the_device_code_are_free() -> None:
    made = HandMade(SOUND)
    made.build()
    last = made.addresses[2] + len(CONTAINERS[2])
    made.references = [(made.data_address, 0x1FF8), (made.data_address + 8, last)]
    assert [len(each) for each in found(made)] == [1, 1, 1]


def test_a_symbol_beside_the_device_code_with_an_addend() -> None:
    made = HandMade(SOUND, exported=0x1F00)
    made.build()
    made.references = [(made.data_address, 0x100)]
    data = bytearray(made.build())
    table = data.index(struct.pack("<QQq", made.data_address, 8, 0x100))
    for number, addend, message in (
        (1, 0x100, "an addend make a pointer"),
        (0, 0x2010, "an addend make a pointer"),
        (1, 0xFF, None),
        (1, -8, None),
        (0, 8, None),
    ):
        struct.pack_into("<QQq", data, table, made.data_address, number << 32 | 1, addend)
        elf = ElfFile.parse(bytes(data), "libdevice.so")
        if message is None:
            assert len(wrappers_of(elf, read_containers(elf))) == 3
            continue
        with pytest.raises(ElfShapeError, match=message):
            wrappers_of(elf, read_containers(elf))
    struct.pack_into("<QQq", data, table, made.data_address, 2 << 32 | 1, 0)
    elf = ElfFile.parse(bytes(data), "libdevice.so")
    with pytest.raises(ElfError, match="names symbol 2"):
        wrappers_of(elf, read_containers(elf))


def test_two_sections_at_one_address() -> None:
    data = bytearray(HandMade({".nv_fatbin": CONTAINERS, "__nv_relfatbin": CONTAINERS}).build())
    elf = ElfFile.parse(bytes(data), "libdevice.so")
    first, second = (s for s in elf.sections if s.name in (".nv_fatbin", "__nv_relfatbin"))
    header = elf.header.shoff + second.number * fmt.SECTION_HEADER.size
    struct.pack_into("<Q", data, header + 16, first.address)
    with pytest.raises(ElfShapeError, match="two containers have one address"):
        prune(ElfFile.parse(bytes(data), "libdevice.so"), lambda images: set())


def test_wrappers_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    made = HandMade(SOUND, wrapped=[0, 1, 2] * 10)
    monkeypatch.setattr(wrappers, "_MAX_WRAPPERS", 30)
    assert sum(map(len, found(made))) == 30
    made.wrapped = [0, 1, 2] * 10 + [0]
    with pytest.raises(ElfError, match="too many wrappers"):
        found(made)


def test_time_does_not_grow_with_sections_times_pointers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file can have 65,000 sections of device code and claim millions of pointers."""
    elf = ElfFile.parse(handmade.library(), "libdevice.so")
    columns = relocations.Columns(
        array("Q", range(0, 4_000_000, 8)),
        array("Q", [8]) * 500_000,
        array("q", (n % 65_000 * 32 + 16 for n in range(500_000))),
        None,
    )
    monkeypatch.setattr(references, "read_columns", lambda elf: iter([columns]))
    stretches = [range(32 * n, 32 * n + 16) for n in range(65_000)]
    monkeypatch.setattr(references, "symbol_rows", lambda elf: iter(()))
    began = time.process_time()
    assert list(references.references_into(elf, stretches)) == []
    # A twentieth of this is usual; trying every section for every pointer takes an hour.
    assert time.process_time() - began < 15


def test_stretches_that_meet_or_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    elf = ElfFile.parse(handmade.library(), "libdevice.so")
    columns = relocations.Columns(
        array("Q", range(100)), array("Q", [8]) * 100, array("q", range(100)), None
    )
    monkeypatch.setattr(references, "read_columns", lambda elf: iter([columns]))
    stretches = [range(50, 60), range(10, 30), range(15, 20), range(60, 61), range(70, 70)]
    targets = [each.target for each in references.references_into(elf, stretches)]
    assert targets == [*range(10, 30), *range(50, 61)]


@pytest.mark.parametrize(
    ("options", "assembly", "code", "message"),
    [
        ([], "", "", None),
        (["-Wl,-z,pack-relative-relocs"], "", "", None),
        (
            [],
            '.section .data.rel.ro,"aw"\n.balign 8\n.quad container_0',
            "",
            "pointed at by no wrapper",
        ),
        (
            ["-Wl,-z,pack-relative-relocs"],
            '.section .data.rel.ro,"aw"\n.balign 8\n.quad container_2 + 16',
            "",
            "pointed at by no wrapper",
        ),
        ([], ".globl container_2", "", "the symbol container_2 stands"),
        (
            [],
            ".globl container_2\n.hidden container_2",
            'extern const char container_2[] __attribute__((visibility("hidden")));\n'
            "const char *const pointers[] = {container_2};\n",
            "pointed at by no wrapper",
        ),
        ([], '.section .nvFatBinSegment,"aw"\n.quad 0', "", "80 bytes"),
    ],
)
def test_what_a_linker_makes(
    tmp_path: Path, options: list[str], assembly: str, code: str, message: str | None
) -> None:
    path = compile_library(tmp_path, SOUND, *options, assembly=assembly, code=code)
    elf = ElfFile.parse(path.read_bytes(), "libdevice.so")
    assert [each.container for each in load_and_look(path, 3)] == CONTAINERS
    if message is None:
        by_address = wrappers_of(elf, read_containers(elf))
        packed = "-Wl,-z,pack-relative-relocs" in options
        for (only,) in by_address.values():
            assert (only.addend_offset is None) == packed
        return
    with pytest.raises(ElfShapeError, match=message):
        prune(elf, lambda images: set())


@pytest.mark.parametrize("shift", [24, -24, 1 << 20])
def test_wrappers_where_no_loader_looks(shift: int) -> None:
    data = bytearray(HandMade(SOUND).build())
    elf = ElfFile.parse(bytes(data), "libdevice.so")
    (section,) = (s for s in elf.sections if s.name == ".nvFatBinSegment")
    header = elf.header.shoff + section.number * fmt.SECTION_HEADER.size
    struct.pack_into("<Q", data, header + 16, section.address + shift)
    with pytest.raises(ElfShapeError, match="in no loaded segment"):
        prune(ElfFile.parse(bytes(data), "libdevice.so"), lambda images: set())
