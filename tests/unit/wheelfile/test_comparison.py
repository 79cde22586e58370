"""Archives that should be the same, held against each other."""

import shutil
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from slimwheel.errors import WheelError
from slimwheel.wheelfile.comparison import (
    ArchiveDifference,
    Kind,
    MemberDifference,
    compare_archives,
)
from tests.unit.wheelfile.handmade import Entry, zip_bytes

TEXT = b"import torch\n" * 50
ENTRIES = [Entry("a.py", TEXT), Entry("b.py", TEXT[:-1] + b"#"), Entry("c/d.py", b"", method=0)]


def compared(
    folder: Path, left: list[Entry], right: list[Entry] | None = None, **options: bytes
) -> ArchiveDifference:
    one, other = folder / "one.whl", folder / "other.whl"
    one.write_bytes(zip_bytes(left, **options))
    other.write_bytes(zip_bytes(right or ENTRIES))
    return compare_archives(one, other)


def with_first(**fields: object) -> list[Entry]:
    return [replace(ENTRIES[0], **fields), *ENTRIES[1:]]  # type: ignore[arg-type]


def packed(data: bytes, level: int) -> bytes:
    packer = zlib.compressobj(level, wbits=-15)
    return packer.compress(data) + packer.flush()


def test_the_same_bytes_have_no_difference(tmp_path: Path) -> None:
    assert compared(tmp_path, ENTRIES) == ArchiveDifference((), ())


def test_what_only_one_of_them_has(tmp_path: Path) -> None:
    found = compared(tmp_path, [*ENTRIES[1:], Entry("e.py", b"x")])
    assert found.members == (
        MemberDifference("a.py", Kind.MISSING),
        MemberDifference("e.py", Kind.ADDED),
    )
    assert found.outside == ()


@pytest.mark.parametrize(
    ("fields", "kind", "detail"),
    [
        ({"content": TEXT + b"\n"}, Kind.CONTENT, ""),
        ({"content": b"#" + TEXT[1:]}, Kind.CONTENT, ""),
        ({"method": 0}, Kind.COMPRESSION, "650 bytes for "),
        ({"stored": packed(TEXT, 0)}, Kind.COMPRESSION, "655 bytes for "),
        ({"mode": 0o100755}, Kind.METADATA, "mode"),
        ({"extra": b"\x55\x54\x00\x00"}, Kind.METADATA, "extra field"),
        ({"flags": 4}, Kind.METADATA, "flags"),
    ],
)
def test_what_a_member_is_told_apart_from_what_is_said_of_it(
    tmp_path: Path, fields: dict[str, object], kind: Kind, detail: str
) -> None:
    found = compared(tmp_path, with_first(**fields))
    (member,) = found.members
    assert (member.name, member.kind) == ("a.py", kind)
    assert member.detail.startswith(detail)
    assert found.outside == ()


def test_other_content_that_has_the_same_crc_and_size(tmp_path: Path) -> None:
    """A CRC is what everybody can have: the bytes are looked at."""
    target = zlib.crc32(TEXT)
    forged = _with_crc(TEXT[:-4], target)
    assert zlib.crc32(forged) == target
    assert len(forged) == len(TEXT)
    # The last four bytes follow from the others, so these are changed.
    forged = _with_crc(b"#" + TEXT[1:-4], target)
    (member,) = compared(tmp_path, with_first(content=forged)).members
    assert member.kind is Kind.CONTENT


def _with_crc(head: bytes, target: int) -> bytes:
    """Append four bytes that give a CRC: its table is undone byte by byte."""
    table = [_crc_entry(n) for n in range(256)]
    by_top = {entry >> 24: number for number, entry in enumerate(table)}
    wanted, indexes = target ^ 0xFFFFFFFF, []
    for _ in range(4):
        number = by_top[wanted >> 24]
        indexes.append(number)
        wanted = ((wanted ^ table[number]) << 8) & 0xFFFFFFFF
    state, tail = zlib.crc32(head) ^ 0xFFFFFFFF, bytearray()
    for number in reversed(indexes):
        tail.append((state ^ number) & 0xFF)
        state = table[number] ^ (state >> 8)
    return head + bytes(tail)


def _crc_entry(number: int) -> int:
    for _ in range(8):
        number = number >> 1 ^ (0xEDB88320 if number & 1 else 0)
    return number


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"stored": packed(TEXT, 9)[:-3]}, "it has a deflate stream without an end"),
        ({"stored": b"\xff" * 20}, "it cannot be inflated"),
        ({"local_name": b"z.py"}, "it has a local header that disagrees with the directory"),
    ],
)
def test_a_damaged_member_is_other_content(
    tmp_path: Path, fields: dict[str, object], detail: str
) -> None:
    (member,) = compared(tmp_path, with_first(**fields)).members
    assert (member.name, member.kind) == ("a.py", Kind.CONTENT)
    assert member.detail.startswith(detail)


def test_what_it_should_be_must_not_be_damaged(tmp_path: Path) -> None:
    with pytest.raises(WheelError, match=r"other\.whl"):
        compared(tmp_path, ENTRIES, with_first(stored=packed(TEXT, 9)[:-3]))


def test_other_local_headers_are_told(tmp_path: Path) -> None:
    """Some tools believe these, and not the directory."""
    one, other = tmp_path / "one.whl", tmp_path / "other.whl"
    data = zip_bytes(ENTRIES)
    other.write_bytes(data)
    one.write_bytes(data[:10] + b"\x01\x02" + data[12:])
    found = compare_archives(one, other)
    assert found.members == (MemberDifference("a.py", Kind.METADATA, "local header"),)


@pytest.mark.parametrize(
    ("entries", "options", "words"),
    [
        ([ENTRIES[1], ENTRIES[0], ENTRIES[2]], {}, "the order of members"),
        (ENTRIES, {"comment": b"hello"}, "the archive's comment"),
        (ENTRIES, {"prefix": b"#!/bin/sh\n"}, "10 bytes that belong to no member"),
        ([Entry("c/", method=0), *ENTRIES], {}, "entries of directories: c/"),
    ],
)
def test_what_no_member_is_told_of(
    tmp_path: Path, entries: list[Entry], options: dict[str, bytes], words: str
) -> None:
    found = compared(tmp_path, entries, None, **options)
    assert found.members == ()
    assert words in found.outside


def test_any_byte_that_differs_is_told(tmp_path: Path) -> None:
    """Each byte of an archive, one at a time."""
    one, other = tmp_path / "one.whl", tmp_path / "other.whl"
    data = zip_bytes(ENTRIES)
    other.write_bytes(data)
    refused = 0
    for place in range(len(data)):
        one.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        try:
            found = compare_archives(one, other)
        except WheelError:
            refused += 1
            continue
        assert found.members or found.outside, place
    assert 0 < refused < len(data) / 2


def test_a_copy_has_no_difference(tmp_path: Path) -> None:
    one = tmp_path / "one.whl"
    one.write_bytes(zip_bytes(ENTRIES, prefix=b"odd"))
    other = shutil.copy(one, tmp_path / "other.whl")
    assert compare_archives(one, Path(other)) == ArchiveDifference((), ())
