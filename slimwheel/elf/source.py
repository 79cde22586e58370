"""Reading from a buffer that may be damaged: every access is checked against its bounds."""

import mmap

from slimwheel.errors import ElfError

Buffer = bytes | bytearray | memoryview | mmap.mmap

_DAMAGED = "the file is damaged or cut: get it again from where it came"
_STRING_STEP = 256


class Source:
    """The bytes of one file together with the name that errors give it.

    The buffer stays exported as long as the object lives, so an `mmap` can be closed only
    once this object is gone. Slices are views: nothing is copied.
    """

    def __init__(self, data: Buffer, name: str) -> None:
        self.view = memoryview(data).cast("B")
        self.name = name

    @property
    def size(self) -> int:
        """Length of the file in bytes."""
        return len(self.view)

    def damage(self, message: str, offset: int) -> ElfError:
        """Return the error for damage at a file offset."""
        return ElfError(message, file=self.name, place=f"offset {offset:#x}", hint=_DAMAGED)

    def slice(self, offset: int, size: int, what: str) -> memoryview:
        """Return a view of `size` bytes; ElfError if they are not all in the file."""
        if offset > self.size or size > self.size - offset:
            raise self.damage(f"{what} ({size} bytes) reaches beyond the end of the file", offset)
        return self.view[offset : offset + size]

    def string(self, offset: int, stop: int, what: str, limit: int) -> str:
        """Return the NUL-terminated string at `offset`, which must end before `stop`.

        Args:
            limit: longest string accepted, so that hostile tables cannot ask for gigabytes.
        """
        stop = min(stop, self.size, offset + limit + 1)
        raw = b""
        for start in range(offset, stop, _STRING_STEP):
            part, end, _ = bytes(self.view[start : min(start + _STRING_STEP, stop)]).partition(
                b"\0"
            )
            raw += part
            if end:
                return raw.decode("utf-8", "surrogateescape")
        raise self.damage(f"{what} does not end within its table and {limit} bytes", offset)
