"""What a container holds: one piece of code, as an image for each device or family of devices.

docs/formats-fatbin.md describes the format and names the sources. All numbers are little-endian,
and all offsets are in bytes from the start of the file.
"""

import struct
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from slimwheel.cuda.fatbin import HEADER, MAGIC, VERSION, Container, read_header
from slimwheel.elf import Buffer, ElfFile, ElfShapeError
from slimwheel.elf.source import Source
from slimwheel.errors import ElfError

ALIGN = 8
"""Containers and images start at multiples of this, counted from the container before them."""

# Kind, header size, payload size, compressed size, minor and major of the format, architecture,
# flags, decompressed size.
_HEADER = struct.Struct("<HxxIQI4xHHI8xQ8xQ")
_SUFFIXES = {1 << 20: "a", 1 << 21: "f"}
_LZ4, _ZSTD = 0x2000, 0x8000
# A function has an image for each architecture; the largest number known is 7.
_MAX_IMAGES = 1 << 12


class Kind(IntEnum):
    """What an image is. There are more kinds than these."""

    PTX = 1
    CUBIN = 2
    LTO_IR = 8


class Architecture(NamedTuple):
    """What an image was made for: 90 and "a" for sm_90a.

    Code with the suffix `a` runs on just this architecture, with `f` on this and on later ones of
    its family, without a suffix on later ones of the same major version. PTX without a suffix is
    translated for any later one.
    """

    number: int
    suffix: str = ""

    @property
    def major(self) -> int:
        """The first part of the compute capability: 9 for 90, 12 for 121."""
        return self.number // 10

    @property
    def minor(self) -> int:
        """The second part of the compute capability."""
        return self.number % 10

    def __str__(self) -> str:
        return f"{self.number}{self.suffix}"


class Image(NamedTuple):
    """One image: a header, then `payload_size` bytes, padding included.

    `kind` is a `Kind` or any other number; `flags` are the header's.
    """

    kind: int
    architecture: Architecture
    offset: int
    header_size: int
    payload_size: int
    compressed_size: int
    decompressed_size: int
    flags: int

    @property
    def payload_offset(self) -> int:
        """Offset of the first byte behind the header."""
        return self.offset + self.header_size

    @property
    def end(self) -> int:
        """Offset of the first byte behind the image."""
        return self.payload_offset + self.payload_size

    @property
    def size(self) -> int:
        """Bytes of the image, its header included."""
        return self.header_size + self.payload_size

    @property
    def compression(self) -> str | None:
        """How the payload is compressed: "lz4" (a block), "zstd" (a frame), None for not at all."""
        if self.flags & _ZSTD:
            return "zstd"
        return "lz4" if self.flags & _LZ4 else None

    @property
    def is_code(self) -> bool:
        """Whether it is of a kind that is made for one architecture: a cubin, or PTX."""
        return self.kind in (Kind.CUBIN, Kind.PTX)

    @property
    def target(self) -> str:
        """What it is for, as NVIDIA's tools write it: sm_90a, compute_70, lto_80, kind16_80."""
        prefix = {Kind.CUBIN: "sm", Kind.PTX: "compute", Kind.LTO_IR: "lto"}.get(self.kind)  # type: ignore[call-overload]
        return f"{prefix or f'kind{self.kind}'}_{self.architecture}"


def read_images(elf: ElfFile, container: Container) -> tuple[Image, ...]:
    """Return the images of one of a file's containers in order; only their headers are read.

    Raises:
        ElfShapeError: bytes that belong to no image.
        ElfError: an image is cut short, or there are far too many.
    """
    return _read_all(elf.source, container.payload_offset, container.end)


def parse_fatbin(data: Buffer, name: str) -> tuple[Image, ...]:
    """Return the images of a container that is a file of its own, as `nvcc -fatbin` writes it.

    Args:
        data: the whole file.
        name: what errors call the file.

    Raises:
        ElfShapeError: not a container, of an unknown version, or with bytes behind it.
        ElfError: the container or an image is cut short.
    """
    source = Source(data, name)
    end = HEADER.size + read_header(source, 0, source.size, "the file")
    if bytes(source.view[end:]).strip(b"\0"):
        message = "bytes follow the container"
        raise ElfShapeError(message, file=name, place=f"offset {end:#x}")
    return _read_all(source, HEADER.size, end)


def pack_container(images: Iterable[bytes | memoryview]) -> bytes:
    """Return a container of images, each with its header as it was read; none makes an empty one.

    Raises:
        ValueError: an image is not whole, so that the next one would not be found.
    """
    parts = list(images)
    for number, image in enumerate(parts):
        try:
            is_whole = len(_read_all(Source(image, "an image"), 0, len(image))) == 1
        except ElfError:
            is_whole = False
        if not is_whole:
            raise ValueError(f"image {number} is not as long as its header says")
    payload = b"".join(parts)
    return container_header(len(payload)) + payload


def container_header(payload_size: int) -> bytes:
    """Return the header of a container whose images take so many bytes."""
    return HEADER.pack(MAGIC, VERSION, HEADER.size, payload_size)


def _read_all(source: Source, start: int, stop: int) -> tuple[Image, ...]:
    images: list[Image] = []
    while start < stop:
        if len(images) == _MAX_IMAGES:
            raise source.damage("too many images in a container of device code", start)
        images.append(_read_image(source, start, stop))
        start = images[-1].end
    return tuple(images)


def _read_image(source: Source, offset: int, stop: int) -> Image:
    room = stop - offset
    if room < _HEADER.size:
        if not bytes(source.view[offset:stop]).strip(b"\0"):
            message = f"{room} zero bytes behind the last image of a container"
            raise ElfShapeError(message, file=source.name, place=f"offset {offset:#x}")
        raise source.damage("an image's header is cut by the end of its container", offset)
    kind, header_size, payload_size, compressed, minor, major, number, flags, decompressed = (
        _HEADER.unpack_from(source.view, offset)
    )
    if header_size < _HEADER.size:
        message = f"an image with a header of {header_size} bytes, format {major}.{minor}"
        raise ElfShapeError(message, file=source.name, place=f"offset {offset:#x}")
    if header_size > room or payload_size > room - header_size:
        message = f"an image of {header_size} + {payload_size} bytes reaches beyond its container"
        raise source.damage(message, offset)
    suffix = "".join(letter for bit, letter in _SUFFIXES.items() if flags & bit)
    architecture = Architecture(number, suffix)
    return Image(
        kind, architecture, offset, header_size, payload_size, compressed, decompressed, flags
    )
