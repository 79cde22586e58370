"""Device code of no meaning, written by hand: images, containers, and libraries with wrappers.

`image` and `container` make what NVIDIA's compilers write, every field as asked for.
`HandMade` lays a library out byte by byte, for shapes that no linker makes on request;
tests/support/compiled_fatbins.py has those that can be loaded.
"""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from slimwheel.elf import format as fmt
from tests.unit.elf import handmade
from tests.unit.elf.handmade import Section

MAGIC = 0xBA55ED50
WRAPPER_MAGIC = 0x466243B1
PTX, CUBIN, LTO_IR = 1, 2, 8
LZ4, ZSTD = 0x2000, 0x8000
SUFFIXES = {"a": 1 << 20, "f": 1 << 21}
RELATIVE = 8

_IMAGE = struct.Struct("<HHIQIIHHIIIQQQ")
IMAGE_HEADER = _IMAGE.size


def image(
    number: int,
    suffix: str = "",
    *,
    kind: int = CUBIN,
    payload: bytes = b"",
    header_size: int = IMAGE_HEADER,
    claimed_header: int | None = None,
    claimed_payload: int | None = None,
    flags: int = 0x11,
    compressed: int = 0,
    decompressed: int = 0,
) -> bytes:
    """Return an image for an architecture; what is claimed is in its header instead of the truth.

    A payload is made up where none is given; it differs from kind to kind and number to number.
    """
    content = payload or f"{kind}/{number}{suffix}".encode().ljust(8, b".") * 5
    for letter in suffix:
        flags |= SUFFIXES[letter]
    header = _IMAGE.pack(
        kind,
        0x101,
        header_size if claimed_header is None else claimed_header,
        len(content) if claimed_payload is None else claimed_payload,
        compressed,
        64,
        1,
        1,
        number,
        64,
        header_size - IMAGE_HEADER,
        flags,
        0,
        decompressed,
    )
    return header.ljust(header_size, b"n") + content


def container(images: Iterable[bytes] = ()) -> bytes:
    """Return a container of images."""
    payload = b"".join(images)
    return struct.pack("<IHHQ", MAGIC, 1, 16, len(payload)) + payload


def back_to_back(containers: Iterable[bytes]) -> tuple[bytes, list[int]]:
    """Return a section of containers, each at a multiple of 8, and their offsets in it."""
    content = b""
    offsets = []
    for each in containers:
        content += bytes(-len(content) % 8)
        offsets.append(len(content))
        content += each
    return content, offsets


class Row(dict[str, int]):
    """Fields of a wrapper that differ from the usual: magic, version, pointer, more."""


_FIRST, _SECOND = 0x2000, 0x1000
"""Offset of the device code, and by how much more the second segment is moved in memory."""


@dataclass
class HandMade:
    """A library of two segments, with containers in the first and their wrappers in the second.

    Whatever a test does not change is sound. In memory the first segment is where it is in the
    file. `references` are (address, target) that DT_RELA relocates beside the wrappers.
    """

    sections: Mapping[str, list[bytes]]
    wrapped: list[int] | None = None
    """Which container each wrapper points at; None for each its own."""
    rows: dict[int, Row] = field(default_factory=dict)
    unrelocated: frozenset[int] = frozenset()
    packed: bool = False
    references: list[tuple[int, int]] = field(default_factory=list)
    exported: int | None = None
    behind_wrappers: bytes = b""
    machine: int = fmt.EM_X86_64
    addresses: list[int] = field(default_factory=list)
    """Of the containers; known once the library is built."""
    data_address: int = 0
    """Of 64 bytes of data which nothing uses; known once the library is built."""

    def build(self) -> bytes:
        """Return the file."""
        self.addresses, device, cursor = [], [], _FIRST
        for name, containers in self.sections.items():
            cursor += -cursor % 8
            content, offsets = back_to_back(containers)
            device.append(Section(name, 1, cursor, content, fmt.SHF_ALLOC, cursor, align=8))
            self.addresses += [cursor + offset for offset in offsets]
            cursor += len(content)
        first_end = cursor
        second = cursor + -cursor % 0x1000
        wrappers, relative = self._wrappers(second + 0x200 + _SECOND)
        self.data_address = second + 0x180 + _SECOND
        packed = b"".join(struct.pack("<Q", address) for address, _ in relative)
        relative = self.references if self.packed else [*relative, *self.references]
        rela = b"".join(struct.pack("<QQq", where, RELATIVE, to) for where, to in relative)
        packed = packed if self.packed else b""
        dynamic = self._dynamic(second, len(rela), len(packed))
        symbols = bytes(fmt.SYMBOL.size)
        if self.exported is not None:
            symbols += fmt.SYMBOL.pack(1, 0x11, 0, 4, self.exported, 8)
        alloc = fmt.SHF_ALLOC
        image = handmade.Image(machine=self.machine)
        image.segment(fmt.PT_LOAD, 0, 0, first_end, align=0x1000, flags=4)
        end = second + 0x200 + len(wrappers)
        image.segment(fmt.PT_LOAD, second, second + _SECOND, end - second, align=0x1000)
        image.segment(fmt.PT_DYNAMIC, second, second + _SECOND, len(dynamic), align=8)
        image.segment(fmt.PT_GNU_STACK, 0, 0, 0, align=16)
        image.sections = [
            Section(".dynstr", fmt.SHT_STRTAB, 0x400, b"\0exported\0", alloc, 0x400),
            Section(".dynsym", fmt.SHT_DYNSYM, 0x420, symbols, alloc, 0x420, 1, 1, 8, 24),
            Section(".rela.dyn", fmt.SHT_RELA, 0x480, rela, alloc, 0x480, 2, 0, 8, 24),
            *device,
            Section(".dynamic", 6, second, dynamic, alloc | 1, second + _SECOND, 1, 0, 8, 16),
            Section(
                ".data", 1, second + 0x180, bytes(64), alloc | 1, second + 0x180 + _SECOND, align=8
            ),
            Section(
                ".nvFatBinSegment",
                1,
                second + 0x200,
                wrappers,
                alloc | 1,
                second + 0x200 + _SECOND,
                align=8,
            ),
        ]
        if packed:
            image.sections.append(Section(".relr.dyn", 19, 0x1800, packed, alloc, 0x1800, align=8))
        image.names_offset, image.table_offset = end + 64, end + 512
        return image.build()

    def _wrappers(self, address: int) -> tuple[bytes, list[tuple[int, int]]]:
        """Return the section at an address, and what is relocated in it."""
        content, relative = b"", []
        wrapped = range(len(self.addresses)) if self.wrapped is None else self.wrapped
        for number, index in enumerate(wrapped):
            target = self.addresses[index]
            row = {"magic": WRAPPER_MAGIC, "version": 1, "pointer": target, "more": 0}
            row |= self.rows.get(number, {})
            if number not in self.unrelocated:
                relative.append((address + len(content) + 8, target))
            content += struct.pack("<IIQQ", *row.values())
        return content + self.behind_wrappers, relative

    def _dynamic(self, second: int, rela_size: int, packed_size: int) -> bytes:
        entries = [
            (fmt.DT_STRTAB, 0x400),
            (fmt.DT_STRSZ, 10),
            (fmt.DT_SYMTAB, 0x420),
            (7, 0x480),
            (8, rela_size),
            (9, 24),
        ]
        entries += [(36, 0x1800), (35, packed_size)] if packed_size else []
        return b"".join(fmt.DYNAMIC_ENTRY.pack(*entry) for entry in [*entries, (fmt.DT_NULL, 0)])
