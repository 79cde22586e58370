"""Pruned libraries: smaller, loaded as before, with exactly the images that were to stay."""

import io
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from slimwheel.cuda import (
    ComputeCapability,
    Image,
    Pruning,
    kept,
    prune,
    read_containers,
    read_images,
)
from slimwheel.elf import (
    ElfFile,
    ElfShapeError,
    Section,
    check_layout,
    is_symbol_or_debug_section,
    shorten,
    slim,
)
from slimwheel.elf import format as fmt
from slimwheel.elf.patchelf import find_patchelf
from tests.support.compiled_fatbins import Seen, compile_library, load_and_look
from tests.support.fatbins import LTO_IR, PTX, HandMade, container, image

Choice = Callable[[Sequence[Image]], frozenset[int]]


def big(number: int, suffix: str = "", size: int = 9000, **fields: int) -> bytes:
    """Return an image of some pages that no other equals."""
    payload = f"<{number}{suffix}/{size}>".encode() * size
    return image(number, suffix, payload=payload[:size], **fields)


LINKED = [
    [big(75), big(80), big(90), big(90, "a"), big(90, kind=PTX)],
    [],
    [big(75, size=40_000, header_size=112)],
    [big(80, size=8), big(100), big(103, "f", header_size=3760), big(90, size=50_001)],
    [big(80, kind=LTO_IR), big(80, kind=0x20), big(70)],
]
RELINKABLE = [[big(80, size=30_000), big(90, size=30_000), big(80, size=16)], [big(75)]]
SECTIONS = {
    ".nv_fatbin": [container(images) for images in LINKED],
    "__nv_relfatbin": [container(images) for images in RELINKABLE],
}
ALL = LINKED + RELINKABLE
# For 9.0: image by image what stays, counted by hand.
FOR_90 = [
    container([LINKED[0][2], LINKED[0][3]]),
    container(),
    container(),
    container([LINKED[3][3]]),
    container(LINKED[4][:2]),
    container([RELINKABLE[0][1]]),
    container(),
]


def for_devices(*numbers: int) -> Choice:
    devices = [ComputeCapability(*divmod(number, 10)) for number in numbers]
    return lambda images: kept(images, devices)


def nothing_chosen(images: Sequence[Image]) -> frozenset[int]:
    return frozenset()


def all_chosen(images: Sequence[Image]) -> frozenset[int]:
    return frozenset(range(len(images)))


def nothing_dropped(section: Section) -> bool:
    return False


def pruned(before: bytes, choice: Choice, *, symbols: bool = False) -> tuple[bytes, Pruning]:
    """Return the file as it is written, and what was to be changed."""
    elf = ElfFile.parse(before, "libdevice.so")
    pruning = prune(elf, choice, symbols=symbols)
    edits = slim(
        elf,
        drop=nothing_dropped if symbols else is_symbol_or_debug_section,
        patches=pruning.patches,
        shortened=shorten(elf, pruning.sizes) if pruning.sizes else None,
    )
    out = io.BytesIO()
    edits.write(before, out)
    return out.getvalue(), pruning


def containers_of(data: bytes) -> list[bytes]:
    elf = ElfFile.parse(data, "after")
    return [data[each.offset : each.end] for each in read_containers(elf)]


def look(data: bytes, folder: Path, wrappers: int) -> list[Seen]:
    path = folder / "libpruned.so"
    path.write_bytes(data)
    return load_and_look(path, wrappers)


def check(data: bytes, before: bytes) -> None:
    """Hold a pruned file against the loaders' rules, and its device code against its layout."""
    old, new = ElfFile.parse(before, "before"), ElfFile.parse(data, "after")
    assert check_layout(new) == check_layout(old) == []
    for container_ in read_containers(new):
        assert container_.address % 8 == 0
        read_images(new, container_)
    addresses = [{s.name: s.address for s in elf.sections if s.is_alloc} for elf in (old, new)]
    assert addresses[0] == addresses[1]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return compile_library(tmp_path_factory.mktemp("device"), SECTIONS).read_bytes()


def test_the_fixture_holds_what_it_should(library: bytes, tmp_path: Path) -> None:
    whole = [container(images) for images in ALL]
    assert containers_of(library) == whole
    assert [each.container for each in look(library, tmp_path, len(ALL))] == whole


@pytest.mark.parametrize("symbols", [False, True])
@pytest.mark.parametrize(
    "options", [[], ["-Wl,-z,pack-relative-relocs"], ["-Wl,-z,noseparate-code"]]
)
def test_for_one_device(tmp_path: Path, options: list[str], symbols: bool) -> None:
    before = compile_library(tmp_path / "made", SECTIONS, *options).read_bytes()
    after, pruning = pruned(before, for_devices(90), symbols=symbols)
    check(after, before)
    assert containers_of(after) == FOR_90
    seen = look(after, tmp_path, len(ALL))
    assert [each.container for each in seen] == FOR_90
    assert {(each.magic, each.version) for each in seen} == {(0x466243B1, 1)}
    assert len({each.address for each in seen}) == len(ALL)
    # Without symbols, their removal saves more; headers and padding may take a little.
    shortened = shorten(ElfFile.parse(before, "before"), pruning.sizes)
    cut = sum(hole.size for hole in shortened.holes)
    assert len(before) - len(after) >= cut > 60_000
    freed = sum(map(len, map(container, ALL))) - sum(map(len, FOR_90))
    assert cut + shortened.left > freed - 4 * 4096
    assert len(pruning.before) == len(pruning.after) == len(ALL)
    assert [[before[i.offset : i.end] for i in images] for images in pruning.before] == ALL
    for images, content in zip(pruning.after, FOR_90, strict=True):
        assert container([before[i.offset : i.end] for i in images]) == content


def test_several_devices(library: bytes, tmp_path: Path) -> None:
    after, _ = pruned(library, for_devices(75, 103))
    expected = [
        container([LINKED[0][0], LINKED[0][4]]),
        container(),
        container([LINKED[2][0]]),
        container([LINKED[3][2]]),
        container(LINKED[4]),
        container(),
        container([RELINKABLE[1][0]]),
    ]
    assert [each.container for each in look(after, tmp_path, len(ALL))] == expected
    check(after, library)


def test_nothing_chosen_leaves_headers(library: bytes, tmp_path: Path) -> None:
    after, pruning = pruned(library, nothing_chosen)
    check(after, library)
    assert [each.container for each in look(after, tmp_path, len(ALL))] == [container()] * len(ALL)
    assert set(pruning.after) == {()}
    assert sorted(pruning.sizes.values()) == [2 * 16, 5 * 16]


@pytest.mark.parametrize("symbols", [False, True])
def test_everything_chosen_is_no_change(library: bytes, symbols: bool) -> None:
    pruning = prune(ElfFile.parse(library, "whole"), all_chosen, symbols=symbols)
    assert (pruning.patches, pruning.sizes) == ((), {})
    assert pruning.before == pruning.after
    if symbols:
        assert pruned(library, all_chosen, symbols=True)[0] == library


@pytest.mark.parametrize("choice", [for_devices(90), for_devices(80, 75), nothing_chosen])
def test_a_second_time_there_is_nothing_to_do(library: bytes, choice: Choice) -> None:
    once, first = pruned(library, choice)
    twice, second = pruned(once, choice)
    assert first.patches
    assert (second.patches, second.sizes) == ((), {})
    assert twice == once


def test_step_by_step_is_as_at_once(library: bytes, tmp_path: Path) -> None:
    two, _ = pruned(library, for_devices(80, 90))
    one, _ = pruned(two, for_devices(90))
    check(one, library)
    assert [each.container for each in look(one, tmp_path, len(ALL))] == FOR_90


def test_two_wrappers_of_a_container_and_another_version(tmp_path: Path) -> None:
    wrapped = [3, 0, 0, 1, 2, 4, 6, 5]
    path = compile_library(tmp_path, SECTIONS, wrapped=wrapped, versions={2: 2, 7: 2})
    after, _ = pruned(path.read_bytes(), for_devices(90))
    seen = look(after, tmp_path, len(wrapped))
    assert [each.container for each in seen] == [FOR_90[index] for index in wrapped]
    assert seen[1].address == seen[2].address
    assert [each.version for each in seen] == [1, 1, 2, 1, 1, 1, 1, 2]


def test_pointers_that_the_file_leaves_to_the_loader() -> None:
    made = HandMade(SECTIONS, rows={})
    for number in range(len(ALL)):
        made.rows[number] = {"pointer": 0} if number % 2 else {}  # type: ignore[assignment]
    before = made.build()
    after, _ = pruned(before, for_devices(90))
    assert containers_of(after) == FOR_90
    elf = ElfFile.parse(after, "after")
    addresses = [each.address for each in read_containers(elf)]
    (section,) = (s for s in elf.sections if s.name == ".nvFatBinSegment")
    rows = after[section.offset : section.end]
    pointers = [int.from_bytes(rows[n : n + 8], "little") for n in range(8, len(rows), 24)]
    assert pointers == [0 if n % 2 else address for n, address in enumerate(addresses)]
    assert prune(elf, for_devices(90)).patches == ()


def test_odd_sizes(tmp_path: Path) -> None:
    images = [[big(80, size=5001), big(90, size=size)] for size in (1, 3, 7, 8, 4095, 9)]
    sections = {".nv_fatbin": [container(each) for each in images]}
    before = compile_library(tmp_path, sections).read_bytes()
    after, _ = pruned(before, for_devices(90))
    check(after, before)
    seen = look(after, tmp_path, len(images))
    assert [each.container for each in seen] == [container(each[1:]) for each in images]
    assert {each.address % 8 for each in seen} == {0}


def test_containers_far_apart_close_up(tmp_path: Path) -> None:
    """Zeros between containers go as well, once anything does."""
    gap = container([big(80)]) + bytes(20_000)
    before = compile_library(tmp_path, {".nv_fatbin": [gap, container([big(90)])]}).read_bytes()
    after, _ = pruned(before, for_devices(90))
    check(after, before)
    expected = [container(), container([big(90)])]
    assert [each.container for each in look(after, tmp_path, 2)] == expected
    assert len(before) - len(after) > 6 * 4096


def symbol_values(data: bytes, name: str) -> list[int]:
    elf = ElfFile.parse(data, "symbols")
    (table,) = (s for s in elf.sections if s.type == fmt.SHT_SYMTAB)
    names = elf.sections[table.link]
    found = []
    for row in fmt.SYMBOL.iter_unpack(data[table.offset : table.end]):
        start = names.offset + row[0]
        if data[start : data.index(b"\0", start)].decode().startswith(name):
            found.append(row[4])
    return found


def test_symbols_stay_true(library: bytes, tmp_path: Path) -> None:
    after, _ = pruned(library, for_devices(90), symbols=True)
    elf = ElfFile.parse(after, "after")
    addresses = [each.address for each in read_containers(elf)]
    assert symbol_values(after, "container_") == addresses
    old = [each.address for each in read_containers(ElfFile.parse(library, "before"))]
    assert symbol_values(library, "container_") == old != addresses
    for name in ("compute", "wrappers"):
        assert symbol_values(after, name) == symbol_values(library, name) != []


def test_a_symbol_within_a_container_is_refused_where_it_would_stay(tmp_path: Path) -> None:
    assembly = "within = container_0 + 16"
    before = compile_library(tmp_path, SECTIONS, assembly=assembly).read_bytes()
    with pytest.raises(ElfShapeError, match="stands within device code"):
        pruned(before, for_devices(90), symbols=True)
    assert pruned(before, all_chosen, symbols=True)[0] == before
    after, _ = pruned(before, for_devices(90))
    assert [each.container for each in look(after, tmp_path, len(ALL))] == FOR_90


def test_static_relocations_are_refused_where_they_would_stay(tmp_path: Path) -> None:
    before = compile_library(tmp_path, SECTIONS, "-Wl,--emit-relocs").read_bytes()
    with pytest.raises(ElfShapeError, match="static relocations"):
        pruned(before, for_devices(90), symbols=True)


def test_patchelf_before_and_after(library: bytes, tmp_path: Path) -> None:
    path = tmp_path / "libpatched.so"

    def patched(data: bytes, rpath: str) -> bytes:
        path.write_bytes(data)
        command = [str(find_patchelf()), "--force-rpath", "--set-rpath", rpath, str(path)]
        subprocess.run(command, check=True, capture_output=True)
        return path.read_bytes()

    longer, longest = "$ORIGIN/" + "a" * 200, "$ORIGIN/" + "b" * 400
    roomy = patched(library, longer)
    first, pruning = pruned(roomy, for_devices(80, 90))
    assert ElfFile.parse(first, "first").rpath == longer
    check(first, roomy)
    # It leaves room for program headers, so that there is a hole for either section.
    assert shorten(ElfFile.parse(roomy, "roomy"), pruning.sizes).left == 0
    second = patched(first, longest)
    expected = [each.container for each in look(first, tmp_path, len(ALL))]
    assert [each.container for each in look(second, tmp_path, len(ALL))] == expected
    third, pruning = pruned(second, for_devices(90))
    assert pruning.patches
    assert [each.container for each in look(third, tmp_path, len(ALL))] == FOR_90
    assert ElfFile.parse(third, "third").rpath == longest


def test_no_image_is_copied(library: bytes) -> None:
    pruning = prune(ElfFile.parse(library, "whole"), for_devices(90))
    assert sum(len(p.data) for p in pruning.patches if isinstance(p.data, bytes)) < 500
