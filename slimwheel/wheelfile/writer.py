"""Writing a wheel: members in sorted order, dist-info last, RECORD the very last.

Same members give the same bytes: fixed times, normal modes, no extra fields but zip64's where a
size needs it. Sizes are known before a header is written, so there are no data descriptors, which
the package index refuses. Layout: APPNOTE.TXT 6.3.10, sections 4.3.7 to 4.3.16.
"""

import hashlib
import stat
import struct
import time
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

from isal import isal_zlib

from slimwheel.errors import CheckFailed
from slimwheel.wheelfile.deflate import Compressed, compress
from slimwheel.wheelfile.directory import Member
from slimwheel.wheelfile.members import DEFLATED
from slimwheel.wheelfile.passage import Proof
from slimwheel.wheelfile.record import format_record, record_line
from slimwheel.wheelfile.splicing import Spliced
from slimwheel.wheelfile.wheel import Wheel

# The largest value that a 32-bit field holds; all ones means "see the zip64 field".
ZIP64_LIMIT = 0xFFFF_FFFF
ZIP64_COUNT = 0xFFFF

# What a zip's date field can hold, in seconds since 1970: 1980 to 2107.
FIRST_TIMESTAMP = 315_532_800
LAST_TIMESTAMP = 4_354_819_199
_UNIX = 3 << 8
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR64 = struct.Struct("<4sIQI")


class _Written(NamedTuple):
    name: bytes
    flags: int
    method: int
    crc: int
    size: int
    compressed_size: int
    mode: int
    offset: int


def member_order(name: str) -> tuple[bool, str]:
    """Sort key of members: by name, those of dist-info behind all others."""
    return name.split("/")[0].endswith(".dist-info"), name


def normal_mode(executable: bool) -> int:
    """The permission bits that a wheel's file gets."""
    return 0o755 if executable else 0o644


class WheelWriter:
    """Writes one wheel to a stream, hashing as it goes.

    Args:
        stream: opened for writing, at its start.
        timestamp: seconds since 1970 that all members get; 1980 where it is earlier.
    """

    def __init__(self, stream: BinaryIO, timestamp: int = FIRST_TIMESTAMP) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self._offset = 0
        self._written: list[_Written] = []
        self._record: list[tuple[str, str, str]] = []
        self.proofs: dict[str, Proof] = {}
        """What is known of members, by name, since they were inflated on their way here."""
        moment = time.gmtime(max(timestamp, FIRST_TIMESTAMP))
        self._date = (moment.tm_year - 1980) << 9 | moment.tm_mon << 5 | moment.tm_mday
        self._time = moment.tm_hour << 11 | moment.tm_min << 5 | moment.tm_sec // 2

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._offset

    @property
    def installed_size(self) -> int:
        """Bytes of all members written so far."""
        return sum(member.size for member in self._written)

    @property
    def sha256(self) -> str:
        """The hash, in hex, of what was written so far."""
        return self._hash.hexdigest()

    def copy(self, wheel: Wheel, member: Member, name: str) -> None:
        """Copy a member of another wheel, compressed as it is, under a name of its own here.

        Raises:
            WheelError: the member does not have the size, CRC or hash that its wheel states.
        """
        self._start(
            name,
            normal_mode(member.executable),
            member.method,
            member.crc,
            member.size,
            member.compressed_size,
        )
        passage = wheel.raw_chunks(member)
        for chunk in passage:
            self._write(chunk)
        self.proofs[name] = passage.proof
        self._record.append(record_line(name, passage.proof.sha256, member.size))

    def add(self, name: str, data: bytes, *, executable: bool = False) -> None:
        """Write a new member."""
        self.add_compressed(
            name, compress(data), hashlib.sha256(data).digest(), executable=executable
        )

    def add_compressed(
        self, name: str, compressed: Compressed, sha256: bytes, *, executable: bool = False
    ) -> None:
        """Write a member that was compressed already; `sha256` is of its own bytes."""
        self._start(
            name,
            normal_mode(executable),
            compressed.method,
            compressed.crc,
            compressed.size,
            len(compressed.data),
        )
        self._write(compressed.data)
        self._record.append(record_line(name, sha256, compressed.size))

    def add_spliced(
        self, name: str, windows: Iterable[bytes], spliced: Spliced, *, executable: bool = False
    ) -> None:
        """Write a member whose deflate stream was spliced.

        Args:
            windows: the stream in order.
            spliced: what is in it.

        Raises:
            CheckFailed: the windows are another stream.
        """
        self._start(
            name,
            normal_mode(executable),
            DEFLATED,
            spliced.crc,
            spliced.size,
            spliced.compressed_size,
        )
        start, crc = self._offset, 0
        for window in windows:
            crc = isal_zlib.crc32(window, crc)
            self._write(window)
        if (self._offset - start, crc) != (spliced.compressed_size, spliced.compressed_crc):
            raise CheckFailed("has another deflate stream than was proved", place=name)
        self.proofs[name] = Proof(
            spliced.size,
            spliced.crc,
            spliced.sha256,
            spliced.compressed_size,
            spliced.compressed_crc,
            spliced.head,
        )
        self._record.append(record_line(name, spliced.sha256, spliced.size))

    def finish(self, record_name: str) -> None:
        """Write RECORD and the directory; nothing may follow."""
        data = format_record(self._record, record_name)
        packed = compress(data)
        self._start(record_name, 0o644, packed.method, packed.crc, packed.size, len(packed.data))
        self._write(packed.data)
        start = self._offset
        for member in self._written:
            self._write_central(member)
        self._write_end(start, self._offset - start)

    def _start(
        self, name: str, mode: int, method: int, crc: int, size: int, compressed_size: int
    ) -> None:
        encoded = name.encode("utf-8")
        flags = 0 if name.isascii() else 0x800
        entry = _Written(encoded, flags, method, crc, size, compressed_size, mode, self._offset)
        self._written.append(entry)
        large = size >= ZIP64_LIMIT or compressed_size >= ZIP64_LIMIT
        extra = struct.pack("<HHQQ", 1, 16, size, compressed_size) if large else b""
        header = _LOCAL.pack(
            b"PK\x03\x04",
            45 if large else 20,
            flags,
            method,
            self._time,
            self._date,
            crc,
            0xFFFF_FFFF if large else compressed_size,
            0xFFFF_FFFF if large else size,
            len(encoded),
            len(extra),
        )
        self._write(header + encoded + extra)

    def _write_central(self, member: _Written) -> None:
        wide = [
            value
            for value in (member.size, member.compressed_size, member.offset)
            if value >= ZIP64_LIMIT
        ]
        extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
        entry = _CENTRAL.pack(
            b"PK\x01\x02",
            _UNIX | (45 if wide else 20),
            45 if wide else 20,
            member.flags,
            member.method,
            self._time,
            self._date,
            member.crc,
            _narrow(member.compressed_size),
            _narrow(member.size),
            len(member.name),
            len(extra),
            0,
            0,
            0,
            (stat.S_IFREG | member.mode) << 16,
            _narrow(member.offset),
        )
        self._write(entry + member.name + extra)

    def _write_end(self, start: int, length: int) -> None:
        count = len(self._written)
        if count >= ZIP64_COUNT or start >= ZIP64_LIMIT or length >= ZIP64_LIMIT:
            position = self._offset
            self._write(
                _END64.pack(b"PK\x06\x06", 44, _UNIX | 45, 45, 0, 0, count, count, length, start)
            )
            self._write(_LOCATOR64.pack(b"PK\x06\x07", 0, position, 1))
        short = min(count, 0xFFFF)
        self._write(
            _END.pack(b"PK\x05\x06", 0, 0, short, short, _narrow(length), _narrow(start), 0)
        )

    def _write(self, data: bytes | bytearray) -> None:
        self._stream.write(data)
        self._hash.update(data)
        self._offset += len(data)


def _narrow(value: int) -> int:
    return 0xFFFF_FFFF if value >= ZIP64_LIMIT else value
