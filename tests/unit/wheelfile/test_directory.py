"""The directory of an archive: read as zipfile reads it, or refused as that does."""

import io
import struct
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slimwheel.wheelfile.directory import DirectoryError, Member, read_entries
from tests.unit.wheelfile.handmade import DESCRIPTOR, zip_bytes
from tests.unit.wheelfile.handmade import Entry as Part

WIDE = 0xFFFF_FFFF
NAMES = ("a.py", "b/c.py", "f\u00fcr/\u65e5\u672c.py", b"f\x81r.py", b"a\0b", "d/")


def zip64(*numbers: int) -> bytes:
    return struct.pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers)


def by_zipfile(data: bytes) -> list[Member] | None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [
                Member(
                    info.orig_filename,
                    info.file_size,
                    info.compress_size,
                    info.CRC,
                    info.compress_type,
                    info.external_attr >> 16,
                    info.header_offset,
                    info.flag_bits,
                )
                for info in archive.infolist()
            ]
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return None


def by_us(data: bytes) -> list[Member] | None:
    try:
        return read_entries(io.BytesIO(data))
    except (DirectoryError, UnicodeDecodeError):
        return None


def with_zip64_end(data: bytes) -> bytes:
    """Say again in the records of zip64 what the end says."""
    place = data.rindex(b"PK\x05\x06")
    counts, size, start = struct.unpack_from("<2x2xH2x2I", data, place + 4)[:3]
    record = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, counts, counts, size, start)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, place, 1)
    return data[:place] + record + locator + data[place:]


PLAIN = zip_bytes([Part(name, b"x" * 9) for name in NAMES])
SHAPES = {
    "plain": PLAIN,
    "empty": zip_bytes([]),
    "comment": zip_bytes([Part("a.py", b"x")], comment=b"PK and more"),
    "prefix": zip_bytes([Part("a.py", b"x")], prefix=b"#!/bin/sh\n"),
    "suffix": zip_bytes([Part("a.py", b"x")], suffix=b"more"),
    "flags": zip_bytes([Part("a.py", b"x", flags=DESCRIPTOR, mode=0o120777)]),
    "extra": zip_bytes([Part("a.py", b"x", extra=struct.pack("<HHI", 0x5455, 4, 0))]),
    "wide": zip_bytes([Part("a.py", size=WIDE, compressed_size=WIDE, extra=zip64(5, 6))]),
    "wider": zip_bytes([Part("a.py", size=WIDE, offset=WIDE, extra=zip64(5, 1 << 40))]),
    "zip64": with_zip64_end(PLAIN),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_zipfile_reads_is_read_as_it_does(shape: str) -> None:
    assert by_us(SHAPES[shape]) == by_zipfile(SHAPES[shape])
    assert by_us(SHAPES[shape]) is not None


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "no end"),
        (b"PK\x05\x06", "no end"),
        (PLAIN.replace(b"PK\x01\x02", b"PK\x01\x03", 1), "damaged"),
        (PLAIN[PLAIN.rindex(b"PK\x05\x06") :], "longer than"),
        (zip_bytes([Part("a.py", size=WIDE, extra=zip64())]), "zip64 field"),
        (zip_bytes([Part("a.py", extra=b"\1\0\x09\0")]), "extra field"),
        (SHAPES["zip64"].replace(b"PK\x06\x07\0", b"PK\x06\x07\1"), "disks"),
    ],
)
def test_what_is_no_directory(data: bytes, problem: str) -> None:
    with pytest.raises(DirectoryError, match=problem):
        read_entries(io.BytesIO(data))
    assert by_zipfile(data) is None


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(sorted(SHAPES)), st.data())
def test_damage_is_read_as_zipfile_reads_it(shape: str, draw: st.DataObject) -> None:
    data = bytearray(SHAPES[shape])
    for _ in range(draw.draw(st.integers(0, 4))):
        place = draw.draw(st.integers(0, len(data) - 1))
        data[place] = draw.draw(st.sampled_from([0, 1, 7, 0x7F, 0x80, 0xFF]))
    cut = draw.draw(st.sampled_from([0, 0, 0, 1, 20, 50]))
    whole = bytes(data[: len(data) - cut])
    assert by_us(whole) == by_zipfile(whole)
