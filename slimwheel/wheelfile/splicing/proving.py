"""Proving that a spliced stream gives its content, without inflating all of it.

A decoder's state at the start of a block is the content behind it, as far back as deflate refers,
and the place of its first bit. So of a long copy three things are enough: that its first blocks
give what they should, from the state that was reached; that its last do, from the state that is
known; and that between them stand the bits that were inflated when the blocks were found, for the
content that was found then. CRCs by windows say so of the old stream and the content, and the CRC
of what is written that it is the old stream. That sum begins where a copy's second block does, for
the inflater holds back some of what the first blocks give when it is asked no more.

Whoever takes the old stream's bytes by their place reads them later. What they have to be then is
in the CRC of the new stream, which follows from those of the old one's windows.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from isal import isal_zlib

from slimwheel.errors import CheckFailed
from slimwheel.wheelfile.inflate import InflateError, RawInflater, inflated, raw_inflater
from slimwheel.wheelfile.splicing.bits import packed, phase_shift
from slimwheel.wheelfile.splicing.blocks import BlockIndex
from slimwheel.wheelfile.splicing.spans import HISTORY, Copy
from slimwheel.wheelfile.splicing.sums import SUM_WINDOW

_STEP = 1 << 20
# What is inflated of a long copy at its start and its end at least, what has to be left between
# them, and what of the start may not have come out where inflating ends, all in bytes of content.
_EDGE = 1 << 17
_LEAST_MIDDLE = 1 << 19
_SLACK = 1 << 15


class Middle(NamedTuple):
    """The blocks of a copy, from number `first` to before `stop`, that need not be inflated."""

    first: int
    stop: int


def middle_of(index: BlockIndex, copy: Copy) -> Middle | None:
    """Return what of a copy need not be inflated, None where that is not worth while."""
    offsets = index.offsets
    start, stop = offsets[copy.first], offsets[copy.stop]
    first = bisect_left(offsets, start + _EDGE, copy.first, copy.stop)
    last = bisect_right(offsets, stop - _EDGE, copy.first, copy.stop) - 1
    if first >= last or offsets[last] - offsets[first] < _LEAST_MIDDLE:
        return None
    return Middle(first, last)


class OldStream:
    """Reads the old stream, and notices where it is not what was inflated."""

    def __init__(self, index: BlockIndex, read: Callable[[int, int], bytes]) -> None:
        self._sums = index.stream_sums
        self._read = read
        self._number = -1
        self._window = b""

    def byte(self, offset: int) -> int:
        """Return the byte at an offset; CheckFailed where it is another."""
        return next(self.windows(offset, offset + 1))[0]

    def windows(self, start: int, stop: int) -> Iterator[memoryview]:
        """Yield the bytes from one offset to before another; CheckFailed where they are others."""
        while start < stop:
            number, place = divmod(start, SUM_WINDOW)
            part = memoryview(self._numbered(number))[place : place + stop - start]
            if not part:
                raise failure("the old stream is shorter")
            yield part
            start += len(part)

    def behind(self, crc: int, start: int, stop: int) -> int:
        """Return the CRC of something with the bytes from one offset to before another behind it.

        Whole windows need not be read for that.
        """
        while start < stop:
            number, place = divmod(start, SUM_WINDOW)
            if place == 0 and start + SUM_WINDOW <= stop:
                crc = self._sums.behind(crc, number)
                start += SUM_WINDOW
            else:
                part = next(self.windows(start, stop))
                crc = isal_zlib.crc32(part, crc)
                start += len(part)
        return crc

    def _numbered(self, number: int) -> bytes:
        if number != self._number:
            start = SUM_WINDOW * number
            window = self._read(start, max(min(SUM_WINDOW, self._sums.size - start), 0))
            if not self._sums.has(number, window):
                raise failure("the old stream is another")
            self._number, self._window = number, window
        return self._window


class Prover:
    """Passes the new stream on, and holds what it gives against the content.

    Args:
        write: takes its bytes.
        keep: takes, instead of bytes, where they stand in the old stream, and their number.
    """

    def __init__(
        self,
        write: Callable[[bytes | bytearray | memoryview], object],
        keep: Callable[[int, int], object] | None = None,
    ) -> None:
        self._write = write
        self._keep = keep
        self._inflater: RawInflater | None = raw_inflater()
        self._expected: deque[memoryview] = deque()
        self._phase = self._byte = 0
        self.written = 0
        self.written_crc = 0

    def expect(self, part: memoryview) -> None:
        """Name what the stream has to give next."""
        if part:
            self._expected.append(part)

    def take(self, data: bytes | bytearray | memoryview) -> None:
        """Take the stream's next bytes.

        Raises:
            CheckFailed: they give something else.
        """
        if not data:
            return
        self._write(data)
        self._check(data)

    def take_old(self, window: memoryview, offset: int) -> None:
        """Take the stream's next bytes, which the old one has at an offset.

        Raises:
            CheckFailed: as `take`.
        """
        if self._keep is None:
            self._write(window)
        else:
            self._keep(offset, len(window))
        self._check(window)

    def leave(self, written_crc: int) -> None:
        """Inflate no further: what was expected has come, but for what the last bits hold back.

        Args:
            written_crc: of what should have been written.

        Raises:
            CheckFailed: it gives too little, or something else was written.
        """
        if sum(map(len, self._expected)) > _SLACK:
            raise failure("it gives too little")
        self._hold(written_crc)
        self._expected.clear()
        self._inflater = None

    @property
    def keeps(self) -> bool:
        """Whether the old stream's bytes may be named instead of written."""
        return self._keep is not None

    def skip(self, offset: int, count: int, written_crc: int) -> None:
        """Name the old stream's bytes as the next, where nothing is inflated.

        Args:
            written_crc: of the new stream with them.
        """
        assert self._keep is not None
        self._keep(offset, count)
        self.written += count
        self.written_crc = written_crc

    def resume(self, written_crc: int, byte: int, phase: int, history: memoryview) -> None:
        """Inflate again from a block whose first bit is in the next byte.

        Args:
            written_crc: of what should have been written.
            byte: what that has to be below the bit.
            phase: the bit's place in its byte.
            history: the content before the block.

        Raises:
            CheckFailed: something else was written.
        """
        self._hold(written_crc)
        self._inflater = raw_inflater(bytes(history[-HISTORY:]))
        self._phase, self._byte = phase, byte

    def finish(self) -> None:
        """Check that the stream is at its end, and has given all; CheckFailed where not."""
        if not self._inflater or not self._inflater.eof or self._inflater.unused_data:
            raise failure("it ends elsewhere")
        if self._expected:
            raise failure("it gives too little")

    def _hold(self, written_crc: int) -> None:
        if self.written_crc != written_crc:
            raise failure("the old stream was copied wrongly")

    def _check(self, data: bytes | bytearray | memoryview) -> None:
        self.written += len(data)
        self.written_crc = isal_zlib.crc32(data, self.written_crc)
        if self._inflater is None:
            return
        if self._phase:
            # The first byte's lower bits belong to what was not inflated.
            if (data[0] ^ self._byte) & ((1 << self._phase) - 1):
                raise failure("the old stream was copied wrongly")
            rest = (data[0] >> self._phase, 8 - self._phase)
            value, count = packed([phase_shift(self._phase), rest])
            self._phase = 0
            self._inflate(self._inflater, value.to_bytes(count // 8, "little"))
            data = data[1:]
        self._inflate(self._inflater, data)

    def _inflate(self, inflater: RawInflater, raw: bytes | bytearray | memoryview) -> None:
        try:
            for found in inflated(inflater, raw, _STEP):
                self._compare(found)
        except InflateError as error:
            raise failure(str(error)) from error

    def _compare(self, found: bytes) -> None:
        done = 0
        while done < len(found):
            if not self._expected:
                raise failure("it gives too much")
            part = self._expected.popleft()
            count = min(len(part), len(found) - done)
            if found[done : done + count] != bytes(part[:count]):
                raise failure("it gives something else")
            if count < len(part):
                self._expected.appendleft(part[count:])
            done += count


def failure(why: str) -> CheckFailed:
    """Return the error for a stream that is not what it should be."""
    return CheckFailed(f"a spliced deflate stream does not give its content: {why}")
