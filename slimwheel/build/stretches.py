"""A new deflate stream as stretches of two files: upstream's member, and a scratch file.

Nearly all of a spliced stream stands in upstream's wheel already. It is read there again when it
is written, and only the rest takes room until then.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from slimwheel.wheelfile.archive import CHUNK


class _Stretch(NamedTuple):
    """Bytes from `start` to before `stop`, upstream's or of the scratch file."""

    is_old: bool
    start: int
    stop: int


class Stretches:
    """Collects a stream in order until it is closed, and gives it out then.

    Args:
        path: the scratch file, which must not be there yet.
        read: returns so many of upstream's bytes from an offset.
    """

    def __init__(self, path: Path, read: Callable[[int, int], bytes]) -> None:
        self._path = path
        self._file = path.open("xb")
        self._size = 0
        self._read = read
        self._stretches: list[_Stretch] = []

    def close(self) -> None:
        """Say that all of it was taken."""
        self._file.close()

    def remove(self) -> None:
        """Remove the scratch file."""
        self._path.unlink()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes."""
        self._file.write(data)
        self._add(_Stretch(False, self._size, self._size + len(data)))
        self._size += len(data)

    def keep(self, offset: int, count: int) -> None:
        """Take upstream's bytes as the next."""
        self._add(_Stretch(True, offset, offset + count))

    def windows(self) -> Iterator[bytes]:
        """Yield all of it.

        Raises:
            WheelError: upstream's wheel is shorter than it was.
        """
        with self._path.open("rb", buffering=0) as scratch:
            for stretch in self._stretches:
                for start in range(stretch.start, stretch.stop, CHUNK):
                    count = min(CHUNK, stretch.stop - start)
                    if stretch.is_old:
                        yield self._read(start, count)
                    else:
                        # In order, so that there is nothing to seek.
                        yield scratch.read(count)

    def _add(self, stretch: _Stretch) -> None:
        if self._stretches:
            last = self._stretches[-1]
            if (last.is_old, last.stop) == (stretch.is_old, stretch.start):
                self._stretches[-1] = last._replace(stop=stretch.stop)
                return
        self._stretches.append(stretch)
