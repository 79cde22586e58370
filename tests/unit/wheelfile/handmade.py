"""Zip files written field by field, for shapes that no zip library writes on request.

Layout: APPNOTE.TXT 6.3.10, sections 4.3.7 to 4.3.16.
"""

import base64
import csv
import hashlib
import io
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_DATE, _TIME = 46 << 9 | 1 << 5 | 2, 3 << 11 | 4 << 5 | 3
DESCRIPTOR = 0x8


@dataclass(frozen=True)
class Entry:
    """One entry; what is None is what it should be.

    Attributes:
        content: the bytes that it stands for.
        method: 0 stored, 8 deflated; for any other the content is written as it is.
        flags: general purpose bits; with `DESCRIPTOR` sizes and CRC follow the data.
        stored: compressed bytes to write in place of the right ones.
        crc, size, compressed_size: what the headers state.
        local_name, local_method: what the local header states.
        offset: where the directory says that the local header is.
    """

    name: str | bytes
    content: bytes = b""
    method: int = 8
    flags: int = 0
    mode: int = 0o100644
    extra: bytes = b""
    stored: bytes | None = None
    crc: int | None = None
    size: int | None = None
    compressed_size: int | None = None
    local_name: bytes | None = None
    local_method: int | None = None
    offset: int | None = None

    @property
    def encoded(self) -> bytes:
        """The name as bytes."""
        return self.name.encode() if isinstance(self.name, str) else self.name

    @property
    def packed(self) -> bytes:
        """The compressed bytes."""
        if self.stored is not None:
            return self.stored
        if self.method != 8:
            return self.content
        packer = zlib.compressobj(wbits=-15)
        return packer.compress(self.content) + packer.flush()


def zip_bytes(
    entries: Iterable[Entry], *, comment: bytes = b"", prefix: bytes = b"", suffix: bytes = b""
) -> bytes:
    """Return a zip file; offsets count from behind the prefix."""
    body = bytearray()
    directory = bytearray()
    count = 0
    for entry in entries:
        count += 1
        offset = len(body) if entry.offset is None else entry.offset
        packed = entry.packed
        crc = zlib.crc32(entry.content) if entry.crc is None else entry.crc
        size = len(entry.content) if entry.size is None else entry.size
        packed_size = len(packed) if entry.compressed_size is None else entry.compressed_size
        name = entry.encoded
        flags = entry.flags | (0 if name.isascii() or isinstance(entry.name, bytes) else 0x800)
        sums = (crc, packed_size, size)
        descriptor = bool(flags & DESCRIPTOR)
        local_name = name if entry.local_name is None else entry.local_name
        local_method = entry.method if entry.local_method is None else entry.local_method
        body += _LOCAL.pack(
            b"PK\x03\x04",
            20,
            flags,
            local_method,
            _TIME,
            _DATE,
            *((0, 0, 0) if descriptor else sums),
            len(local_name),
            len(entry.extra),
        )
        body += local_name + entry.extra + packed
        if descriptor:
            body += b"PK\x07\x08" + struct.pack("<3I", *sums)
        directory += _CENTRAL.pack(
            b"PK\x01\x02",
            3 << 8 | 20,
            20,
            flags,
            entry.method,
            _TIME,
            _DATE,
            *sums,
            len(name),
            len(entry.extra),
            0,
            0,
            0,
            entry.mode << 16,
            offset,
        )
        directory += name + entry.extra
    end = _END.pack(b"PK\x05\x06", 0, 0, count, count, len(directory), len(body), len(comment))
    return bytes(prefix + body + directory + end + comment + suffix)


def record_of(entries: Iterable[Entry], record: str) -> bytes:
    """Return the RECORD of entries; directories have no line."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    for entry in entries:
        if not entry.encoded.endswith(b"/"):
            digest = hashlib.sha256(entry.content).digest()
            value = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            rows.writerow([entry.encoded.decode(), f"sha256={value}", len(entry.content)])
    rows.writerow([record, "", ""])
    return text.getvalue().encode()


METADATA = b"Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
WHEEL = b"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: false\nTag: py3-none-any\n"
TINY = "tiny-1.0-py3-none-any.whl"


def wheel_entries(
    entries: Sequence[Entry],
    *,
    metadata: bytes = METADATA,
    wheel: bytes = WHEEL,
    record: bytes | None = None,
    stem: str = "tiny-1.0",
) -> list[Entry]:
    """Return entries with a dist-info directory behind them."""
    info = f"{stem}.dist-info"
    described = [
        *entries,
        Entry(f"{info}/METADATA", metadata),
        Entry(f"{info}/WHEEL", wheel),
    ]
    if record is None:
        record = record_of(described, f"{info}/RECORD")
    return [*described, Entry(f"{info}/RECORD", record)]


def tiny_wheel(folder: Path, *entries: Entry, name: str = TINY) -> Path:
    """Write a wheel of the project `tiny` whose entries may be as odd as they like."""
    path = folder / name
    path.write_bytes(zip_bytes(wheel_entries(entries)))
    return path


def changed(entries: Iterable[Entry], name: str, **fields: object) -> list[Entry]:
    """Return entries of which one, by name, has other fields; RECORD stays what it was."""
    return [
        replace(entry, **fields) if entry.name == name else entry  # type: ignore[arg-type]
        for entry in entries
    ]
