"""What device code a library holds, read by pyelftools and struct alone: no code of slimwheel.

Containers are found in two ways that know nothing of each other: by the names of sections, in
their order (`read_sections`), and as the CUDA runtime is told of them, by the wrappers and what
the dynamic loader makes of their pointers (`read_wrappers`). Only headers are read unless hashes
are asked for.
"""

import hashlib
import mmap
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from elftools.elf.elffile import ELFFile

SECTIONS = (".nv_fatbin", "__nv_relfatbin")
WRAPPERS = ".nvFatBinSegment"

_CONTAINER = struct.Struct("<IHHQ")
_WRAPPER = struct.Struct("<IIQQ")
_RELA = struct.Struct("<QQq")
_CONTAINER_MAGIC = 0xBA55ED50
_WRAPPER_MAGIC = 0x466243B1
_KINDS = {1: "ptx", 2: "elf", 8: "lto"}
# For one device alone, and for a family of devices.
_SUFFIXES = {1 << 20: "a", 1 << 21: "f"}
_R_X86_64_RELATIVE = 8
_R_AARCH64_RELATIVE = 1027


class Image(NamedTuple):
    """Code for one kind of device. Two are the same bytes if and only if they are equal."""

    kind: str
    arch: int
    suffix: str
    size: int
    sha256: str
    """Of the image's header and payload; empty where hashes were not asked for."""

    @property
    def target(self) -> tuple[str, str]:
        """Kind and device, as `("elf", "sm_90a")`."""
        return self.kind, f"sm_{self.arch}{self.suffix}"


@dataclass(frozen=True)
class Container:
    """One container; `start` and `end` are offsets in the file."""

    start: int
    end: int
    address: int
    images: tuple[Image, ...]

    @property
    def size(self) -> int:
        """Its bytes, the header included."""
        return self.end - self.start


@dataclass(frozen=True)
class Wrapper:
    """What the runtime is handed: `pointer` is what the file has, `loaded` what the loader writes.

    `loaded` is None where no relocation covers the pointer, and then the file's bytes stay.
    """

    address: int
    version: int
    pointer: int
    loaded: int | None
    container: Container


def read_sections(path: Path, *, hashed: bool = False) -> dict[str, list[Container]]:
    """Return the containers of every section of device code, in the section's order.

    Anything else in such a section than containers, and zeros up to the next multiple of 8
    between them, is an AssertionError.
    """
    with _mapped(path) as (elf, data):
        found = {}
        for section in elf.iter_sections():
            if section.name in SECTIONS and section["sh_type"] == "SHT_PROGBITS":
                start, size = section["sh_offset"], section["sh_size"]
                shift = section["sh_addr"] - start
                found[section.name] = list(_containers(data, start, start + size, shift, hashed))
        return found


def read_wrappers(path: Path, *, hashed: bool = False) -> list[Wrapper]:
    """Return every wrapper with the container that it points at once the library is loaded."""
    with _mapped(path) as (elf, data):
        section = elf.get_section_by_name(WRAPPERS)
        if section is None:
            return []
        start, size, address = section["sh_offset"], section["sh_size"], section["sh_addr"]
        assert size % _WRAPPER.size == 0, f"{WRAPPERS} is {size} bytes"
        addends = _relative(elf, data, range(address, address + size))
        found = []
        for offset in range(start, start + size, _WRAPPER.size):
            magic, version, pointer, _ = _WRAPPER.unpack_from(data, offset)
            assert magic == _WRAPPER_MAGIC, f"no wrapper at {offset:#x}"
            where = address + offset - start
            loaded = addends.get(where + 8)
            target = pointer if loaded is None else loaded
            place, limit = _in_file(elf, target)
            container = _container(data, place, limit, target - place, hashed)
            found.append(Wrapper(where, version, pointer, loaded, container))
        return found


def counts(containers: list[Container]) -> Counter[tuple[str, str]]:
    """Return how many images there are of each kind and device."""
    return Counter(image.target for container in containers for image in container.images)


def is_pruned_from(kept: tuple[Image, ...], upstream: tuple[Image, ...]) -> bool:
    """Tell whether a container's images are some of upstream's, byte for byte, in its order."""
    rest = iter(upstream)
    return all(image in rest for image in kept)


@contextmanager
def _mapped(path: Path) -> Iterator[tuple[Any, mmap.mmap]]:
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        yield ELFFile(file), data


def _containers(
    data: mmap.mmap, start: int, stop: int, shift: int, hashed: bool
) -> Iterator[Container]:
    while start < stop:
        container = _container(data, start, stop, shift, hashed)
        yield container
        start = min(-(-container.end // 8) * 8, stop)
        assert not any(data[container.end : start]), f"no zeros at {container.end:#x}"


def _container(data: mmap.mmap, start: int, stop: int, shift: int, hashed: bool) -> Container:
    assert start % 8 == 0, f"a container at {start:#x}"
    magic, version, header, size = _CONTAINER.unpack_from(data, start)
    assert (magic, version, header) == (_CONTAINER_MAGIC, 1, 16), f"no container at {start:#x}"
    end = start + header + size
    assert end <= stop, f"the container at {start:#x} ends at {end:#x}, behind {stop:#x}"
    images = tuple(_images(data, start + header, end, hashed))
    return Container(start, end, start + shift, images)


def _images(data: mmap.mmap, start: int, stop: int, hashed: bool) -> Iterator[Image]:
    while start < stop:
        assert stop - start >= 64, f"{stop - start} bytes behind the images at {start:#x}"
        kind, _, header, payload = struct.unpack_from("<HHIQ", data, start)
        (arch,) = struct.unpack_from("<I", data, start + 28)
        (flags,) = struct.unpack_from("<Q", data, start + 40)
        end = start + header + payload
        assert header >= 64, f"a header of {header} bytes at {start:#x}"
        assert end <= stop, f"the image at {start:#x} ends at {end:#x}, behind {stop:#x}"
        suffix = "".join(text for bit, text in _SUFFIXES.items() if flags & bit)
        digest = hashlib.sha256(data[start:end]).hexdigest() if hashed else ""
        yield Image(_KINDS.get(kind, str(kind)), arch, suffix, end - start, digest)
        start = end


def _in_file(elf: Any, address: int) -> tuple[int, int]:
    """Where the loader takes the bytes of an address from, and where that segment's bytes end."""
    for segment in elf.iter_segments("PT_LOAD"):
        first, offset = segment["p_vaddr"], segment["p_offset"]
        if first <= address < first + segment["p_filesz"]:
            return address - first + offset, offset + segment["p_filesz"]
    raise AssertionError(f"no segment loads address {address:#x} from the file")


def _relative(elf: Any, data: mmap.mmap, addresses: range) -> dict[int, int]:
    """Return the addends of the relative relocations in a range of addresses, by address."""
    (dynamic,) = elf.iter_segments("PT_DYNAMIC")
    tags = {tag.entry.d_tag: tag.entry.d_val for tag in dynamic.iter_tags()}
    if "DT_RELA" not in tags:
        return {}
    start, _ = _in_file(elf, tags["DT_RELA"])
    table = data[start : start + tags["DT_RELASZ"]]
    return {
        where: addend
        for where, info, addend in _RELA.iter_unpack(table)
        if info in (_R_X86_64_RELATIVE, _R_AARCH64_RELATIVE) and where in addresses
    }
