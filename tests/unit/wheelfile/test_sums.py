"""Sums by windows, held against zlib's of the whole."""

import zlib

import pytest

from slimwheel.wheelfile.splicing.sums import SUM_WINDOW, Sums
from tests.support.streams import content

SIZE = 3 * SUM_WINDOW + 1000
DATA = content(SIZE)


@pytest.fixture
def sums() -> Sums:
    found = Sums()
    for start in range(0, SIZE, 700_001):
        found.update(DATA[start : start + 700_001])
    return found


def test_the_whole_is_summed(sums: Sums) -> None:
    assert (sums.size, sums.crc) == (SIZE, zlib.crc32(DATA))


@pytest.mark.parametrize("number", range(4))
def test_a_window_is_told_from_others(sums: Sums, number: int) -> None:
    start = SUM_WINDOW * number
    window = bytearray(DATA[start : start + SUM_WINDOW])
    assert sums.has(number, bytes(window))
    assert not sums.has(number, bytes(window[:-1]))
    assert not sums.has(number + 1, bytes(window))
    window[len(window) // 2] ^= 1
    assert not sums.has(number, bytes(window))


@pytest.mark.parametrize("number", [-1, 4, 5])
def test_there_are_no_other_windows(sums: Sums, number: int) -> None:
    assert not sums.has(number, b"")
    assert not sums.has(number, DATA[:SUM_WINDOW])


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("ahead", [b"", b"changed", DATA[:SUM_WINDOW], DATA[: SUM_WINDOW + 5]])
def test_a_window_behind_something_else(sums: Sums, ahead: bytes, number: int) -> None:
    window = DATA[SUM_WINDOW * number : SUM_WINDOW * (number + 1)]
    assert sums.behind(zlib.crc32(ahead), number) == zlib.crc32(ahead + window)
