"""Sums of a content by windows: they tell later whether it is still the same."""

from array import array
from collections.abc import Iterable, Iterator

from isal import isal_zlib

SUM_WINDOW = 1 << 20


class Sums:
    """CRCs of what passes, one for each SUM_WINDOW bytes and one for the rest."""

    def __init__(self) -> None:
        self._whole = array("L")
        self._crc = 0
        self.size = 0
        """How many bytes have passed."""

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        rest = memoryview(data)
        while rest:
            part = rest[: SUM_WINDOW - self.size % SUM_WINDOW]
            self._crc = isal_zlib.crc32(part, self._crc)
            self.size += len(part)
            if self.size % SUM_WINDOW == 0:
                self._whole.append(self._crc)
                self._crc = 0
            rest = rest[len(part) :]

    def passing(self, windows: Iterable[bytes]) -> Iterator[bytes]:
        """Yield windows and take them."""
        for window in windows:
            self.update(window)
            yield window

    def has(self, number: int, window: bytes | memoryview) -> bool:
        """Tell whether a window, by its number, is what passed."""
        known = [*self._whole[number : number + 1]] or [self._crc]
        start = SUM_WINDOW * number
        is_one = 0 <= start < self.size and len(window) == min(SUM_WINDOW, self.size - start)
        return is_one and isal_zlib.crc32(window) == known[0]
