"""Reading a wheel's archive: members with their metadata, their bytes checked as they pass.

Members' compressed bytes are inflated and summed by isal: twice and six times as fast as zlib, and
reading is a good part of a build. Layout of local headers: APPNOTE.TXT 6.3.10, section 4.3.7.
"""

import functools
import mmap
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from isal import isal_zlib

from slimwheel.errors import WheelError
from slimwheel.files import file_state, state_of
from slimwheel.wheelfile.directory import Member, decoded_name, read_entries
from slimwheel.wheelfile.inflate import InflateError, inflated, raw_inflater
from slimwheel.wheelfile.members import DEFLATED, checked_members
from slimwheel.wheelfile.splicing import BlockWalk, Check, Stated, stored, walk_blocks

CHUNK = 1 << 20

_HEAD = 4
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_DAMAGED = "Download the wheel again; this copy is damaged."


def read_directory(path: Path) -> list[Member]:
    """Return the entries of a wheel's directory, whatever they are.

    Raises:
        WheelError: cannot be read, is no zip, or is cut or damaged.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise WheelError(
            f"cannot be read: {error.strerror}", file=path, hint="Name a wheel file."
        ) from error
    try:
        with stream:
            return read_entries(stream)
    except ValueError as error:
        problem = "is empty" if path.stat().st_size == 0 else f"is not a whole zip file: {error}"
        raise WheelError(problem, file=path, hint=_DAMAGED) from error
    except OSError as error:
        raise WheelError(f"cannot be read: {error}", file=path, hint=_DAMAGED) from error


class Archive:
    """An open wheel. Nothing is unpacked; each read streams one member.

    Reads are positioned (`os.pread`), so that several threads may read at once.
    """

    def __init__(self, path: Path, stream: BinaryIO, members: dict[str, Member]) -> None:
        self.path = path
        self.members = members
        self._stream = stream
        stat = os.fstat(stream.fileno())
        self._state = state_of(stat)
        self._size = stat.st_size

    @classmethod
    def open(cls, path: Path, directory: Sequence[Member] | None = None) -> "Archive":
        """Open a wheel and check its directory.

        Args:
            directory: what `read_directory` returns, where it was read already.

        Raises:
            WheelError: as `read_directory`, or it has members that no wheel may have.
        """
        entries = read_directory(path) if directory is None else directory
        members = checked_members(entries, file=str(path))
        try:
            if sum(member.compressed_size for member in members.values()) > path.stat().st_size:
                raise WheelError("has members that overlap", file=path, hint=_DAMAGED)
            return cls(path, path.open("rb"), members)
        except OSError as error:
            raise WheelError(f"cannot be read: {error}", file=path, hint=_DAMAGED) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if "_mapped" in self.__dict__:
            self._mapped.close()
        self._stream.close()

    def check_unchanged(self) -> None:
        """Make sure that the file at the path is still the one that was opened.

        Raises:
            WheelError: it was changed or replaced since.
        """
        try:
            # A new name of the same file changes the last.
            is_same = file_state(self.path)[:-1] == self._state[:-1]
        except OSError:
            is_same = False
        if not is_same:
            raise WheelError(
                "was changed while it was read",
                file=self.path,
                hint="Run this again when nothing writes there any more.",
            )

    def raw_chunks(self, member: Member) -> Iterator[bytes]:
        """Yield the compressed bytes of a member, unchecked.

        Raises:
            WheelError: the local header disagrees with the directory, or the file is cut.
        """
        offset, first = self._located(member, min(member.compressed_size, CHUNK))
        left = member.compressed_size - len(first)
        if first:
            yield first
        while left:
            chunk = self._read_at(offset + member.compressed_size - left, min(left, CHUNK), member)
            left -= len(chunk)
            yield chunk

    def packed_crc(self, member: Member) -> int:
        """Return the CRC of a member's compressed bytes.

        They are looked at where the system has them, not copied: for a file that nobody else
        writes to, such as a result of one's own. One that is cut meanwhile ends the process.

        Raises:
            WheelError: as `raw_chunks`.
        """
        start = self._data_offset(member)
        stop = start + member.compressed_size
        if stop > self._size:
            raise self._damage(member, f"is cut at offset {self._size}")
        with memoryview(self._mapped) as whole, whole[start:stop] as packed:
            return isal_zlib.crc32(packed)

    @functools.cached_property
    def _mapped(self) -> mmap.mmap:
        return mmap.mmap(self._stream.fileno(), 0, access=mmap.ACCESS_READ)

    def chunks(self, member: Member) -> Iterator[bytes]:
        """Yield the bytes of a member, checked against its size and CRC.

        Raises:
            WheelError: as `raw_chunks`; or the deflate stream is damaged, or size or CRC differ.
        """
        checker = Inflater(member, file=str(self.path))
        for raw in self.raw_chunks(member):
            yield from checker.feed(raw)
        checker.finish()

    def walk(self, member: Member, *checks: Check) -> BlockWalk:
        """Return a pass over a member that yields its bytes, checked as by `chunks`.

        It also notes where the blocks of a deflated member are, for `slimwheel.wheelfile.splicing`.

        Args:
            checks: what else is shown the bytes.
        """
        file = str(self.path)
        return walk_blocks(
            self.raw_chunks(member),
            file=file,
            place=member.name,
            engine=None if member.method == DEFLATED else stored,
            stated=_stated(member),
            checks=checks,
        )

    def raw_reader(self, member: Member) -> Callable[[int, int], bytes]:
        """Return what reads so many of a member's compressed bytes from an offset, unchecked.

        Raises:
            WheelError: the local header disagrees with the directory; when called, the file is cut.
        """
        start = self._data_offset(member)
        return lambda offset, count: self._read_at(start + offset, count, member)

    def head(self, member: Member, count: int) -> bytes:
        """Return the first bytes of a member; not checked against the CRC."""
        if member.method != DEFLATED:
            return self._read_at(
                self._data_offset(member), min(count, member.compressed_size), member
            )
        # Of a few bytes zlib is the faster.
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        found = b""
        step = 4 * count + 256
        offset, raw = self._located(member, min(member.compressed_size, step))
        left = member.compressed_size
        try:
            while raw and len(found) < count and not inflater.eof:
                found += inflater.decompress(raw, count - len(found))
                offset += len(raw)
                left -= len(raw)
                more = min(left, step) if len(found) < count else 0
                raw = self._read_at(offset, more, member)
        except zlib.error as error:
            raise self._damage(member, f"cannot be inflated: {error}") from error
        return found

    def read(self, member: Member, limit: int = 64 << 20) -> bytes:
        """Return a small member whole, checked.

        Raises:
            WheelError: as `chunks`; or it is larger than `limit` bytes.
        """
        if member.size > limit:
            raise self._damage(member, f"has {member.size} bytes where {limit} are the most")
        return b"".join(self.chunks(member))

    def local_header(self, member: Member) -> bytes:
        """Return the header in front of a member's bytes, name and extra fields included.

        Raises:
            WheelError: it disagrees with the directory, or the file is cut.
        """
        length = self._data_offset(member) - member.header_offset
        return self._read_at(member.header_offset, length, member)

    def _data_offset(self, member: Member) -> int:
        return self._located(member, 0)[0]

    def _located(self, member: Member, count: int) -> tuple[int, bytes]:
        """Return where a member's bytes begin, and the first `count` of them."""
        # All at once: most members are small, and most headers have nothing but the name.
        start, size = member.header_offset, _LOCAL_HEADER.size
        found = self._read_at(start, size, member, size + len(member.name) + count)
        fields = _LOCAL_HEADER.unpack_from(found)
        signature, flags, method = fields[0], fields[2], fields[3]
        if signature != b"PK\x03\x04":
            raise self._damage(member, "has no local header where the directory says")
        behind_name = size + int(fields[-2])
        offset = behind_name + int(fields[-1])
        if len(found) < offset + count:
            found = self._read_at(start, offset + count, member)
        name = decoded_name(found[size:behind_name], flags, "replace")
        if method != member.method or name != member.name:
            raise self._damage(member, "has a local header that disagrees with the directory")
        return start + offset, found[offset : offset + count]

    def _read_at(self, offset: int, count: int, member: Member, most: int = 0) -> bytes:
        """Return `count` bytes from an offset, and as many more as there are up to `most`."""
        # An offset from a hostile directory may be one that the system does not take.
        wanted = max(count, most) if 0 <= offset < self._size else 0
        try:
            found = os.pread(self._stream.fileno(), wanted, max(offset, 0)) if wanted else b""
        except OSError as error:
            raise self._damage(member, f"cannot be read: {error.strerror}") from error
        if len(found) < count:
            raise self._damage(member, f"is cut at offset {offset + len(found)}")
        return found

    def _damage(self, member: Member, problem: str) -> WheelError:
        return WheelError(problem, file=self.path, place=member.name, hint=_DAMAGED)


class Inflater:
    """Inflates one member's compressed bytes and checks size and CRC. `file` is for messages."""

    def __init__(self, member: Member, *, file: str) -> None:
        self._member = member
        self._file = file
        self._stated = _stated(member)
        self._size = 0
        self._crc = 0
        self.head = b""
        """The content's first bytes, four or as many as it has."""
        self._inflater = raw_inflater() if member.method == DEFLATED else None

    def feed(self, raw: bytes) -> Iterator[bytes]:
        """Yield what the next compressed bytes stand for, at most CHUNK bytes at a time."""
        if self._inflater is None:
            self._take(raw)
            yield raw
            return
        try:
            for data in inflated(self._inflater, raw, CHUNK):
                if self._inflater.unused_data:
                    raise self._damage("has bytes behind its deflate stream")
                self._take(data)
                yield data
        except InflateError as error:
            raise self._damage(f"cannot be inflated: {error}") from error

    def finish(self) -> None:
        """Check that the member is whole.

        Raises:
            WheelError: it is cut, or its size or CRC differ.
        """
        if self._inflater is not None and not self._inflater.eof:
            raise self._damage("has a deflate stream without an end")
        if problem := self._stated.difference(self._size, self._crc):
            raise self._damage(problem)

    def _take(self, data: bytes) -> None:
        if len(self.head) < _HEAD:
            self.head += data[: _HEAD - len(self.head)]
        self._crc = isal_zlib.crc32(data, self._crc)
        self._size += len(data)
        if problem := self._stated.excess(self._size):
            raise self._damage(problem)

    def _damage(self, problem: str) -> WheelError:
        return WheelError(problem, file=self._file, place=self._member.name, hint=_DAMAGED)


def _stated(member: Member) -> Stated:
    return Stated(member.size, member.crc)
