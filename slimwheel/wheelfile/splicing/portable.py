"""Finding blocks with Python's zlib module alone, where no library can be called.

The module tells where a stream ends, to the byte. So each block is inflated as a stream of its own:
with BFINAL set, the 32 KiB before it as the dictionary, and empty blocks in front that bring it to
its place within the byte. The bit where it ends is the last whose change changes anything: the
last bit of the end-of-block code, without which there is another symbol and no end.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from slimwheel.wheelfile.splicing.bits import packed, phase_shift

if TYPE_CHECKING:
    from zlib import _Decompress

_HISTORY = 1 << 15
# A copy of the state is kept for each so many bytes, to go back to from a block's end.
_STEP = 1 << 12


class _Input:
    """Bytes by windows, taken in small steps; what was not used is given back."""

    def __init__(self, windows: Iterable[bytes]) -> None:
        self._windows = iter(windows)
        self._window = memoryview(b"")
        self._back = b""
        self.taken = 0

    def take(self, count: int) -> bytes:
        """Return the next bytes, `count` at most; none only at the end."""
        if self._back:
            part, self._back = self._back[:count], self._back[count:]
        else:
            while not self._window:
                window = next(self._windows, None)
                if window is None:
                    return b""
                self._window = memoryview(window)
            part, self._window = bytes(self._window[:count]), self._window[count:]
        self.taken += len(part)
        return part

    def give_back(self, data: bytes) -> None:
        """Take back the last bytes that were taken."""
        self._back = data + self._back
        self.taken -= len(data)


def inflate(windows: Iterable[bytes], note: Callable[[int, int], bool]) -> Iterator[memoryview]:
    """Inflate a stream; an engine, as `slimwheel.wheelfile.splicing.blocks` describes it."""
    source = _Input(windows)
    try:
        yield from _blocks(source, note)
    except zlib.error as error:
        raise ValueError(f"cannot be inflated: {error}") from error
    if source.take(1):
        raise ValueError("has bytes behind its deflate stream")


def _blocks(source: _Input, note: Callable[[int, int], bool]) -> Iterator[memoryview]:
    history, size, phase, wanted = b"", 0, 0, True
    while True:
        first = _required(source)[0]
        is_last = bool(first >> phase & 1)
        shift, bits = phase_shift(phase)
        # Of a whole stream the rest, where no more ends are wanted.
        final = 1 << phase if wanted else 0
        head, length = packed([(shift, bits), ((first | final) >> phase, 8 - phase)])
        inflater = zlib.decompressobj(-zlib.MAX_WBITS, zdict=history)
        step = head.to_bytes(length // 8, "little")
        while True:
            before = inflater.copy()
            content = inflater.decompress(step)
            if content:
                size += len(content)
                history = (history + content)[-_HISTORY:]
                yield memoryview(content)
            if inflater.eof:
                break
            step = _required(source, _STEP)
        source.give_back(inflater.unused_data)
        if not wanted:
            return
        phase = _end_phase(before, step[: len(step) - len(inflater.unused_data)])
        wanted = note(8 * source.taken - (8 - phase) % 8, size)
        if is_last:
            return
        if phase:
            # The byte is shared with the next block.
            source.give_back(step[len(step) - len(inflater.unused_data) - 1 :][:1])


def _required(source: _Input, count: int = 1) -> bytes:
    data = source.take(count)
    if not data:
        raise ValueError("has a deflate stream without an end")
    return data


def _end_phase(before: "_Decompress", step: bytes) -> int:
    """Return how many bits of the last byte a block takes, 0 for all of them.

    Args:
        before: the state in front of `step`.
        step: the bytes up to the block's last.
    """
    before.decompress(step[:-1])
    last = step[-1]
    expected = before.copy().decompress(step[-1:])
    for bit in range(7, 0, -1):
        trial = before.copy()
        try:
            content = trial.decompress(bytes([last ^ 1 << bit]))
        except zlib.error:
            return (bit + 1) % 8
        if not trial.eof or content != expected:
            return (bit + 1) % 8
    return 1
