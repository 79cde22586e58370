"""Wrappers: what the start-up code of a library hands to the CUDA runtime, one for each container.

docs/formats-fatbin.md describes them and names the sources.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from slimwheel.cuda.fatbin import Container
from slimwheel.elf import ElfFile, ElfShapeError, Section
from slimwheel.elf.format import Segment
from slimwheel.elf.references import Reference, references_into
from slimwheel.elf.relocations import RelocationType, read_rows

SECTION_NAME = ".nvFatBinSegment"
MAGIC = 0x466243B1
VERSIONS = (1, 2)
POINTER_OFFSET = 8

_WRAPPER = struct.Struct("<IIQQ")
# As many as there may be containers, most of which have one.
_MAX_WRAPPERS = 1 << 16


class Wrapper(NamedTuple):
    """A wrapper by its place in the file and the container that it points at.

    `pointer` is what the file has for the container's address; linkers may leave it 0, for the
    loader fills it in. `addend_offset` is where the relocation says it, as in `Reference`.
    """

    offset: int
    pointer: int
    addend_offset: int | None


def wrappers_of(elf: ElfFile, containers: Sequence[Container]) -> dict[int, list[Wrapper]]:
    """Return the wrappers of every container, by the container's address.

    So that each container can move, this holds: whatever points at it is a wrapper, and every
    pointer is one that the loader fills in. A wrapper may point at nothing: compilers write such
    where a source has no code for any of the devices asked for.

    Raises:
        ElfShapeError: it does not hold, or there is something unknown among the wrappers.
        ElfError: the file is damaged.
    """
    found: dict[int, list[Wrapper]] = {container.address: [] for container in containers}
    if len(found) != len(containers):
        raise _refusal(elf, "two containers have one address", min(found))
    sections = {container.section.number: container.section for container in containers}
    stretches = [range(s.address, s.address + s.size) for s in sections.values()]
    places = dict(_bounded_places(elf))
    for reference in references_into(elf, stretches):
        place = places.pop(reference.address - POINTER_OFFSET, None)
        if place is None or reference.target not in found:
            message = f"{reference.target:#x} in the device code is pointed at by no wrapper"
            raise _refusal(elf, message, reference.address)
        found[reference.target].append(_wrapper(elf, place, reference))
    if places:
        _check_null(elf, places)
    for address, wrappers in found.items():
        if not wrappers:
            raise _refusal(elf, "no wrapper points at a container", address)
    return found


def astray(elf: ElfFile, containers: Sequence[Container]) -> Iterator[tuple[int, int]]:
    """Yield the wrappers that point at something other than a container: address and pointer.

    The CUDA runtime reads a container's header there when the library is loaded. A wrapper that
    points at nothing is not among them, nor one whose pointer a symbol decides.

    Raises:
        ElfShapeError: there is something unknown among the wrappers.
        ElfError: the file is damaged.
    """
    places = dict(_bounded_places(elf))
    pointers = {
        address: _WRAPPER.unpack_from(elf.data, place)[2] for address, place in places.items()
    }
    for address, info, addend, _ in read_rows(elf):
        wrapper = address - POINTER_OFFSET
        if wrapper in pointers:
            pointers[wrapper] = addend if info == RelocationType.RELATIVE else 0
    targets = {container.address for container in containers}
    yield from ((a, p) for a, p in pointers.items() if p and p not in targets)


def _bounded_places(elf: ElfFile) -> list[tuple[int, int]]:
    rows = list(islice(_places(elf), _MAX_WRAPPERS + 1))
    if len(rows) > _MAX_WRAPPERS:
        raise elf.source.damage("too many wrappers of device code", rows[-1][1])
    return rows


def _places(elf: ElfFile) -> Iterator[tuple[int, int]]:
    """Yield address and offset of every wrapper."""
    for section in elf.sections:
        if section.name == SECTION_NAME:
            yield from _places_in(elf, section)


def _places_in(elf: ElfFile, section: Section) -> Iterator[tuple[int, int]]:
    if section.file_size % _WRAPPER.size:
        raise _refusal(elf, f"{section.name} has {section.file_size} bytes", section.address)
    if section.file_size and not any(_holds(load, section) for load in elf.loads):
        raise _refusal(elf, f"{section.name} is in no loaded segment", section.address)
    data = elf.data[section.offset : section.end]
    for number, (magic, version, _, _) in enumerate(_WRAPPER.iter_unpack(data)):
        offset = number * _WRAPPER.size
        if magic != MAGIC or version not in VERSIONS:
            message = f"a wrapper has the magic {magic:#x} and version {version}"
            raise _refusal(elf, message, section.address + offset)
        yield section.address + offset, section.offset + offset


def _holds(load: Segment, section: Section) -> bool:
    """Tell whether loaders take a section's memory from where the section header says it is."""
    is_inside = load.offset <= section.offset and section.end <= load.end
    is_there = section.offset - load.offset == section.address - load.address
    return section.is_alloc and is_inside and is_there


def _wrapper(elf: ElfFile, offset: int, reference: Reference) -> Wrapper:
    _, _, pointer, _ = _WRAPPER.unpack_from(elf.data, offset)
    if pointer not in (0, reference.target):
        message = f"a wrapper and its relocation differ: {pointer:#x} and {reference.target:#x}"
        raise _refusal(elf, message, reference.address)
    return Wrapper(offset, pointer, reference.addend_offset)


def _check_null(elf: ElfFile, places: Mapping[int, int]) -> None:
    """Refuse wrappers that point at something, or do once the loader has filled them in."""
    relocated = {row[0] - POINTER_OFFSET for row in read_rows(elf)}
    for address, place in places.items():
        _, _, pointer, _ = _WRAPPER.unpack_from(elf.data, place)
        if pointer or address in relocated:
            raise _refusal(elf, "a wrapper points at no container", address)


def _refusal(elf: ElfFile, message: str, address: int) -> ElfShapeError:
    return ElfShapeError(message, file=elf.name, place=f"address {address:#x}")
