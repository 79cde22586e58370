"""Joining deflate streams at any bit.

A stored block's content begins at a whole byte, so a copied block must keep its place within the
byte, its phase. Empty blocks in front of it make up the difference. Sources: RFC 1951, sections
3.2.3 to 3.2.7.
"""

from collections.abc import Callable, Iterable, Iterator

Windows = Callable[[int, int], Iterator[memoryview]]
"""Yields a stream's bytes from one offset to before another, in pieces of any size but none."""


def packed(fields: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """Pack values with their number of bits, the lowest bit first; return value and number."""
    value = count = 0
    for field, width in fields:
        value |= field << count
        count += width
    return value, count


# BFINAL 0, BTYPE 01, the end-of-block code of seven zeros.
_EMPTY_STATIC = packed([(0, 1), (1, 2), (0, 7)])
_EMPTY_FINAL = packed([(1, 1), (1, 2), (0, 7)])
# A stored block's length of zero and its complement, behind the header and the rest of its byte.
_EMPTY_STORED = b"\0\0\xff\xff"
# Static blocks have an even number of bits. This one has 95: 257 codes for literals and lengths, of
# which 255 and 256 have one bit, and two distances of one bit. All three codes are complete, as
# some decoders ask. The lengths are 138 and 117 zeros (code 1, the symbol 18), then four ones (code
# 0, the symbol 1); the block is the end-of-block code alone.
_CODE_LENGTH_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
_EMPTY_DYNAMIC = packed(
    [
        *((0, 1), (2, 2), (257 - 257, 5), (2 - 1, 5), (len(_CODE_LENGTH_ORDER) - 4, 4)),
        *((int(symbol in (1, 18)), 3) for symbol in _CODE_LENGTH_ORDER),
        *((1, 1), (138 - 11, 7), (1, 1), (117 - 11, 7)),
        *((0, 1), (0, 1), (0, 1), (0, 1)),
        (1, 1),
    ]
)


def phase_shift(bits: int) -> tuple[int, int]:
    """Return empty blocks that take so many bits modulo 8, as one value and its number of bits."""
    odd = bits % 2
    value, count = _EMPTY_DYNAMIC if odd else (0, 0)
    blocks = [(value, count)]
    while (count - bits) % 8:
        blocks.append(_EMPTY_STATIC)
        count += _EMPTY_STATIC[1]
    return packed(blocks)


class BitWriter:
    """Writes bits, the lowest of each byte first, and hands out whole bytes.

    Args:
        write: takes the bytes in order.
    """

    def __init__(self, write: Callable[[bytes | bytearray | memoryview], object]) -> None:
        self._write = write
        self._hold = 0
        self.phase = 0
        """How many bits of the last byte are taken, 0 to 7."""

    def put(self, value: int, count: int) -> None:
        """Write `count` bits."""
        self._hold |= value << self.phase
        self.phase += count
        whole = self.phase // 8
        if whole:
            self._write((self._hold & ((1 << 8 * whole) - 1)).to_bytes(whole, "little"))
            self._hold >>= 8 * whole
            self.phase %= 8

    def seek_phase(self, phase: int) -> None:
        """Write empty blocks until the next bit has a place in its byte."""
        if phase == 0 and self.phase:
            self.put(0, 3)
            self.pad()
            self._write(_EMPTY_STORED)
        elif phase != self.phase:
            self.put(*phase_shift((phase - self.phase) % 8))

    def pad(self) -> None:
        """Fill the last byte with zero bits."""
        if self.phase:
            self.put(0, 8 - self.phase)

    def put_end(self) -> None:
        """Write an empty block that is the stream's last."""
        self.put(*_EMPTY_FINAL)

    def copy(
        self,
        start: int,
        stop: int,
        windows: Windows,
        clear: int | None = None,
        keep: Callable[[memoryview, int], object] | None = None,
    ) -> None:
        """Copy bits of another stream, whose first must have the phase of the next.

        Args:
            start, stop: which bits.
            windows: yields that stream's bytes.
            clear: the place of a bit to write as 0.
            keep: takes windows that are copied as they are, with their offset in that stream.
        """
        if start % 8 != self.phase:
            raise ValueError(f"bit {start} copied to phase {self.phase}")
        first, end = start // 8, -(-stop // 8)
        # Bytes that are not copied as they are.
        edges = {first} if start % 8 else set()
        edges |= {end - 1} if stop % 8 else set()
        edges |= set() if clear is None else {clear // 8}
        in_order = sorted(edges)
        offset = first
        for window in windows(first, end):
            done = 0
            for edge in in_order:
                place = edge - offset
                if not done <= place < len(window):
                    continue
                self._hand_on(window[done:place], offset + done, keep)
                value = window[place]
                if clear is not None and edge == clear // 8:
                    value &= ~(1 << clear % 8)
                lowest = start % 8 if edge == first else 0
                width = (stop - 8 * edge if edge == end - 1 else 8) - lowest
                self.put(value >> lowest & ((1 << width) - 1), width)
                done = place + 1
            self._hand_on(window[done:], offset + done, keep)
            offset += len(window)

    def _hand_on(
        self,
        window: memoryview,
        offset: int,
        keep: Callable[[memoryview, int], object] | None,
    ) -> None:
        if not window:
            return
        if keep:
            keep(window, offset)
        else:
            self._write(window)
