"""Where the blocks of a deflate stream begin, found while it is inflated.

The places do not depend on who inflates: zlib-ng or zlib where their library can be called, and
Python's own module where not. So what is copied, and with it the bytes of the result, is the same
on every machine.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from slimwheel.errors import WheelError
from slimwheel.wheelfile.splicing import native, portable
from slimwheel.wheelfile.splicing.sums import Stated, Sums

# A stream of nothing but empty blocks would take a call and a place in memory for each. No further
# ones are noted where there is more than one in so many bytes, after so many blocks; or so many.
_LEAST_BLOCK = 64
_FREE_BLOCKS = 4096
_MOST_BLOCKS = 1 << 20
_DAMAGED = "Download the wheel again; this copy is damaged."


@dataclass
class BlockIndex:
    """The blocks of one deflate stream.

    Attributes:
        bits: where each block begins in the stream, in bits, and last where the last one ends.
        offsets: where in the content, in bytes, in the same order.
        size: of the whole content, in bytes.
        is_whole: whether the last block that is noted is the stream's last, which has BFINAL set.
        sums: of the content, by windows.
        stream_sums: of the stream.
    """

    bits: "array[int]" = field(default_factory=lambda: array("Q", [0]))
    offsets: "array[int]" = field(default_factory=lambda: array("Q", [0]))
    size: int = 0
    is_whole: bool = False
    sums: Sums = field(default_factory=Sums, compare=False, repr=False)
    stream_sums: Sums = field(default_factory=Sums, compare=False, repr=False)

    @classmethod
    def none(cls, size: int) -> "BlockIndex":
        """Return the index of a member that has no blocks to copy: one that is stored."""
        return cls(size=size)

    def __len__(self) -> int:
        return len(self.bits) - 1

    def note(self, bit: int, offset: int) -> bool:
        """Take the end of the next block; return whether it and the ends of more are wanted.

        One that is not wanted is left out, so that the last that is noted then is not the stream's.
        """
        if len(self) >= min(_FREE_BLOCKS + bit // (8 * _LEAST_BLOCK), _MOST_BLOCKS):
            return False
        self.bits.append(bit)
        self.offsets.append(offset)
        return True


Engine = Callable[[Iterable[bytes], Callable[[int, int], bool]], Iterator[memoryview]]
"""Inflates a stream: its bytes by windows, what to call at the end of each block; yields content.

It raises ValueError for a stream that is damaged, cut, or followed by more.
"""


class Check(Protocol):
    """What looks at a content as it passes, and raises an error where it is another one."""

    def update(self, chunk: bytes | memoryview, /) -> None:
        """Take the next bytes."""

    def finish(self) -> None:
        """Say what is wrong with all of them."""


class BlockWalk:
    """One pass over a deflate stream: iterate to get the content, then take `index`."""

    def __init__(
        self,
        windows: Iterable[bytes],
        *,
        file: str,
        place: str,
        engine: Engine | None = None,
        stated: Stated | None = None,
        checks: Sequence[Check] = (),
    ) -> None:
        self._windows = windows
        self._file = file
        self._place = place
        self._engine = engine or default_engine()
        self._stated = stated
        self._checks = checks
        self._index = BlockIndex()

    def __iter__(self) -> Iterator[memoryview]:
        """Yield the content; each view is valid until the next is asked for.

        Raises:
            WheelError: the stream is damaged, cut, or followed by more bytes; size or CRC are not
                what is stated; or what the checks raise.
        """
        index = self._index = BlockIndex()
        noting = True

        def note(bit: int, offset: int) -> bool:
            nonlocal noting
            noting = index.note(bit, offset)
            return noting

        sums, stated = index.sums, self._stated
        try:
            for chunk in self._engine(index.stream_sums.passing(self._windows), note):
                sums.update(chunk)
                if stated and (problem := stated.excess(sums.size)):
                    raise ValueError(problem)
                for check in self._checks:
                    check.update(chunk)
                yield chunk
            if stated and (problem := stated.difference(sums.size, sums.crc)):
                raise ValueError(problem)
        except ValueError as error:
            raise WheelError(
                str(error), file=self._file, place=self._place, hint=_DAMAGED
            ) from error
        for check in self._checks:
            check.finish()
        index.size = sums.size
        # Where noting ended early, the last block that is noted ends before the stream does.
        index.is_whole = noting and len(index) > 0

    @property
    def index(self) -> BlockIndex:
        """The blocks, once all content was taken."""
        return self._index


def walk_blocks(
    windows: Iterable[bytes],
    *,
    file: str,
    place: str,
    engine: Engine | None = None,
    stated: Stated | None = None,
    checks: Sequence[Check] = (),
) -> BlockWalk:
    """Inflate a raw deflate stream and note its blocks.

    Args:
        windows: the stream in order, in pieces of any size; one at a time is held.
        file, place: what errors call the stream, such as a wheel and its member.
        engine: what inflates; the fastest that there is where none is given.
        stated: what the content must be, where that is known.
        checks: what is shown the content on its way.
    """
    return BlockWalk(windows, file=file, place=place, engine=engine, stated=stated, checks=checks)


def default_engine() -> Engine:
    """Return the fastest engine that this machine has."""
    found = native.fastest()
    return native.engine(found) if found else portable.inflate


def stored(windows: Iterable[bytes], _: Callable[[int, int], bool]) -> Iterator[memoryview]:
    """Pass on what is not compressed: an engine that finds no blocks."""
    return map(memoryview, windows)
