"""Inflating raw deflate streams in steps of a bounded size.

By isal, from the PyPI package `isal`: twice as fast as zlib.
"""

import zlib
from collections.abc import Iterator
from typing import Protocol, cast

from isal import isal_zlib

# isal's stubs declare its exception as an instance.
InflateError = cast("type[Exception]", isal_zlib.IsalError)
"""What an inflater raises for bytes that are no deflate stream."""


class RawInflater(Protocol):
    """What zlib's modules call a decompression object."""

    eof: bool
    unconsumed_tail: bytes
    unused_data: bytes

    def decompress(self, data: bytes | bytearray | memoryview, limit: int, /) -> bytes:
        """Return what comes next, `limit` bytes at most."""


def raw_inflater(history: bytes = b"") -> RawInflater:
    """Return what inflates a stream, or the rest of one behind 32 KiB of content."""
    return cast(RawInflater, isal_zlib.decompressobj(-zlib.MAX_WBITS, history))


def inflated(
    inflater: RawInflater, raw: bytes | bytearray | memoryview, limit: int
) -> Iterator[bytes]:
    """Yield what a stream's next bytes stand for, `limit` bytes at a time.

    Raises:
        InflateError: they are no deflate stream.
    """
    data = b""
    # Where the limit cuts a symbol short, its rest comes without any more input.
    while raw or len(data) == limit:
        data = inflater.decompress(raw, limit)
        raw = inflater.unconsumed_tail
        yield data
