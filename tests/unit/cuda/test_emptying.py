"""Emptying a library that serves CPU and GPU: its device code is gone, all else works."""

import io
from pathlib import Path

import pytest

from slimwheel.cuda import device_code_size, emptied, has_device_code, read_containers
from slimwheel.elf import (
    ElfFile,
    Patch,
    Section,
    check_layout,
    is_symbol_or_debug_section,
    slim,
)
from slimwheel.elf import format as fmt
from slimwheel.elf.edits import Zeros
from tests.unit.cuda.conftest import (
    LINKED,
    MAGIC,
    RELINKABLE,
    compute,
    load_and_look,
)
from tests.unit.elf.handmade import library

PAYLOADS = LINKED + RELINKABLE
HEAD = MAGIC | 1 << 32 | 16 << 48


def nothing(section: Section) -> bool:
    return False


def test_the_fixture_holds_what_it_should(mixed_library: Path) -> None:
    computed, seen = load_and_look(mixed_library)
    assert computed == compute(5)
    assert seen == [(0x466243B1, HEAD, len(each), sum(each)) for each in PAYLOADS]
    elf = ElfFile.parse(mixed_library.read_bytes(), "mixed")
    assert has_device_code(elf)
    found = read_containers(elf)
    by_section = {
        name: [c.payload_size for c in found if c.section.name == name]
        for name in (".nv_fatbin", "__nv_relfatbin")
    }
    assert by_section == {
        ".nv_fatbin": [len(payload) for payload in LINKED],
        "__nv_relfatbin": [len(payload) for payload in RELINKABLE],
    }
    assert sum(c.size for c in found) <= device_code_size(elf) < sum(c.size + 8 for c in found)


@pytest.mark.parametrize("rpath", [None, "$ORIGIN/lib", "/elsewhere", ""])
@pytest.mark.parametrize("symbols", [True, False])
def test_an_emptied_library_works(
    mixed_library: Path, tmp_path: Path, symbols: bool, rpath: str | None
) -> None:
    before = mixed_library.read_bytes()
    old = ElfFile.parse(before, "before")
    drop = nothing if symbols else is_symbol_or_debug_section
    edits = slim(old, drop=drop, rpath=rpath, patches=emptied(old))
    target = tmp_path / "libmixed.so"
    with target.open("wb") as out:
        edits.write(before, out)

    computed, seen = load_and_look(target)
    assert computed == compute(5)
    assert seen == [(0x466243B1, HEAD, 0, 0)] * len(PAYLOADS)

    # Besides the device code there is no difference from what happens without emptying it.
    plain = io.BytesIO()
    unemptied = slim(old, drop=drop, rpath=rpath)
    unemptied.write(before, plain)
    assert edits.size == unemptied.size
    new = ElfFile.parse(target.read_bytes(), "after")
    expected = bytearray(plain.getvalue())
    for container in read_containers(ElfFile.parse(bytes(expected), "plain")):
        start = container.offset + 8
        expected[start : container.end] = bytes(container.end - start)
    assert bytes(new.data) == expected
    assert new.rpath == {None: "/far/away:$ORIGIN/lib", "": None}.get(rpath, rpath)
    assert any(s.type == fmt.SHT_SYMTAB for s in new.sections) == symbols
    assert check_layout(new) == check_layout(old)


def test_no_byte_of_device_code_is_left(mixed_library: Path) -> None:
    before = mixed_library.read_bytes()
    elf = ElfFile.parse(before, "before")
    assert all(before.count(payload) == 1 for payload in PAYLOADS if payload)
    out = io.BytesIO()
    slim(elf, drop=nothing, patches=emptied(elf)).write(before, out)
    after = out.getvalue()
    assert len(after) == len(before)
    assert not any(word in after for word in (b"first image", b"second", b"third", b"linked again"))
    new = ElfFile.parse(after, "after")
    found, old = read_containers(new), read_containers(elf)
    assert [(c.offset, c.address) for c in found] == [(c.offset, c.address) for c in old]
    assert all(container.is_empty for container in found)


def test_a_second_time_there_is_nothing_to_do(mixed_library: Path) -> None:
    before = mixed_library.read_bytes()
    elf = ElfFile.parse(before, "before")
    out = io.BytesIO()
    slim(elf, patches=emptied(elf)).write(before, out)
    again = ElfFile.parse(out.getvalue(), "again")
    assert emptied(again) == []
    assert slim(again, patches=emptied(again)).is_identity
    # The sections are still there.
    assert device_code_size(again) == device_code_size(elf)


def test_the_changes_hold_no_zeros_in_memory(mixed_library: Path) -> None:
    elf = ElfFile.parse(mixed_library.read_bytes(), "mixed")
    filled = [container for container in read_containers(elf) if container.payload_size]
    assert emptied(elf) == [Patch(c.offset + 8, Zeros(8 + c.payload_size)) for c in filled]
    pieces = slim(elf, patches=emptied(elf)).pieces
    assert sum(len(piece) for piece in pieces if isinstance(piece, Zeros)) > 80_000
    assert sum(len(piece) for piece in pieces if isinstance(piece, bytes)) < 8_000


def test_a_library_without_device_code_gets_no_changes() -> None:
    elf = ElfFile.parse(library(), "library")
    assert not has_device_code(elf)
    assert device_code_size(elf) == 0
    assert read_containers(elf) == ()
    assert emptied(elf) == []
