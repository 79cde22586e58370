"""What an ELF file is made of: every byte of it belongs to one part, so that sizes add up."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from slimwheel.contents.kinds import Kind
from slimwheel.cuda import device_sections, read_containers, read_images
from slimwheel.elf import ElfFile, Section, is_symbol_or_debug_section, sections_to_remove
from slimwheel.elf import format as fmt
from slimwheel.errors import ElfError

# gABI's and GNU's numbers that nothing else in slimwheel needs: SHT_HASH, SHT_GNU_HASH, the three
# tables of versions, SHT_RELR, and SHF_WRITE, SHF_EXECINSTR.
_DYNAMIC_TYPES = frozenset({fmt.SHT_DYNSYM, 5, 0x6FFFFFF6, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF})
_RELOCATION_TYPES = frozenset({fmt.SHT_REL, fmt.SHT_RELA, 19})
_WRITE, _EXECINSTR = 0x1, 0x4
_UNWIND = (".eh_frame", ".gcc_except_table", ".ARM.ex")

HEADERS = "(ELF headers)"
GAPS = "(between sections)"
_CONTAINERS = "containers"
_UNREAD = "unknown"

Ranges = tuple[range, ...]


@dataclass(frozen=True)
class Part:
    """Bytes of an ELF file that belong together.

    Attributes:
        kind: what they are for.
        section: the section's name, or what the part is in parentheses.
        ranges: where they are in the file, in order and apart.
        target: of device code, what it is for, as `sm_90a` and `compute_70`; `containers` for
            the headers around it, `unknown` where it cannot be read.
    """

    kind: Kind
    section: str
    ranges: Ranges
    target: str = ""

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return sum(map(len, self.ranges))

    @property
    def name(self) -> str:
        """The section, and of device code the target."""
        return f"{self.section} {self.target}".rstrip()


def elf_parts(elf: ElfFile) -> tuple[Part, ...]:
    """Return the parts of an ELF file; their sizes add up to the file's.

    Where headers say that sections overlap, bytes belong to the one that begins first.
    """
    strings = _symbol_sections(elf)
    device = {section.number for section in device_sections(elf)}
    parts: list[Part] = []
    headers: list[range] = []
    gaps: list[range] = []
    cursor = 0
    for start, stop, section in _spans(elf):
        if cursor < start:
            gaps.append(range(cursor, start))
        taken = range(max(start, cursor), stop)
        cursor = max(cursor, stop)
        if not taken:
            continue
        if section is None:
            headers.append(taken)
        elif section.number in device:
            parts += _device_parts(elf, section, taken)
        else:
            name = section.name or f"(section {section.number})"
            parts.append(Part(section_kind(section, strings), name, (taken,)))
    if cursor < elf.source.size:
        gaps.append(range(cursor, elf.source.size))
    parts += [Part(Kind.PADDING, HEADERS, tuple(headers))] if headers else []
    parts += [Part(Kind.PADDING, GAPS, tuple(gaps))] if gaps else []
    return tuple(parts)


def section_kind(section: Section, symbol_sections: frozenset[int] = frozenset()) -> Kind:
    """Return what a section is for; `symbol_sections` are those that only serve a symbol table."""
    if not section.is_alloc:
        if section.type == fmt.SHT_SYMTAB:
            return Kind.SYMBOLS
        if is_symbol_or_debug_section(section):
            return Kind.DEBUG
        return Kind.SYMBOLS if section.number in symbol_sections else Kind.PADDING
    # What patchelf adds is in memory, and no more than a table of strings for the loader.
    is_dynamic = section.type in _DYNAMIC_TYPES or section.type == fmt.SHT_STRTAB
    kind = Kind.DATA if section.flags & _WRITE else Kind.READ_ONLY_DATA
    if section.flags & _EXECINSTR:
        kind = Kind.HOST_CODE
    elif section.type in _RELOCATION_TYPES:
        kind = Kind.RELOCATIONS
    elif is_dynamic:
        kind = Kind.DYNAMIC_SYMBOLS
    elif section.name.startswith(_UNWIND):
        kind = Kind.UNWIND
    elif section.type == fmt.SHT_NOTE:
        kind = Kind.PADDING
    return kind


def _symbol_sections(elf: ElfFile) -> frozenset[int]:
    """Return the sections that only serve the symbol table: its strings and its relocations."""
    if not elf.sections:
        return frozenset()
    return sections_to_remove(elf, lambda section: section.type == fmt.SHT_SYMTAB)


def _spans(elf: ElfFile) -> Iterator[tuple[int, int, Section | None]]:
    """Yield what has a place in the file, in its order: sections, and None for headers."""
    header = elf.header
    spans: list[tuple[int, int, Section | None]] = [
        (0, fmt.FILE_HEADER.size, None),
        (header.phoff, header.phoff + header.phnum * fmt.PROGRAM_HEADER.size, None),
        (header.shoff, header.shoff + header.shnum * fmt.SECTION_HEADER.size, None),
    ]
    spans += [(s.offset, s.end, s) for s in elf.sections if s.file_size]
    yield from sorted(spans, key=lambda span: span[:2])


def _device_parts(elf: ElfFile, section: Section, taken: range) -> Iterator[Part]:
    """Yield the images of a section by target, and what is around them."""
    try:
        found = _images(elf, section)
    except ElfError:
        yield Part(Kind.DEVICE_CODE, section.name, (taken,), _UNREAD)
        return
    images = [image for ranges in found.values() for image in ranges]
    if len(taken) != section.file_size:
        yield Part(Kind.DEVICE_CODE, section.name, (taken,), _UNREAD)
        return
    for target, ranges in found.items():
        yield Part(Kind.DEVICE_CODE, section.name, _joined(ranges), target)
    around = tuple(_between(taken, sorted(images, key=lambda image: image.start)))
    if around:
        yield Part(Kind.DEVICE_CODE, section.name, around, _CONTAINERS)


def _images(elf: ElfFile, section: Section) -> dict[str, list[range]]:
    """Return where the images of a section are, by target, newest targets first."""
    images = [
        image
        for container in read_containers(elf)
        if container.section.number == section.number
        for image in read_images(elf, container)
    ]
    images.sort(key=lambda image: (-image.kind, image.architecture, image.offset))
    found: dict[str, list[range]] = {}
    for image in images:
        found.setdefault(image.target, []).append(range(image.offset, image.end))
    return found


def _joined(ranges: Iterable[range]) -> Ranges:
    """Return ranges in their order, neighbours as one."""
    joined: list[range] = []
    for one in sorted(ranges, key=lambda one: one.start):
        if joined and joined[-1].stop == one.start:
            joined[-1] = range(joined[-1].start, one.stop)
        else:
            joined.append(one)
    return tuple(joined)


def _between(whole: range, ranges: Iterable[range]) -> Iterator[range]:
    """Yield what of a range none of the others has; these are in order and apart."""
    cursor = whole.start
    for one in ranges:
        if cursor < one.start:
            yield range(cursor, one.start)
        cursor = one.stop
    if cursor < whole.stop:
        yield range(cursor, whole.stop)
