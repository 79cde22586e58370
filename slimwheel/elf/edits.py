"""A changed file described by what it keeps of its source.

Edits say which ranges of the source stay and what stands between them, so that a file of
several gigabytes is never built in memory, and whoever compresses it can reuse the ranges.
"""

import mmap
import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Protocol

from slimwheel.elf.source import Buffer

CHUNK_SIZE = 1 << 20
_FIRST_STEP = 1 << 8


class Writable(Protocol):
    """Anything with the `write` of a binary file."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Take the next bytes of the output."""


class Keep(NamedTuple):
    """The source's bytes from `start` to before `stop`."""

    start: int
    stop: int


@dataclass(frozen=True)
class Zeros:
    """So many zero bytes, which take no memory however many they are; its length is their number.

    None at all is false, as with bytes.
    """

    size: int

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError(f"{self.size} zero bytes")

    def __len__(self) -> int:
        return self.size

    def chunks(self, chunk_size: int) -> Iterator[memoryview]:
        """Yield them, at most `chunk_size` at a time."""
        block = memoryview(bytes(min(self.size, chunk_size)))
        for start in range(0, self.size, chunk_size):
            yield block[: self.size - start]


class Patch(NamedTuple):
    """What replaces as many of the source's bytes at `offset`: the source's from elsewhere too."""

    offset: int
    data: "Piece"

    @property
    def stop(self) -> int:
        """Offset of the first byte behind the patch."""
        return self.offset + _size(self.data)


Piece = Keep | bytes | Zeros


@dataclass(frozen=True)
class Edits:
    """The new file as an ordered list of pieces: ranges of the source, literal bytes, zeros.

    Build it with `Edits.of`, which joins neighbouring pieces.
    """

    source_size: int
    pieces: tuple[Piece, ...]

    @classmethod
    def of(cls, source_size: int, pieces: Iterable[Piece]) -> "Edits":
        """Make edits of pieces in order, without empty ones and with kept ranges joined."""
        joined: list[Piece] = []
        for piece in pieces:
            last = joined[-1] if joined else None
            if isinstance(piece, Keep):
                if not 0 <= piece.start <= piece.stop <= source_size:
                    raise ValueError(f"{piece} is not a range of {source_size} bytes")
                if piece.start == piece.stop:
                    continue
                if isinstance(last, Keep) and last.stop == piece.start:
                    joined[-1] = Keep(last.start, piece.stop)
                    continue
            elif not piece:
                continue
            elif isinstance(last, bytes) and isinstance(piece, bytes):
                joined[-1] = last + piece
                continue
            elif isinstance(last, Zeros) and isinstance(piece, Zeros):
                joined[-1] = Zeros(last.size + piece.size)
                continue
            joined.append(piece)
        return cls(source_size, tuple(joined))

    @property
    def size(self) -> int:
        """Size of the new file in bytes."""
        return sum(map(_size, self.pieces))

    @property
    def saved(self) -> int:
        """Bytes by which the new file is smaller than its source."""
        return self.source_size - self.size

    @property
    def is_identity(self) -> bool:
        """Whether the new file equals its source."""
        return self.pieces == ((Keep(0, self.source_size),) if self.source_size else ())

    @property
    def changed(self) -> bool:
        """Whether the new file differs from its source."""
        return not self.is_identity

    def chunks(self, data: Buffer, chunk_size: int = CHUNK_SIZE) -> Iterator[bytes | memoryview]:
        """Yield the new file in order, at most `chunk_size` bytes at a time.

        Args:
            data: the source that the edits were made for.
        """
        view = memoryview(data).cast("B")
        if len(view) != self.source_size:
            raise ValueError(f"edits of {self.source_size} bytes given a source of {len(view)}")
        for piece in self.pieces:
            if isinstance(piece, Zeros):
                yield from piece.chunks(chunk_size)
                continue
            whole = view[piece.start : piece.stop] if isinstance(piece, Keep) else memoryview(piece)
            for start in range(0, len(whole), chunk_size):
                yield whole[start : start + chunk_size]

    def carry_out(self, path: Path) -> None:
        """Make the source's own file the new file; what stays at its place is not written."""
        if not self._moves_down:
            beside = path.with_name(f"{path.name}.new")
            with path.open("rb") as source, beside.open("xb") as out:
                self.write(mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ), out)
            beside.replace(path)
            return
        place = 0
        with path.open("r+b") as file:
            for piece in self.pieces:
                if not (isinstance(piece, Keep) and piece.start == place):
                    file.seek(place)
                    for chunk in _chunks_of_file(file.fileno(), piece):
                        file.write(chunk)
                place += _size(piece)
            file.truncate(place)

    @property
    def _moves_down(self) -> bool:
        """Whether no kept range stands further behind than in the source.

        Then it is read before anything is written over it.
        """
        place = 0
        for piece in self.pieces:
            if isinstance(piece, Keep) and piece.start < place:
                return False
            place += _size(piece)
        return True

    def write(self, data: Buffer, out: Writable) -> None:
        """Write the new file to a binary file object."""
        for chunk in self.chunks(data):
            out.write(chunk)


def overlay(pieces: Iterable[Piece], patches: Iterable[Patch], data: Buffer) -> list[Piece]:
    """Lay patches, given by source offsets, over pieces.

    A patch is cut down to the bytes that really differ, for what stays equal stays kept; moved
    bytes are not looked at.

    Raises:
        ValueError: patches overlap, or one lies on bytes that the pieces do not keep.
    """
    view = memoryview(data).cast("B")
    pending = [trimmed for patch in patches if _size((trimmed := _trim(patch, view)).data)]
    pending.sort(key=_offset)
    for first, second in pairwise(pending):
        if first.stop > second.offset:
            raise ValueError(f"two changes at offset {second.offset:#x}")
    result: list[Piece] = []
    applied = 0
    for piece in pieces:
        if not isinstance(piece, Keep):
            result.append(piece)
            continue
        start = piece.start
        # In order and apart, so that those within the piece follow one another.
        for index in range(bisect_left(pending, piece.start, key=_offset), len(pending)):
            patch = pending[index]
            if patch.stop > piece.stop:
                break
            result += [Keep(start, patch.offset), patch.data]
            start = patch.stop
            applied += 1
        result.append(Keep(start, piece.stop))
    if applied != len(pending):
        raise ValueError("a change lies outside of what is kept")
    return result


def end_of_zeros(view: memoryview, start: int, stop: int) -> int:
    """Return the offset of the first byte from `start` that is not zero, or `stop`."""
    step = _FIRST_STEP
    while start < stop:
        part = bytes(view[start : min(start + step, stop)])
        if rest := part.lstrip(b"\0"):
            return start + len(part) - len(rest)
        start += len(part)
        step = min(2 * step, CHUNK_SIZE)
    return stop


def _start_of_zeros(view: memoryview, start: int, stop: int) -> int:
    """Return the offset behind the last byte before `stop` that is not zero, or `start`."""
    step = _FIRST_STEP
    while start < stop:
        part = bytes(view[max(stop - step, start) : stop])
        if rest := part.rstrip(b"\0"):
            return stop - len(part) + len(rest)
        stop -= len(part)
        step = min(2 * step, CHUNK_SIZE)
    return start


def _chunks_of_file(descriptor: int, piece: Piece) -> Iterator[bytes | memoryview]:
    """Yield a piece whose source is an open file."""
    if isinstance(piece, Keep):
        for start in range(piece.start, piece.stop, CHUNK_SIZE):
            yield os.pread(descriptor, min(CHUNK_SIZE, piece.stop - start), start)
    elif isinstance(piece, Zeros):
        yield from piece.chunks(CHUNK_SIZE)
    else:
        yield piece


def _size(piece: Piece) -> int:
    return piece.stop - piece.start if isinstance(piece, Keep) else len(piece)


def _offset(patch: Patch) -> int:
    return patch.offset


def _trim(patch: Patch, view: memoryview) -> Patch:
    if not 0 <= patch.offset <= patch.stop <= len(view):
        raise ValueError(f"the change at offset {patch.offset:#x} reaches beyond the source")
    if isinstance(patch.data, Keep):
        return patch._replace(data=b"") if patch.data.start == patch.offset else patch
    if isinstance(patch.data, Zeros):
        start = end_of_zeros(view, patch.offset, patch.stop)
        return Patch(start, Zeros(_start_of_zeros(view, start, patch.stop) - start))
    old = bytes(view[patch.offset : patch.stop])
    if old == patch.data:
        return Patch(patch.offset, b"")
    start = next(i for i, (a, b) in enumerate(zip(old, patch.data, strict=True)) if a != b)
    stop = len(old)
    while old[stop - 1] == patch.data[stop - 1]:
        stop -= 1
    return Patch(patch.offset + start, patch.data[start:stop])
