"""Writing the new stream: copied blocks, compressed stretches, and the joins between them."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import NamedTuple

import deflate
from isal import isal_zlib

from slimwheel.wheelfile.deflate import LEVEL
from slimwheel.wheelfile.splicing.bits import BitWriter
from slimwheel.wheelfile.splicing.bits import Windows as BitWindows
from slimwheel.wheelfile.splicing.blocks import BlockIndex, Engine, default_engine
from slimwheel.wheelfile.splicing.proving import OldStream, Prover, failure, middle_of
from slimwheel.wheelfile.splicing.spans import Copy, Piece, spans
from slimwheel.wheelfile.splicing.sums import SUM_WINDOW

WINDOW = 8 << 20
"""How much is compressed at a time, in bytes: what bounds memory, for 0.05 % of the size."""

_STEP = 1 << 20
_HEAD = 4
# Windows that a pool may be given before the first of them is waited for.
_AHEAD = 4


class Spliced(NamedTuple):
    """What was written.

    Attributes:
        size: of the new content, in bytes.
        crc: its CRC-32, as zip has it.
        sha256: its hash.
        compressed_size: of the stream that was written, in bytes.
        compressed_crc: its CRC-32.
        copied: how many bytes of the content stand in copied blocks.
        head: the content's first bytes.
    """

    size: int
    crc: int
    sha256: bytes
    compressed_size: int
    compressed_crc: int
    copied: int
    head: bytes


def splice(
    index: BlockIndex,
    content: memoryview,
    read: Callable[[int, int], bytes],
    pieces: Iterable[Piece],
    write: Callable[[bytes | bytearray | memoryview], object],
    *,
    keep: Callable[[int, int], object] | None = None,
    level: int = LEVEL,
    engine: Engine | None = None,
    pool: Executor | None = None,
) -> Spliced:
    """Write the deflate stream of a changed content.

    The same arguments give the same bytes on every machine, whatever the engine. The result is
    proved while it is written (`slimwheel.wheelfile.splicing.proving`). Some ten megabytes are
    held, however large the content is.

    Args:
        index: the blocks of the old stream, as `walk_blocks` found them; `BlockIndex.none`
            compresses all of it.
        content: the old content; a file mapped into memory costs none.
        read: returns so many bytes of the old stream from an offset.
        pieces: the new content: ranges of the old, each from wherever it is, and new bytes, in the
            order in which they stand in the new one. What is not named is cut.
        write: takes the new stream's bytes in order.
        keep: takes, instead of most bytes that are the old stream's, their offset there and their
            number; None to have all of them written. Whoever reads them holds the whole stream
            against its CRC then, for not all of them are read here.
        level: libdeflate's, 1 to 12, for what is compressed.
        engine: what looks for blocks in what was compressed.
        pool: what compresses several windows at a time; none of its workers may be waiting for
            this call.

    Raises:
        ValueError: a kept range is none of the old content, or the index is of another one.
        CheckFailed: the new stream does not give the new content: the index, the content and the
            old stream do not belong together.
    """
    content = content.cast("B")
    found = spans(index, content, pieces)
    prover = Prover(write, keep)
    bits = BitWriter(prover.take)
    told = _Digest()
    seen: set[int] = set()
    old = OldStream(index, read)
    copied = 0
    for number, span in enumerate(found):
        is_last = number == len(found) - 1
        if isinstance(span, Copy):
            copied += index.offsets[span.stop] - index.offsets[span.first]
            _tell(told, index, span, content, seen)
            _copy(bits, prover, index, span, content, old, is_last=is_last)
        else:
            for part in span.parts:
                told.update(part)
                prover.expect(part)
            packed = _packed(_windows(span.parts), level, pool)
            _join(bits, packed, engine or default_engine(), is_last=is_last)
    if not found:
        bits.put_end()
    bits.pad()
    prover.finish()
    return Spliced(
        told.size, told.crc, told.sha256, prover.written, prover.written_crc, copied, told.head
    )


def _tell(
    told: "_Digest", index: BlockIndex, span: Copy, content: memoryview, seen: set[int]
) -> None:
    """Take a copy's content, which has to be what was inflated when its blocks were found.

    Args:
        seen: windows of which that was told; a window may have many copies.
    """
    start, stop = index.offsets[span.first], index.offsets[span.stop]
    for number in range(start // SUM_WINDOW, -(-stop // SUM_WINDOW)):
        place = SUM_WINDOW * number
        window = content[place : place + SUM_WINDOW]
        if number not in seen and not index.sums.has(number, window):
            raise failure("the old content is another")
        seen.add(number)
        if len(window) == SUM_WINDOW and start <= place and place + SUM_WINDOW <= stop:
            told.update(window, crc=index.sums.behind(told.crc, number))
        else:
            told.update(content[max(place, start) : min(place + SUM_WINDOW, stop)])


def _copy(
    bits: BitWriter,
    prover: Prover,
    index: BlockIndex,
    span: Copy,
    content: memoryview,
    old: OldStream,
    *,
    is_last: bool,
) -> None:
    has_end = index.is_whole and span.stop == len(index)
    # Within the new stream the old one's last block is not the last.
    clear = index.bits[-2] if has_end and not is_last else None
    bits.seek_phase(index.bits[span.first] % 8)

    def copy(start: int, stop: int) -> None:
        bits.copy(start, stop, old.windows, clear=clear, keep=prover.take_old)

    def expect(first: int, stop: int) -> None:
        prover.expect(content[index.offsets[first] : index.offsets[stop]])

    start, stop = index.bits[span.first], index.bits[span.stop]
    if middle := middle_of(index, span):
        second, last = index.bits[span.first + 1], index.bits[middle.stop]
        # Of the middle, the bytes that are its own alone.
        begin, (end, phase) = -(-index.bits[middle.first] // 8), divmod(last, 8)
        expect(span.first, middle.first)
        copy(start, second)
        crc = prover.written_crc
        copy(second, 8 * begin)
        crc = old.behind(crc, second // 8, begin)
        prover.leave(crc)
        crc = old.behind(crc, begin, end)
        if prover.keeps:
            prover.skip(begin, end - begin, crc)
        else:
            copy(8 * begin, 8 * end)
        prover.resume(crc, old.byte(end), phase, content[: index.offsets[middle.stop]])
        copy(8 * end, last)
        expect(middle.stop, span.stop)
        copy(last, stop)
    else:
        expect(span.first, span.stop)
        copy(start, stop)
    if is_last and not has_end:
        bits.put_end()


def _join(bits: BitWriter, packed: Iterator[bytes], engine: Engine, *, is_last: bool) -> None:
    """Write streams one after another as one, which ends with them where `is_last`."""
    stream = next(packed)
    while stream:
        following = next(packed, b"")
        bits.seek_phase(0)
        # libdeflate ends what it is given with a last block.
        final, stop = _last_block(stream, engine)
        ends_all = is_last and not following
        bits.copy(0, stop, _windows_of(stream), clear=None if ends_all else final)
        stream = following


def _packed(
    windows: Iterator[memoryview | bytearray], level: int, pool: Executor | None
) -> Iterator[bytes]:
    """Yield windows compressed, in order; with a pool, as many at a time as it has use for."""
    if pool is None:
        for window in windows:
            yield _deflated(window, level)
        return
    ahead: deque[Future[bytes]] = deque()
    for window in windows:
        ahead.append(pool.submit(_deflated, window, level))
        if len(ahead) > _AHEAD:
            yield ahead.popleft().result()
    while ahead:
        yield ahead.popleft().result()


def _deflated(window: memoryview | bytearray, level: int) -> bytes:
    return bytes(deflate.deflate_compress(window, level))


def _windows_of(stream: bytes) -> BitWindows:
    return lambda start, stop: iter([memoryview(stream)[start:stop]])


def _windows(parts: list[memoryview]) -> Iterator[memoryview | bytearray]:
    """Yield the parts anew, in windows."""
    if len(parts) == 1:
        for start in range(0, len(parts[0]), WINDOW):
            yield parts[0][start : start + WINDOW]
        return
    window = bytearray()
    for part in parts:
        while part:
            count = WINDOW - len(window)
            window += part[:count]
            part = part[count:]
            if len(window) == WINDOW:
                yield window
                window = bytearray()
    if window:
        yield window


def _last_block(stream: bytes, engine: Engine) -> tuple[int, int]:
    """Return the bits where the last block of a stream begins and ends."""
    ends = [0, 0]

    def note(bit: int, _: int) -> bool:
        ends[:] = ends[1], bit
        return True

    for _ in engine([stream], note):
        pass
    return ends[0], ends[1]


class _Digest:
    """Size, CRC and hash of the new content as it should be."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size = 0
        self.crc = 0
        self.head = b""

    @property
    def sha256(self) -> bytes:
        return self._hash.digest()

    def update(self, data: memoryview, *, crc: int | None = None) -> None:
        """Take the next bytes; `crc` is with them, where it is known."""
        self.size += len(data)
        if len(self.head) < _HEAD:
            self.head += data[: _HEAD - len(self.head)]
        for start in range(0, len(data), _STEP):
            # Both at once: the second finds it in the processor's cache.
            step = data[start : start + _STEP]
            if crc is None:
                self.crc = isal_zlib.crc32(step, self.crc)
            self._hash.update(step)
        if crc is not None:
            self.crc = crc
