"""Writing an ELF shared object for x86-64 from a description of its contents.

Sources: System V gABI, chapters 4 and 5; x86-64 psABI, "Relocation"; GNU additions as in glibc's
`elf/elf.h`. All offsets, addresses and sizes are in bytes.
"""

import struct
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from slimwheel.elf import format as fmt
from slimwheel.elf import relocations as rel
from slimwheel.elf import tables
from slimwheel.elf.image import SHF_EXECINSTR, SHF_WRITE, SHT_DYNAMIC, SHT_STRTAB, Image, Section
from slimwheel.elf.relocations import RelocationType

ALIGNMENT = 32
"""What compilers align a large object to, at most, unless told otherwise."""

_SHT_PROGBITS = 1
_SHT_HASH = 5
_SHT_GNU_HASH = 0x6FFFFFF6
_SHT_VERDEF = 0x6FFFFFFD
_SHT_VERNEED = 0x6FFFFFFE
_SHT_VERSYM = 0x6FFFFFFF
_DT_SYMENT = 11
_DT_RELACOUNT = 0x6FFFFFF9
_STB_GLOBAL = 1
_STB_WEAK = 2
_STT_NOTYPE = 0
_STT_OBJECT = 1
_STT_FUNC = 2
_DISPLACEMENT = struct.Struct("<i")


class SymbolReference(NamedTuple):
    """A symbol of another library; a version can only be asked of a named library.

    One of no named library may be missing where the object is loaded: its address is 0 then.
    """

    name: str
    version: str | None = None
    library: str | None = None


class Area(StrEnum):
    """The sections whose content a description gives."""

    CODE = ".text"
    CONSTANTS = ".rodata"
    DATA = ".data"
    ZEROS = ".bss"


class Place(NamedTuple):
    """An offset in an area."""

    area: Area
    offset: int


class Export(NamedTuple):
    """A symbol that the object defines; what is in `Area.CODE` is a function.

    Of several versions of a name, linkers bind to the default (`name@@version`).
    """

    name: str
    version: str | None
    is_default: bool
    place: Place
    size: int


class Displacement(NamedTuple):
    """Four bytes of code that hold the distance from the byte behind them to a place."""

    offset: int
    target: Place


class Address(NamedTuple):
    """Eight bytes of data that hold an address plus `addend`, which the loader writes there."""

    offset: int
    target: Place | SymbolReference
    addend: int = 0


@dataclass
class SharedObject:
    """What a shared object holds; `versions` and `needed` may leave out what symbols name."""

    soname: str
    needed: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    code: bytearray = field(default_factory=bytearray)
    constants: bytearray = field(default_factory=bytearray)
    data: bytearray = field(default_factory=bytearray)
    zeros: int = 0
    exports: list[Export] = field(default_factory=list)
    displacements: list[Displacement] = field(default_factory=list)
    addresses: list[Address] = field(default_factory=list)


def write_shared_object(described: SharedObject) -> bytes:
    """Return the file; the same description gives the same bytes.

    Raises:
        ValueError: two definitions of one name and version, a version asked of no library, or a
            NUL in a name.
    """
    return _Writer(described).write()


class _Writer:
    """Numbers what is referred to by number, makes the sections, fills in their addresses."""

    def __init__(self, described: SharedObject) -> None:
        self._object = described
        self._strings = tables.Strings()
        # Symbols in the order that DT_GNU_HASH asks for: undefined ones, the others by bucket.
        count = len(described.exports)
        self._exports = sorted(described.exports, key=lambda e: tables.gnu_bucket(e.name, count))
        if len({(export.name, export.version) for export in self._exports}) < count:
            raise ValueError("two definitions of one name and version")
        targets = [address.target for address in described.addresses]
        imports = dict.fromkeys(t for t in targets if isinstance(t, SymbolReference))
        self._imports = {reference: index for index, reference in enumerate(imports, 1)}
        self._names = ["", *(i.name for i in self._imports), *(e.name for e in self._exports)]
        libraries = [reference.library for reference in self._imports if reference.library]
        self._needed = list(dict.fromkeys([*described.needed, *libraries]))

        used = [export.version for export in described.exports if export.version is not None]
        defined = list(dict.fromkeys([*described.versions, *used]))
        first = fmt.VERSION_GLOBAL + 1
        self._defined = {version: number for number, version in enumerate(defined, first)}
        self._asked: dict[tuple[str, str], int] = {}
        for name, version, library in self._imports:
            if version is not None:
                if library is None:
                    raise ValueError(f"version {version} of {name} is asked of no library")
                number = first + len(self._defined) + len(self._asked)
                self._asked.setdefault((library, version), number)

    def write(self) -> bytes:
        sections = self._sections()
        image = Image(sections)
        self._addresses = {section.name: section.address for section in sections}
        symbols, relocations = self._symbols(image), self._relocations()
        for section in sections:
            # What holds addresses replaces its placeholder of the same size.
            if section.name == ".dynsym":
                section.content[:] = symbols
            elif section.name == ".rela.dyn":
                section.content[:] = relocations
            elif section.type == SHT_DYNAMIC:
                section.content[:] = self._dynamic(sections)
            elif section.name == Area.CODE:
                for offset, target in self._object.displacements:
                    behind = section.address + offset + _DISPLACEMENT.size
                    distance = self._address(target) - behind
                    _DISPLACEMENT.pack_into(section.content, offset, distance)
        return image.build()

    def _sections(self) -> list[Section]:
        described, strings, names = self._object, self._strings, self._names
        for name in (*names, *self._needed, described.soname):
            strings.add(name)
        defined = names[1 + len(self._imports) :]
        definitions = tables.version_definitions(described.soname, self._defined, strings)
        needs = tables.version_needs(self._asked, strings)
        has_versions = bool(self._defined or self._asked)

        def table(name: str, kind: int, content: bytes, link: str, **more: int) -> Section:
            return Section(name, kind, content=bytearray(content), link=link, **more)

        def area(name: Area, flags: int, content: bytearray, zeros: int = 0) -> Section:
            kind = fmt.SHT_NOBITS if name == Area.ZEROS else _SHT_PROGBITS
            every = fmt.SHF_ALLOC | flags
            return Section(name, kind, every, content.copy(), zeros, align=ALIGNMENT)

        hashes = tables.hash_table(names)
        gnu_hashes = tables.gnu_hash_table(defined, len(names) - len(defined))
        symbols = bytes(fmt.SYMBOL.size * len(names))
        indexes = self._version_indexes() if has_versions else b""
        relocations = bytes(rel.RELA.size * len(described.addresses))
        libraries = len({library for library, _ in self._asked})
        sections = [
            table(".hash", _SHT_HASH, hashes, ".dynsym", entry_size=4),
            table(".gnu.hash", _SHT_GNU_HASH, gnu_hashes, ".dynsym"),
            table(".dynsym", fmt.SHT_DYNSYM, symbols, ".dynstr", info=1, entry_size=24),
            table(".dynstr", SHT_STRTAB, strings.content, "", align=1),
            table(".gnu.version", _SHT_VERSYM, indexes, ".dynsym", align=2, entry_size=2),
            table(
                ".gnu.version_d", _SHT_VERDEF, definitions, ".dynstr", info=1 + len(self._defined)
            ),
            table(".gnu.version_r", _SHT_VERNEED, needs, ".dynstr", info=libraries),
            table(".rela.dyn", fmt.SHT_RELA, relocations, ".dynsym", entry_size=24),
            area(Area.CONSTANTS, 0, described.constants),
            area(Area.CODE, SHF_EXECINSTR, described.code),
            table(".dynamic", SHT_DYNAMIC, b"", ".dynstr", entry_size=16),
            area(Area.DATA, SHF_WRITE, described.data),
            area(Area.ZEROS, SHF_WRITE, bytearray(), described.zeros),
        ]
        present = [s for s in sections if s.size or s.type == SHT_DYNAMIC]
        dynamic = next(section for section in present if section.type == SHT_DYNAMIC)
        dynamic.flags |= SHF_WRITE
        dynamic.content = bytearray(self._dynamic(present))
        return present

    def _version_indexes(self) -> bytes:
        indexes = [fmt.VERSION_LOCAL]
        for _, version, library in self._imports:
            key = (library or "", version or "")
            indexes.append(self._asked.get(key, fmt.VERSION_GLOBAL))
        for export in self._exports:
            index = fmt.VERSION_GLOBAL if export.version is None else self._defined[export.version]
            indexes.append(index if export.is_default else index | fmt.VERSION_HIDDEN)
        return b"".join(index.to_bytes(2, "little") for index in indexes)

    def _symbols(self, image: Image) -> bytes:
        rows = [bytes(fmt.SYMBOL.size)]
        for reference in self._imports:
            name = self._strings.add(reference.name)
            # Of no library: whoever loads this one may have it or not.
            binding = _STB_GLOBAL if reference.library else _STB_WEAK
            kind = binding << 4 | _STT_NOTYPE
            rows.append(fmt.SYMBOL.pack(name, kind, 0, fmt.SHN_UNDEF, 0, 0))
        for export in self._exports:
            name, area = self._strings.add(export.name), export.place.area
            kind = _STB_GLOBAL << 4 | (_STT_FUNC if area == Area.CODE else _STT_OBJECT)
            value = self._address(export.place)
            rows.append(fmt.SYMBOL.pack(name, kind, 0, image.index(area), value, export.size))
        return b"".join(rows)

    def _relocations(self) -> bytes:
        rows = []
        for offset, target, addend in self._object.addresses:
            address = self._address(Place(Area.DATA, offset))
            if isinstance(target, Place):
                info: int = RelocationType.RELATIVE
                addend += self._address(target)
            else:
                info = self._imports[target] << 32 | RelocationType.ADDRESS
            rows.append((address, info, addend))
        # Relative ones first, as DT_RELACOUNT has it.
        rows.sort(key=lambda row: (row[1] != RelocationType.RELATIVE, row[0]))
        return b"".join(rel.RELA.pack(*row) for row in rows)

    def _dynamic(self, sections: list[Section]) -> bytes:
        """Return the dynamic section; the addresses are right once all sections have theirs."""
        entries = [(fmt.DT_NEEDED, self._strings.add(library)) for library in self._needed]
        entries.append((fmt.DT_SONAME, self._strings.add(self._object.soname)))
        targets = [address.target for address in self._object.addresses]
        relative = sum(isinstance(target, Place) for target in targets)
        for section in sections:
            address, size, count = section.address, section.size, section.info
            match section.name:
                case ".hash":
                    entries += [(fmt.DT_HASH, address)]
                case ".gnu.hash":
                    entries += [(fmt.DT_GNU_HASH, address)]
                case ".dynsym":
                    entries += [(fmt.DT_SYMTAB, address), (_DT_SYMENT, fmt.SYMBOL.size)]
                case ".dynstr":
                    entries += [(fmt.DT_STRTAB, address), (fmt.DT_STRSZ, size)]
                case ".gnu.version":
                    entries += [(fmt.DT_VERSYM, address)]
                case ".gnu.version_d":
                    entries += [(fmt.DT_VERDEF, address), (fmt.DT_VERDEFNUM, count)]
                case ".gnu.version_r":
                    entries += [(fmt.DT_VERNEED, address), (fmt.DT_VERNEEDNUM, count)]
                case ".rela.dyn":
                    entries += [(rel.DT_RELA, address), (rel.DT_RELASZ, size)]
                    entries += [(rel.DT_RELAENT, rel.RELA.size), (_DT_RELACOUNT, relative)]
        entries.append((fmt.DT_NULL, 0))
        return b"".join(fmt.DYNAMIC_ENTRY.pack(*entry) for entry in entries)

    def _address(self, place: Place) -> int:
        return self._addresses[place.area] + place.offset
