"""Fat binaries: sections full of containers, each with one piece of code for several devices.

docs/formats-fatbin.md describes the format and names the sources. All numbers are little-endian,
and all offsets are in bytes from the start of the file.
"""

import struct
from itertools import pairwise
from typing import NamedTuple

from slimwheel.elf import ElfFile, ElfShapeError, Section
from slimwheel.elf.edits import end_of_zeros
from slimwheel.elf.source import Source

SECTION_NAMES = frozenset({".nv_fatbin", "__nv_relfatbin"})
"""Linked device code, and device code that can be linked again with other such code."""

MAGIC = 0xBA55ED50
VERSION = 1
HEADER = struct.Struct("<IHHQ")
"""Magic, version, size of this header, size of what follows it."""
PAYLOAD_SIZE_OFFSET = 8

_MAGIC_BYTES = MAGIC.to_bytes(4, "little")
# Forty times as many as the largest library known has; only damage asks for more.
_MAX_CONTAINERS = 1 << 16


class Container(NamedTuple):
    """One container: a header, then `payload_size` bytes of entries, which may be none."""

    section: Section
    offset: int
    payload_size: int

    @property
    def payload_offset(self) -> int:
        """Offset of the first byte behind the header."""
        return self.offset + HEADER.size

    @property
    def end(self) -> int:
        """Offset of the first byte behind the container."""
        return self.payload_offset + self.payload_size

    @property
    def size(self) -> int:
        """Bytes of the container, its header included."""
        return HEADER.size + self.payload_size

    @property
    def address(self) -> int:
        """Where the container is in memory: what its wrapper points at."""
        return self.section.address + self.offset - self.section.offset

    @property
    def is_empty(self) -> bool:
        """Whether the container holds nothing for any device, which is not uncommon."""
        return self.payload_size == 0


def device_sections(elf: ElfFile) -> tuple[Section, ...]:
    """Return the sections of device code that have bytes in the file, in its order.

    They are known by their names, which the compiler's and the loader's side agree on. The magic
    alone does not do: data of a program may begin with it, and is followed by other data then.
    """
    found = (section for section in elf.sections if section.name in SECTION_NAMES)
    return tuple(sorted((s for s in found if s.file_size), key=lambda section: section.offset))


def device_code_size(elf: ElfFile) -> int:
    """Return the size of all sections of device code, 0 where there are none.

    Emptying a library does not change it: the sections stay.
    """
    return sum(section.file_size for section in device_sections(elf))


def has_device_code(elf: ElfFile) -> bool:
    """Tell whether a file has sections of device code, be they emptied or not."""
    return bool(device_sections(elf))


def read_containers(elf: ElfFile) -> tuple[Container, ...]:
    """Find every container of a file, in the file's order; only their headers are read.

    Zeros between containers are skipped, however many: linkers align with them, and an emptied
    library has them where its device code was.

    Raises:
        ElfShapeError: something other than a container, or one of an unknown version.
        ElfError: a container is cut short, sections overlap, or there are far too many containers.
    """
    sections = device_sections(elf)
    for first, second in pairwise(sections):
        if first.end > second.offset:
            raise elf.source.damage(f"{second.name} overlaps {first.name}", second.offset)
    containers: list[Container] = []
    for section in sections:
        offset = end_of_zeros(elf.data, section.offset, section.end)
        while offset < section.end:
            if len(containers) == _MAX_CONTAINERS:
                raise elf.source.damage("too many containers of device code", offset)
            containers.append(_read_container(elf, section, offset))
            offset = end_of_zeros(elf.data, containers[-1].end, section.end)
    return tuple(containers)


def _read_container(elf: ElfFile, section: Section, offset: int) -> Container:
    payload_size = read_header(elf.source, offset, section.end, section.name)
    return Container(section, offset, payload_size)


def read_header(source: Source, offset: int, stop: int, where: str) -> int:
    """Return the payload size of the container at an offset.

    Args:
        stop: where the container has to end.
        where: what errors call the place that it is in.

    Raises:
        ElfShapeError: something other than a container, or one of an unknown version.
        ElfError: the container is cut short.
    """
    room = stop - offset
    if bytes(source.view[offset : offset + min(room, 4)]) != _MAGIC_BYTES[:room]:
        raise _unknown(source, f"{where} holds something that is no container", offset)
    if room < HEADER.size:
        raise source.damage(f"a container's header is cut by the end of {where}", offset)
    _, version, header_size, payload_size = HEADER.unpack_from(source.view, offset)
    if (version, header_size) != (VERSION, HEADER.size):
        what = f"version {version} with a header of {header_size} bytes"
        raise _unknown(source, f"{where} holds a container of {what}", offset)
    if payload_size > room - HEADER.size:
        message = f"a container of {payload_size} bytes reaches beyond the end of {where}"
        raise source.damage(message, offset)
    return int(payload_size)


def _unknown(source: Source, message: str, offset: int) -> ElfShapeError:
    return ElfShapeError(message, file=source.name, place=f"offset {offset:#x}")
