"""One pass over a member that is copied: what it holds is checked while its bytes pass."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from isal import isal_zlib

from slimwheel.errors import WheelError
from slimwheel.wheelfile.archive import Inflater
from slimwheel.wheelfile.directory import Member
from slimwheel.wheelfile.record import RecordEntry


class RecordMismatch(WheelError):
    """A member does not have the hash and size that RECORD states."""

    way_out = "Download the wheel again; if it stays so, do not use it."


class Proof(NamedTuple):
    """What inflating a member's compressed bytes has shown.

    Whether bytes in a file are those that were inflated takes their CRC alone, which is a tenth of
    inflating and hashing them again.

    Attributes:
        size: of the content, in bytes.
        crc: of the content.
        sha256: of the content.
        packed_size: of the compressed bytes.
        packed_crc: of the compressed bytes.
        head: the content's first bytes, four or as many as it has; empty where nobody looked.
    """

    size: int
    crc: int
    sha256: bytes
    packed_size: int
    packed_crc: int
    head: bytes = b""


class HashCheck:
    """Hashes a member as it passes and compares it with RECORD at the end."""

    def __init__(self, entry: RecordEntry | None, member: Member, file: str) -> None:
        self._entry = entry
        self._member = member
        self._file = file
        self._hash = _new_hash(entry.algorithm) if entry else None

    def update(self, chunk: bytes | memoryview) -> None:
        """Take the next bytes."""
        if self._hash is not None:
            self._hash.update(chunk)

    def finish(self) -> None:
        """Raise RecordMismatch where hash or size differ."""
        if self._entry is None or self._hash is None:
            return
        differs = self._entry.size not in (None, self._member.size)
        if differs or self._hash.digest() != self._entry.digest:
            raise RecordMismatch(
                "does not have the hash and size that RECORD states",
                file=self._file,
                place=self._member.name,
            )


def _new_hash(algorithm: str) -> "hashlib._Hash":
    # hashlib.new looks the name up each time.
    return hashlib.sha256() if algorithm == "sha256" else hashlib.new(algorithm)


class Passage:
    """One pass over a member: iterate to get its compressed bytes, then take `proof`.

    Args:
        member: what the directory says of it.
        windows: its compressed bytes in order.
        entry: what RECORD says of it, None where it says nothing.
        file: what errors call the wheel.
    """

    def __init__(
        self, member: Member, windows: Iterable[bytes], entry: RecordEntry | None, *, file: str
    ) -> None:
        self._member = member
        self._windows = windows
        self._entry = entry
        self._file = file
        self._proof: Proof | None = None

    def __iter__(self) -> Iterator[bytes]:
        """Yield the compressed bytes.

        Raises:
            WheelError: size, CRC or hash differ.
        """
        member, entry = self._member, self._entry
        check = HashCheck(entry, member, self._file)
        # The hash that RECORD states is known to be right at the end.
        stated = entry.digest if entry and entry.algorithm == "sha256" else None
        own = hashlib.sha256() if stated is None else None
        inflater = Inflater(member, file=self._file)
        packed_crc = 0
        for raw in self._windows:
            for chunk in inflater.feed(raw):
                check.update(chunk)
                if own:
                    own.update(chunk)
            packed_crc = isal_zlib.crc32(raw, packed_crc)
            yield raw
        inflater.finish()
        check.finish()
        self._proof = Proof(
            size=member.size,
            crc=member.crc,
            sha256=own.digest() if own else stated or b"",
            packed_size=member.compressed_size,
            packed_crc=packed_crc,
            head=inflater.head,
        )

    @property
    def proof(self) -> Proof:
        """What was found, once all bytes were taken; ValueError before."""
        if self._proof is None:
            raise ValueError(f"{self._member.name} was not read to its end")
        return self._proof
