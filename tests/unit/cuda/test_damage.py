"""Damaged and hostile libraries: device code is pruned soundly, or the file is refused."""

import io
import random
import struct
from collections.abc import Callable

import pytest

from slimwheel.cuda import (
    ComputeCapability,
    Pruning,
    kept,
    prune,
    read_containers,
    read_images,
)
from slimwheel.cuda.wrappers import wrappers_of
from slimwheel.elf import ElfFile, is_symbol_or_debug_section, shorten, slim
from slimwheel.elf import format as fmt
from slimwheel.errors import ElfError
from tests.support.fatbins import HandMade, container, image

IMAGES = [image(75), image(80), image(90, payload=b"kept" * 3000), image(90, "a", header_size=88)]
SECTIONS = {
    ".nv_fatbin": [container(IMAGES), container(), container(IMAGES[1:3]), container(IMAGES[:2])],
    "__nv_relfatbin": [container(IMAGES[2:]), container([image(80, payload=b"x" * 9001)])],
}
FOR_90 = [IMAGES[2:], [], IMAGES[2:3], [], IMAGES[2:], []]

COUNT = 300
# What damage and malice like to write.
VALUES = [0, 1, 7, 8, 15, 16, 24, 63, 64, 65, 0xFF, 0xFFF, 0x1000, 0x1FFF, 0x2000, 0x2010]
VALUES += [0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 63, (1 << 64) - 64, (1 << 64) - 1]


ROWS: dict[str, tuple[str, int, list[tuple[int, int]]]] = {
    "wrappers": (".nvFatBinSegment", 24, [(0, 4), (4, 4), (8, 8), (16, 8)]),
    "relocations": (".rela.dyn", 24, [(0, 8), (8, 8), (16, 8)]),
    "packed": (".relr.dyn", 8, [(0, 8)]),
    "dynamic": (".dynamic", 16, [(0, 8), (8, 8)]),
    "symbols": (".dynsym", 24, [(4, 1), (6, 2), (8, 8)]),
}
"""By what they are: section, size of a row, offset and size of its fields."""


def fields(data: bytes) -> dict[str, list[tuple[int, int]]]:
    """Return offset and size of everything that pruning looks at, by what it is in."""
    elf = ElfFile.parse(data, "libdevice.so")
    by_name = {section.name: section for section in elf.sections}
    found: dict[str, list[tuple[int, int]]] = {"containers": [], "images": []}
    for each in read_containers(elf):
        found["containers"] += [(each.offset + at, size) for at, size in ((0, 4), (4, 2), (6, 2))]
        found["containers"].append((each.offset + 8, 8))
        for one in read_images(elf, each):
            found["images"] += [(one.offset + at, 4) for at in (0, 4, 16, 24, 28)]
            found["images"] += [(one.offset + at, 8) for at in (8, 40, 56)]
    for what, (name, step, places) in ROWS.items():
        section = by_name.get(name)
        places_in = range(section.offset, section.end, step) if section else ()
        found[what] = [(start + at, size) for start in places_in for at, size in places]
    table = elf.header.shoff
    of_header = ((4, 4), (8, 8), (16, 8), (24, 8), (32, 8))
    found["sections"] = [
        (table + section.number * fmt.SECTION_HEADER.size + at, size)
        for section in elf.sections
        if section.name in (".nv_fatbin", "__nv_relfatbin", ".nvFatBinSegment")
        for at, size in of_header
    ]
    return {what: places for what, places in found.items() if places}


def mutated(data: bytes, chance: random.Random, *, what: str) -> bytes:
    result = bytearray(data)
    places = fields(data)[what]
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        offset, size = chance.choice(places)
        old = int.from_bytes(result[offset : offset + size], "little")
        change: Callable[[], int] = chance.choice(
            [
                lambda: chance.choice(VALUES),
                lambda old=old: old + chance.choice([-24, -16, -8, -1, 1, 4, 8, 16, 24, 64]),  # type: ignore[misc]
                lambda old=old: old ^ 1 << chance.randrange(64),  # type: ignore[misc]
                lambda size=size: chance.randrange(1 << 8 * size),  # type: ignore[misc]
                lambda: int.from_bytes(_some(result, places, chance), "little"),
            ]
        )
        new = change() % (1 << 8 * size)
        result[offset : offset + size] = new.to_bytes(size, "little")
    return bytes(result)


def _some(data: bytearray, places: list[tuple[int, int]], chance: random.Random) -> bytes:
    offset, size = chance.choice(places)
    return bytes(data[offset : offset + size])


def pruned(data: bytes, *, symbols: bool) -> tuple[bytes, Pruning]:
    elf = ElfFile.parse(data, "libdevice.so")
    pruning = prune(elf, lambda images: kept(images, [ComputeCapability(9, 0)]), symbols=symbols)
    edits = slim(
        elf,
        drop=(lambda section: False) if symbols else is_symbol_or_debug_section,
        patches=pruning.patches,
        shortened=shorten(elf, pruning.sizes) if pruning.sizes else None,
    )
    out = io.BytesIO()
    edits.write(data, out)
    return out.getvalue(), pruning


def check(data: bytes, *, symbols: bool = False, is_dynamic_sound: bool = True) -> bool:
    """Return whether the file was pruned or left alone; it is an error if that went wrong."""
    try:
        after, pruning = pruned(data, symbols=symbols)
    except ElfError:
        return False
    elf = ElfFile.parse(after, "after")
    containers = read_containers(elf)
    found = [[after[i.offset : i.end] for i in read_images(elf, each)] for each in containers]
    assert found == [[data[i.offset : i.end] for i in images] for images in pruning.after]
    if pruning.patches and is_dynamic_sound:
        wrappers_of(elf, containers)
    return True


SOUND = {
    "plain": HandMade(SECTIONS, exported=0x1F00).build(),
    "packed": HandMade(SECTIONS, packed=True, exported=0x1F00).build(),
}


@pytest.mark.parametrize("variant", SOUND)
def test_the_sound_library_is_pruned(variant: str) -> None:
    after, pruning = pruned(SOUND[variant], symbols=True)
    images = [[SOUND[variant][i.offset : i.end] for i in row] for row in pruning.after]
    assert images == FOR_90
    assert check(SOUND[variant])
    assert check(after)


@pytest.mark.parametrize(
    ("variant", "what"), [(variant, what) for variant in SOUND for what in fields(SOUND[variant])]
)
def test_changed_fields(variant: str, what: str) -> None:
    data = SOUND[variant]
    chance = random.Random(f"{variant}/{what}")
    results = [check(mutated(data, chance, what=what), symbols=n % 2 == 0) for n in range(COUNT)]
    # Neither does every change matter, nor none.
    assert True in results
    assert False in results


@pytest.mark.parametrize("variant", SOUND)
def test_changed_bytes(variant: str) -> None:
    chance = random.Random(variant)
    every = [place for places in fields(SOUND[variant]).values() for place in places]
    for _ in range(COUNT):
        data = bytearray(SOUND[variant])
        for _ in range(chance.choice([1, 3, 20])):
            offset, size = chance.choice(every)
            data[offset + chance.randrange(size)] = chance.randrange(256)
        # A string table that claims to be longer than it is can reach over what was cut out.
        check(bytes(data), is_dynamic_sound=False)


def test_cut_files() -> None:
    data = SOUND["plain"]
    for length in range(0, len(data), 101):
        check(data[:length])


def test_sections_without_number() -> None:
    """What a header names twice is refused rather than read twice."""
    data = SOUND["plain"]
    elf = ElfFile.parse(data, "libdevice.so")
    by_name = {section.name: section for section in elf.sections}
    size = fmt.SECTION_HEADER.size
    rows = [data[elf.header.shoff + n * size :][:size] for n in range(elf.header.shnum)]
    for name in (".nv_fatbin", ".nvFatBinSegment"):
        table = b"".join(rows + [rows[by_name[name].number]] * 60_000)
        many = bytearray(data + table)
        struct.pack_into("<Q", many, 40, len(data))
        struct.pack_into("<H", many, 60, len(table) // size)
        assert not check(bytes(many))
