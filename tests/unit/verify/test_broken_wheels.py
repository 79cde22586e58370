"""A sound wheel, broken on purpose in one way at a time, and the code that says so."""

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from slimwheel.elf import ElfFile
from slimwheel.elf import format as fmt
from slimwheel.verify.findings import Code
from slimwheel.verify.static import check_wheel
from tests.support.breaking import (
    DEVICE_LIBRARY,
    EXTENSION,
    INFO,
    MANIFEST,
    NAME,
    PLAIN_LIBRARY,
    PROGRAM,
    SEARCH_PATH,
    VERSION,
    Parts,
    device_code,
)
from tests.support.fatbins import MAGIC, Row
from tests.unit.wheelfile.handmade import DESCRIPTOR, Entry

Way = Callable[[Parts], None]
WAYS: dict[str, tuple[set[Code], Way]] = {}


def shows(*codes: Code) -> Callable[[Way], Way]:
    """Register a way to break the wheel, and the codes that it has to show, no others."""

    def register(way: Way) -> Way:
        WAYS[way.__name__] = (set(codes), way)
        return way

    return register


@shows(Code.MALFORMED)
def cut_in_half(parts: Parts) -> None:
    parts.cut = 2000


@shows(Code.MALFORMED)
def no_bytes(parts: Parts) -> None:
    parts.cut = 0


@shows(Code.MALFORMED)
def no_record(parts: Parts) -> None:
    parts.drop(f"{INFO}/RECORD")


@shows(Code.MALFORMED)
def metadata_is_prose(parts: Parts) -> None:
    parts.rewrite(f"{INFO}/METADATA", b"Once upon a time")


@shows(Code.RECORD_DIFFERS)
def file_changed_behind_record(parts: Parts) -> None:
    parts.change("tiny/cli.py", content=b"def main(): exit(1)\n")


@shows(Code.RECORD_DIFFERS)
def library_changed_behind_record(parts: Parts) -> None:
    parts.change(PLAIN_LIBRARY, content=parts.content(PLAIN_LIBRARY) + b"more")


@shows(Code.UNLISTED)
def file_not_in_record(parts: Parts) -> None:
    parts.entries.insert(0, Entry("tiny/added.py", b"import os\n"))


@shows(Code.ABSENT)
def file_only_in_record(parts: Parts) -> None:
    parts.drop("tiny/__init__.py")


@shows(Code.DAMAGED)
def wrong_crc(parts: Parts) -> None:
    parts.change("tiny/cli.py", crc=1)


@shows(Code.DAMAGED)
def damaged_stream(parts: Parts) -> None:
    parts.change("tiny/cli.py", stored=b"\xff" * 20)


@shows(Code.DAMAGED)
def larger_than_declared(parts: Parts) -> None:
    parts.change("tiny/__init__.py", size=10)


@shows(Code.DAMAGED)
def other_local_header(parts: Parts) -> None:
    parts.change("tiny/cli.py", local_name=b"tiny/bye.py")


@shows(Code.TWICE)
def name_stands_twice(parts: Parts) -> None:
    parts.entries.insert(0, Entry("tiny/cli.py", b"def main(): pass\n"))


@shows(Code.TWICE)
def file_and_directory(parts: Parts) -> None:
    parts.entries.insert(0, Entry("tiny/cli.py/x.py", b""))


@shows(Code.UNSAFE_NAME)
def name_leaves_the_wheel(parts: Parts) -> None:
    parts.add(Entry("../evil.py", b""))


@shows(Code.UNSAFE_NAME)
def absolute_name(parts: Parts) -> None:
    parts.add(Entry("/etc/evil", b""))


@shows(Code.UNSAFE_NAME)
def backslash(parts: Parts) -> None:
    parts.add(Entry("tiny\\\\evil.py", b""))


@shows(Code.UNSHARED_KIND)
def symbolic_link(parts: Parts) -> None:
    parts.add(Entry("tiny/link", b"cli.py", mode=0o120777))


@shows(Code.UNSHARED_KIND)
def other_compression(parts: Parts) -> None:
    parts.change("tiny/cli.py", method=12)


@shows(Code.UNSHARED_KIND)
def encrypted(parts: Parts) -> None:
    parts.change("tiny/cli.py", flags=1)


@shows(Code.LOOSE_ARCHIVE)
def bytes_behind(parts: Parts) -> None:
    parts.ends = {"suffix": b"\0" * 30}


@shows(Code.LOOSE_ARCHIVE)
def comment(parts: Parts) -> None:
    parts.ends = {"comment": b"made by hand"}


@shows(Code.LOOSE_ARCHIVE)
def bytes_before(parts: Parts) -> None:
    parts.ends = {"prefix": b"#!/bin/sh\n"}


@shows(Code.LOOSE_ARCHIVE)
def sizes_behind_the_data(parts: Parts) -> None:
    parts.change("tiny/cli.py", flags=DESCRIPTOR)


@shows(Code.TAGS_DIFFER)
def other_tag(parts: Parts) -> None:
    parts.edit(f"{INFO}/WHEEL", "manylinux_2_28", "linux")


@shows(Code.NAME_DIFFERS)
def second_download(parts: Parts) -> None:
    parts.name = NAME.replace(".whl", " (1).whl")


@shows(Code.NAME_DIFFERS)
def dash_in_dist_info(parts: Parts) -> None:
    parts.entries = [
        replace(entry, name=str(entry.name).replace(INFO, "Tiny-1.0.dist-info"))
        for entry in parts.entries
    ]
    name = "Tiny-1.0.dist-info/RECORD"
    lines = next(entry.content for entry in parts.entries if entry.name == name)
    parts.change(name, content=lines.replace(INFO.encode(), b"Tiny-1.0.dist-info"))


@shows(Code.METADATA_DIFFERS, Code.NAME_DIFFERS, Code.MANIFEST)
def other_version(parts: Parts) -> None:
    parts.edit(f"{INFO}/METADATA", "Version: 1.0", "Version: 1.1")


@shows(Code.PURELIB)
def machine_code_in_purelib(parts: Parts) -> None:
    parts.edit(f"{INFO}/WHEEL", "Purelib: false", "Purelib: true")


@shows(Code.ANY_PLATFORM)
def any_platform(parts: Parts) -> None:
    parts.edit(f"{INFO}/WHEEL", "manylinux_2_28_x86_64", "any")
    parts.name = NAME.replace("manylinux_2_28_x86_64", "any")


@shows(Code.OTHER_PYTHON)
def other_python(parts: Parts) -> None:
    parts.entries = [
        replace(entry, name=str(entry.name).replace("cpython-311", "cpython-310"))
        for entry in parts.entries
    ]
    parts.record()


@shows(Code.ENTRY_POINT)
def entry_point_without_module(parts: Parts) -> None:
    parts.edit(f"{INFO}/entry_points.txt", "tiny.cli:", "tiny.run:")


@shows(Code.NOT_EXECUTABLE)
def nobody_may_execute(parts: Parts) -> None:
    parts.change(PROGRAM, mode=0o100644)


@shows(Code.REQUIREMENT)
def no_requirement(parts: Parts) -> None:
    parts.edit(f"{INFO}/METADATA", "numpy>=1.20", "numpy>>1.20")


@shows(Code.ELF_DAMAGED)
def library_cut(parts: Parts) -> None:
    parts.rewrite(EXTENSION, parts.content(EXTENSION)[:-300])


@shows(Code.LOAD_ALIGNMENT)
def strip_moved_a_segment(parts: Parts) -> None:
    parts.segment(DEVICE_LIBRARY, fmt.PT_LOAD, 1, align=0x10000)


@shows(Code.LOAD_ORDER)
def segments_descend(parts: Parts) -> None:
    def swap(elf: ElfFile, data: bytearray) -> None:
        at, size = elf.header.phoff, fmt.PROGRAM_HEADER.size
        data[at : at + 2 * size] = data[at + size : at + 2 * size] + data[at : at + size]

    parts.elf(DEVICE_LIBRARY, swap)


@shows(Code.LOAD_SIZE)
def more_in_the_file_than_in_memory(parts: Parts) -> None:
    parts.segment(DEVICE_LIBRARY, fmt.PT_LOAD, 1, memory_size=16)


@shows(Code.LOAD_OVERLAP)
def segments_overlap(parts: Parts) -> None:
    parts.segment(DEVICE_LIBRARY, fmt.PT_LOAD, 0, memory_size=0x20000)


@shows(Code.PROGRAM_HEADERS)
def program_headers_elsewhere(parts: Parts) -> None:
    parts.segment(PROGRAM, fmt.PT_PHDR, offset=8)


@shows(Code.DYNAMIC)
def dynamic_section_elsewhere(parts: Parts) -> None:
    parts.segment(DEVICE_LIBRARY, fmt.PT_DYNAMIC, address=0x108)


@shows(Code.SECTION_OFFSET)
def section_moved_alone(parts: Parts) -> None:
    def move(elf: ElfFile, data: bytearray) -> None:
        section = next(s for s in elf.sections if s.name == ".data")
        offset = elf.header.shoff + fmt.SECTION_HEADER.size * section.number
        moved = section._replace(offset=section.offset + 8)
        fmt.SECTION_HEADER.pack_into(data, offset, *moved[2:])

    parts.elf(DEVICE_LIBRARY, move)


@shows(Code.OTHER_MACHINE)
def for_another_machine(parts: Parts) -> None:
    parts.elf(PLAIN_LIBRARY, lambda _, data: struct.pack_into("<H", data, 18, 183))


@shows(Code.NEEDED_MISSING)
def needed_library_gone(parts: Parts) -> None:
    parts.edit(EXTENSION, "libone.so", "libnon.so")


@shows(Code.VERSION_MISSING)
def version_not_defined(parts: Parts) -> None:
    parts.edit(EXTENSION, VERSION, VERSION[:-1] + "1")


@shows(Code.VERSION_MISSING)
def newer_than_the_platform(parts: Parts) -> None:
    parts.edit(EXTENSION, "libone.so", "libc.so.6")
    parts.edit(EXTENSION, VERSION, "GLIBC_2.99")


@shows(Code.NEEDED_ELSEWHERE, Code.RPATH_ELSEWHERE)
def needed_of_another_distribution(parts: Parts) -> None:
    parts.edit(EXTENSION, "libone.so", "libnon.so")
    parts.edit(EXTENSION, SEARCH_PATH, "$ORIGIN/cubin")


@shows(Code.RPATH_OUTSIDE)
def search_path_of_a_build_machine(parts: Parts) -> None:
    parts.edit(EXTENSION, SEARCH_PATH, "/opt/x86/libs")


@shows(Code.RPATH_OUTSIDE)
def search_path_above_the_wheel(parts: Parts) -> None:
    parts.edit(EXTENSION, SEARCH_PATH, "$ORIGIN/../..")


@shows(Code.EXECUTABLE_STACK)
def executable_stack(parts: Parts) -> None:
    parts.segment(DEVICE_LIBRARY, fmt.PT_GNU_STACK, flags=7)


@shows(Code.WRITABLE_CODE)
def writable_code(parts: Parts) -> None:
    parts.segment(DEVICE_LIBRARY, fmt.PT_LOAD, 1, flags=7)


@shows(Code.TEXT_RELOCATIONS)
def text_relocations(parts: Parts) -> None:
    def mark(elf: ElfFile, data: bytearray) -> None:
        # Linkers leave room behind the last entry.
        behind = elf.dynamic[-1].offset + fmt.DYNAMIC_ENTRY.size
        fmt.DYNAMIC_ENTRY.pack_into(data, behind, fmt.DT_TEXTREL, 0)

    parts.elf(PLAIN_LIBRARY, mark)


@shows(Code.WRAPPER)
def wrapper_points_outside(parts: Parts) -> None:
    made = replace(device_code(), rows={0: Row(pointer=0x123)}, unrelocated=frozenset({0}))
    parts.rewrite(DEVICE_LIBRARY, made.build())


@shows(Code.WRAPPER)
def wrapper_is_none(parts: Parts) -> None:
    made = replace(device_code(), rows={0: Row(magic=1)})
    parts.rewrite(DEVICE_LIBRARY, made.build())


@shows(Code.DEVICE_CODE)
def container_overwritten(parts: Parts) -> None:
    magic = struct.pack("<I", MAGIC)
    data = parts.content(DEVICE_LIBRARY)
    assert magic in data
    parts.rewrite(DEVICE_LIBRARY, data.replace(magic, b"gone", 1))


@shows(Code.MANIFEST)
def manifest_is_no_json(parts: Parts) -> None:
    parts.rewrite(MANIFEST, b"{")


@shows(Code.MANIFEST)
def manifest_of_another_wheel(parts: Parts) -> None:
    parts.edit(MANIFEST, '"version": "1.0"', '"version": "0.9"')


@shows(Code.NOT_GONE)
def removed_file_is_back(parts: Parts) -> None:
    parts.add(Entry("tiny/tests.py", b"assert True\n"))


@shows(Code.NOT_GONE)
def removed_folder_is_back(parts: Parts) -> None:
    parts.add(Entry("tiny/include/deep/tiny.h", b"#pragma once\n"))


@shows(Code.COMPANION)
def companion_not_required(parts: Parts) -> None:
    parts.edit(f"{INFO}/METADATA", "slim.tiny", "slim.huge")


def codes_of(parts: Parts, folder: Path) -> set[Code]:
    return {finding.code for finding in check_wheel(parts.write(folder))}


def test_the_sound_wheel_has_no_finding(tmp_path: Path) -> None:
    assert check_wheel(Parts().write(tmp_path)) == []


@pytest.mark.parametrize("name", WAYS)
def test_every_way_shows_its_code(name: str, tmp_path: Path) -> None:
    codes, way = WAYS[name]
    parts = Parts()
    way(parts)
    assert codes_of(parts, tmp_path) == codes


def test_every_code_has_a_way() -> None:
    assert {code for codes, _ in WAYS.values() for code in codes} == set(Code)


def test_one_damage_does_not_hide_the_next(tmp_path: Path) -> None:
    parts = Parts()
    wrong_crc(parts)
    writable_code(parts)
    other_tag(parts)
    assert codes_of(parts, tmp_path) == {Code.DAMAGED, Code.WRITABLE_CODE, Code.TAGS_DIFFER}
