"""What loaders demand of a file's layout, checked.

The strict rules, which glibc enforces or silently relies on (docs/formats-elf.md gives the
sources): a file may break one and still load on this machine, and fail on an older one.
"""

from collections.abc import Iterator
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from slimwheel.elf import format as fmt
from slimwheel.elf.file import ElfFile
from slimwheel.elf.format import Section, Segment


class LayoutKind(StrEnum):
    """The rule that a file breaks."""

    LOAD_ORDER = "load-order"
    LOAD_ALIGNMENT = "load-alignment"
    LOAD_SIZE = "load-size"
    LOAD_OVERLAP = "load-overlap"
    PROGRAM_HEADERS = "program-headers"
    DYNAMIC = "dynamic"
    EXECUTABLE_STACK = "executable-stack"
    SECTION_OFFSET = "section-offset"
    WRITABLE_CODE = "writable-code"
    TEXT_RELOCATIONS = "text-relocations"


class LayoutProblem(NamedTuple):
    """A broken rule; `offset` is that of the segment or section in the file."""

    kind: LayoutKind
    message: str
    offset: int


def check_layout(elf: ElfFile) -> list[LayoutProblem]:
    """Return every rule of the loaders that a program or library breaks.

    Segments outside of the file are not among them: parsing such a file fails.
    """
    if elf.header.type not in (fmt.ET_EXEC, fmt.ET_DYN):
        return []
    return [
        *_check_loads(elf),
        *_check_program_headers(elf),
        *_check_dynamic(elf),
        *_check_text_relocations(elf),
        *_check_stack(elf),
        *_check_sections(elf),
    ]


def _check_loads(elf: ElfFile) -> Iterator[LayoutProblem]:
    for load in elf.loads:
        what = f"segment {load.number}"
        if load.align & (load.align - 1):
            message = f"{what} has an alignment of {load.align}, not a power of two"
            yield LayoutProblem(LayoutKind.LOAD_ALIGNMENT, message, load.offset)
        elif load.align and (load.offset - load.address) % load.align:
            message = f"{what} is not congruent to its address modulo {load.align:#x}"
            yield LayoutProblem(LayoutKind.LOAD_ALIGNMENT, message, load.offset)
        if load.flags & fmt.PF_W and load.flags & fmt.PF_X:
            message = f"{what} is writable and executable"
            yield LayoutProblem(LayoutKind.WRITABLE_CODE, message, load.offset)
        if load.file_size > load.memory_size:
            message = f"{what} has more bytes in the file than in memory"
            yield LayoutProblem(LayoutKind.LOAD_SIZE, message, load.offset)
    for first, second in pairwise(elf.loads):
        if second.address < first.address:
            message = f"segment {second.number} has a lower address than segment {first.number}"
            yield LayoutProblem(LayoutKind.LOAD_ORDER, message, second.offset)
    for first, second in pairwise(sorted(elf.loads, key=lambda load: load.address)):
        if second.address < first.memory_end:
            message = f"segments {first.number} and {second.number} overlap in memory"
            yield LayoutProblem(LayoutKind.LOAD_OVERLAP, message, second.offset)


def _check_program_headers(elf: ElfFile) -> Iterator[LayoutProblem]:
    segment = elf.segment(fmt.PT_PHDR)
    if segment is None:
        return
    if segment.offset != elf.header.phoff:
        message = "PT_PHDR is not where the ELF header says that the program headers are"
        yield LayoutProblem(LayoutKind.PROGRAM_HEADERS, message, segment.offset)
    elif not _is_loaded(elf, segment):
        message = "the program headers are in no loaded segment"
        yield LayoutProblem(LayoutKind.PROGRAM_HEADERS, message, segment.offset)


def _check_dynamic(elf: ElfFile) -> Iterator[LayoutProblem]:
    segment = elf.segment(fmt.PT_DYNAMIC)
    if segment is not None and not _is_loaded(elf, segment):
        message = "PT_DYNAMIC is in no loaded segment, or not where its address says"
        yield LayoutProblem(LayoutKind.DYNAMIC, message, segment.offset)


def _check_text_relocations(elf: ElfFile) -> Iterator[LayoutProblem]:
    flags = elf.dynamic_value(fmt.DT_FLAGS) or 0
    if elf.dynamic_value(fmt.DT_TEXTREL) is not None or flags & fmt.DF_TEXTREL:
        message = "has relocations in its code, which cannot be shared or protected then"
        yield LayoutProblem(LayoutKind.TEXT_RELOCATIONS, message, elf.header.phoff)


def _check_stack(elf: ElfFile) -> Iterator[LayoutProblem]:
    segment = elf.segment(fmt.PT_GNU_STACK)
    # Without the header glibc on x86 assumes that the code wants an executable stack.
    if segment is None and elf.header.machine == fmt.EM_X86_64:
        message = "no PT_GNU_STACK, which asks for an executable stack"
        yield LayoutProblem(LayoutKind.EXECUTABLE_STACK, message, elf.header.phoff)
    elif segment is not None and segment.flags & fmt.PF_X:
        message = "PT_GNU_STACK asks for an executable stack"
        yield LayoutProblem(LayoutKind.EXECUTABLE_STACK, message, segment.offset)


def _check_sections(elf: ElfFile) -> Iterator[LayoutProblem]:
    for section in elf.sections:
        if section.is_alloc and section.file_size and not _is_loaded(elf, section):
            message = f"section {section.name} is not where its segment puts its address"
            yield LayoutProblem(LayoutKind.SECTION_OFFSET, message, section.offset)


def _is_loaded(elf: ElfFile, part: Section | Segment) -> bool:
    return any(
        load.offset <= part.offset
        and part.end <= load.end
        and part.offset - load.offset == part.address - load.address
        for load in elf.loads
    )
