"""Sums of a content by windows: they tell later whether it is still the same."""

import functools
from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from isal import isal_zlib

SUM_WINDOW = 1 << 20


class Sums:
    """The CRC of what passes, and what it was at the end of each SUM_WINDOW bytes."""

    def __init__(self) -> None:
        self._at_ends = array("L")
        self.crc = 0
        """Of all that has passed."""
        self.size = 0
        """How many bytes have passed."""

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        rest = memoryview(data)
        while rest:
            part = rest[: SUM_WINDOW - self.size % SUM_WINDOW]
            self.crc = isal_zlib.crc32(part, self.crc)
            self.size += len(part)
            if self.size % SUM_WINDOW == 0:
                self._at_ends.append(self.crc)
            rest = rest[len(part) :]

    def passing(self, windows: Iterable[bytes]) -> Iterator[bytes]:
        """Yield windows and take them."""
        for window in windows:
            self.update(window)
            yield window

    def has(self, number: int, window: bytes | memoryview) -> bool:
        """Tell whether a window, by its number, is what passed."""
        start = SUM_WINDOW * number
        if not 0 <= start < self.size or len(window) != min(SUM_WINDOW, self.size - start):
            return False
        before, after = self._around(number)
        return isal_zlib.crc32(window, before) == after

    def behind(self, crc: int, number: int) -> int:
        """Return the CRC of something with a whole window that passed behind it.

        Args:
            crc: of that something.
            number: of a window of SUM_WINDOW bytes.
        """
        # What two CRCs differ by depends, behind the same bytes, on their number alone.
        before, after = self._around(number)
        return after ^ _moved(crc ^ before)

    def _around(self, number: int) -> tuple[int, int]:
        """Return the CRCs of what passed before a window, and with it."""
        before = self._at_ends[number - 1] if number else 0
        return before, self._at_ends[number] if number < len(self._at_ends) else self.crc


def _moved(difference: int) -> int:
    """Return what becomes of a difference of two CRCs over a window of the same bytes."""
    moved = 0
    for bit, image in enumerate(_images()):
        if difference >> bit & 1:
            moved ^= image
    return moved


@functools.cache
def _images() -> tuple[int, ...]:
    """Return what becomes of a difference in each bit: CRCs are linear."""
    window = bytes(SUM_WINDOW)
    nothing = isal_zlib.crc32(window)
    return tuple(isal_zlib.crc32(window, 1 << bit) ^ nothing for bit in range(32))


class Stated(NamedTuple):
    """What an archive states of a content: its size in bytes, and its CRC-32."""

    size: int
    crc: int

    def excess(self, size: int) -> str | None:
        """Say what is wrong with a content that has so many bytes at least; None for nothing."""
        return f"is larger than the {self.size} bytes it declares" if size > self.size else None

    def difference(self, size: int, crc: int) -> str | None:
        """Say what is wrong with a whole content; None for nothing."""
        if size != self.size:
            return f"has {size} bytes; the directory says {self.size}"
        if crc != self.crc:
            return f"has the CRC {crc:08x}; the directory says {self.crc:08x}"
        return None
