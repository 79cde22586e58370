"""What a file's segments are in memory, before the loader relocates anything."""

from bisect import bisect_right

from slimwheel.elf import format as fmt
from slimwheel.elf.file import ElfFile
from slimwheel.elf.format import Segment
from slimwheel.errors import ElfError


class Memory:
    """Looks addresses up in the PT_LOAD segments of a file, however many there are."""

    def __init__(self, elf: ElfFile) -> None:
        self._elf = elf
        self._loads = sorted(elf.loads, key=lambda load: load.address)
        self._starts = [load.address for load in self._loads]

    def read(self, address: int, size: int) -> bytes:
        """Return `size` bytes at an address, zeros where the file has none (`.bss`).

        Raises:
            ElfError: no segment holds them all.
        """
        load = self._load(address, size)
        start = load.offset + address - load.address
        return bytes(self._elf.data[start : min(start + size, load.end)]).ljust(size, b"\0")

    def string(self, address: int, limit: int) -> str:
        """Return the NUL-terminated string at an address; ElfError if it is longer than `limit`."""
        load = self._load(address, 1)
        start = load.offset + address - load.address
        return self._elf.source.string(start, load.end, "a string", limit)

    def is_executable(self, address: int) -> bool:
        """Tell whether there is code at an address; ElfError if there is no memory."""
        return bool(self._load(address, 1).flags & fmt.PF_X)

    def _load(self, address: int, size: int) -> Segment:
        index = bisect_right(self._starts, address) - 1
        if index >= 0 and address + size <= self._loads[index].memory_end:
            return self._loads[index]
        raise ElfError(
            f"no loaded segment holds {size} bytes at address {address:#x}", file=self._elf.name
        )
