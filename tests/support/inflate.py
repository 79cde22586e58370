"""Inflating the slow way, straight from RFC 1951: the oracle for where blocks begin and end."""

from functools import cache
from typing import NamedTuple

_LENGTHS = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99]
_LENGTHS += [115, 131, 163, 195, 227, 258]
_LENGTH_EXTRA = (0,) * 8 + (1,) * 4 + (2,) * 4 + (3,) * 4 + (4,) * 4 + (5,) * 4 + (0,)
_DISTANCES = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025]
_DISTANCES += [1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577]
_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)

Codes = dict[tuple[int, int], int]


class Block(NamedTuple):
    """One block: its kind (0 stored, 1 static, 2 dynamic), bits of the stream, bytes of content."""

    kind: int
    is_final: bool
    start_bit: int
    stop_bit: int
    start: int
    stop: int


class _Bits:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def take(self, count: int) -> int:
        value = 0
        for number in range(count):
            value |= (self.data[self.place >> 3] >> (self.place & 7) & 1) << number
            self.place += 1
        return value

    def symbol(self, codes: Codes) -> int:
        code = length = 0
        while True:
            code = code << 1 | self.take(1)
            length += 1
            if (length, code) in codes:
                return codes[length, code]
            assert length <= 15


def _codes(lengths: list[int]) -> Codes:
    codes, code = {}, 0
    for length in range(1, 16):
        for symbol, own in enumerate(lengths):
            if own == length:
                codes[length, code] = symbol
                code += 1
        code <<= 1
    return codes


_STATIC = (_codes([8] * 144 + [9] * 112 + [7] * 24 + [8] * 8), _codes([5] * 30))


def _dynamic(bits: _Bits) -> tuple[Codes, Codes]:
    literals, distances, count = bits.take(5) + 257, bits.take(5) + 1, bits.take(4) + 4
    of_lengths = [0] * 19
    for symbol in _ORDER[:count]:
        of_lengths[symbol] = bits.take(3)
    codes = _codes(of_lengths)
    lengths: list[int] = []
    while len(lengths) < literals + distances:
        symbol = bits.symbol(codes)
        if symbol < 16:
            lengths.append(symbol)
        elif symbol == 16:
            lengths += [lengths[-1]] * (3 + bits.take(2))
        else:
            lengths += [0] * (3 + bits.take(3) if symbol == 17 else 11 + bits.take(7))
    return _codes(lengths[:literals]), _codes(lengths[literals:])


@cache
def blocks(stream: bytes) -> tuple[bytes, list[Block]]:
    """Return the content and the blocks of a sound stream."""
    bits, out = _Bits(stream), bytearray()
    found = []
    is_final = False
    while not is_final:
        start_bit, start = bits.place, len(out)
        is_final, kind = bool(bits.take(1)), bits.take(2)
        if kind == 0:
            bits.place = -(-bits.place // 8) * 8
            size = bits.take(16)
            assert bits.take(16) == size ^ 0xFFFF
            at = bits.place // 8
            out += stream[at : at + size]
            bits.place += 8 * size
        else:
            literals, distances = _STATIC if kind == 1 else _dynamic(bits)
            while (symbol := bits.symbol(literals)) != 256:
                if symbol < 256:
                    out.append(symbol)
                    continue
                length = _LENGTHS[symbol - 257] + bits.take(_LENGTH_EXTRA[symbol - 257])
                code = bits.symbol(distances)
                distance = _DISTANCES[code] + bits.take(max(code // 2 - 1, 0))
                assert distance <= len(out)
                for _ in range(length):
                    out.append(out[-distance])
        found.append(Block(kind, is_final, start_bit, bits.place, start, len(out)))
    return bytes(out), found
