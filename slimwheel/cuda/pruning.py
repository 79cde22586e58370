"""Taking images out of a library so that the file really becomes smaller.

Kept images close up at the start of their section, wrappers are pointed at the containers' new
places, and the free end of the section is cut out of the file. No container goes: one without
images stays as its header. docs/device-code.md explains it with a picture.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from slimwheel.cuda.fatbin import HEADER, read_containers
from slimwheel.cuda.images import ALIGN, Image, container_header, read_images
from slimwheel.cuda.symbols import moved_symbols
from slimwheel.cuda.wrappers import POINTER_OFFSET, Wrapper, wrappers_of
from slimwheel.elf import ElfFile, Keep, Patch
from slimwheel.elf.edits import Zeros

Choice = Callable[[Sequence[Image]], AbstractSet[int]]
"""Given the images of one container, the indexes of those that stay."""

_ADDRESS = struct.Struct("<Q")


class Pruning(NamedTuple):
    """The changes that take images out of a library.

    Attributes:
        patches: for `slim`.
        sizes: new sizes of sections, by their numbers, for `shorten`.
        before: the images that were there, container by container.
        after: those of them that stay.
    """

    patches: tuple[Patch, ...]
    sizes: dict[int, int]
    before: tuple[tuple[Image, ...], ...]
    after: tuple[tuple[Image, ...], ...]


def prune(elf: ElfFile, choice: Choice, *, symbols: bool = False) -> Pruning:
    """Take all images out that are not chosen; none chosen in a container leaves it empty.

    Not for libraries that reach their device code by offsets of their own, which nothing in the
    file tells: NVIDIA's cublasLt, cuDNN and cuSPARSELt do.

    Args:
        elf: the library.
        choice: which images stay.
        symbols: whether the static symbol table stays, which then has to be kept true.

    Raises:
        ElfShapeError: the device code is not as it has to be to be moved; the file can stay as it
            is.
        ElfError: the file is damaged.
    """
    containers = read_containers(elf)
    before = tuple(read_images(elf, container) for container in containers)
    after = tuple(_stay(images, choice(images)) for images in before)
    if before == after:
        return Pruning((), {}, before, after)
    wrappers = wrappers_of(elf, containers)
    patches: list[Patch] = []
    sizes: dict[int, int] = {}
    moved: dict[int, int] = {}
    cursor = 0
    for container, images in zip(containers, after, strict=True):
        section = container.section
        if section.number not in sizes:
            cursor = section.offset
        start = cursor + (section.offset - cursor) % ALIGN
        patches.append(Patch(cursor, Zeros(start - cursor)))
        patches += _compacted(start, images)
        cursor = start + HEADER.size + sum(image.size for image in images)
        sizes[section.number] = cursor - section.offset
        address = section.address + start - section.offset
        moved[container.address] = address
        for wrapper in wrappers[container.address]:
            patches += _pointed_at(wrapper, address)
    if symbols:
        patches += moved_symbols(elf, {c.section.number for c in containers}, moved)
    return Pruning(tuple(patches), sizes, before, after)


def _stay(images: tuple[Image, ...], chosen: AbstractSet[int]) -> tuple[Image, ...]:
    return tuple(image for index, image in enumerate(images) if index in chosen)


def _compacted(start: int, images: Sequence[Image]) -> Iterator[Patch]:
    """Yield a container's header and images at their new place."""
    header = container_header(sum(image.size for image in images))
    yield Patch(start, header)
    cursor = start + len(header)
    for image in images:
        yield Patch(cursor, Keep(image.offset, image.end))
        cursor += image.size


def _pointed_at(wrapper: Wrapper, address: int) -> Iterator[Patch]:
    pointer = _ADDRESS.pack(address)
    if wrapper.addend_offset is not None:
        yield Patch(wrapper.addend_offset, pointer)
    if wrapper.pointer:
        yield Patch(wrapper.offset + POINTER_OFFSET, pointer)
