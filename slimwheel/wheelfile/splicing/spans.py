"""Which stretches of a new content are copied as blocks of the old, and which are compressed."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from slimwheel.wheelfile.splicing.blocks import BlockIndex

HISTORY = 1 << 15
"""How far back deflate may refer, in bytes (RFC 1951, section 2)."""

# Blocks that take fewer bits than this do not pay for their joins.
_LEAST_COPY = 8 * 1024


class Kept(NamedTuple):
    """The old content's bytes from `start` to before `stop`."""

    start: int
    stop: int


Piece = Kept | bytes | bytearray | memoryview


class Copy(NamedTuple):
    """Blocks of the old stream from number `first` to before `stop`."""

    first: int
    stop: int


@dataclass
class Fresh:
    """Content that is compressed: parts of the old, and new bytes, in order."""

    parts: list[memoryview]


def spans(index: BlockIndex, content: memoryview, pieces: Iterable[Piece]) -> list[Copy | Fresh]:
    """Divide a new content into copied and compressed stretches.

    Args:
        index: the old stream's blocks.
        content: the old content.
        pieces: the new content in order.

    Raises:
        ValueError: a kept range is none of the old content.
    """
    if len(content) != index.size:
        raise ValueError(f"a content of {len(content)} bytes for an index of {index.size}")
    found: list[Copy | Fresh] = []

    def add_fresh(part: memoryview) -> None:
        if not part:
            return
        if found and isinstance(found[-1], Fresh):
            found[-1].parts.append(part)
        else:
            found.append(Fresh([part]))

    for piece in _joined(pieces):
        if not isinstance(piece, Kept):
            add_fresh(memoryview(piece).cast("B"))
            continue
        if not 0 <= piece.start <= piece.stop <= index.size:
            raise ValueError(f"{piece} is not a range of {index.size} bytes")
        blocks = _blocks_within(index, piece)
        if blocks is None:
            add_fresh(content[piece.start : piece.stop])
            continue
        add_fresh(content[piece.start : index.offsets[blocks.first]])
        found.append(blocks)
        add_fresh(content[index.offsets[blocks.stop] : piece.stop])
    return found


def _joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Yield the pieces with kept ranges that follow one another as one."""
    last: Kept | None = None
    for piece in pieces:
        if isinstance(piece, Kept):
            if last is not None and last.stop == piece.start:
                last = Kept(last.start, piece.stop)
                continue
            if last is not None:
                yield last
            last = piece
        elif len(piece):
            if last is not None:
                yield last
                last = None
            yield piece
    if last is not None:
        yield last


def _blocks_within(index: BlockIndex, kept: Kept) -> Copy | None:
    """Return the blocks that a kept range holds together with all that they may refer to."""
    # What stands at the very start refers to nothing before it.
    history = HISTORY if kept.start else 0
    offsets: array[int] = index.offsets
    first = bisect_left(offsets, kept.start + history)
    stop = bisect_right(offsets, kept.stop) - 1
    if first >= stop or index.bits[stop] - index.bits[first] < _LEAST_COPY:
        return None
    return Copy(first, stop)
