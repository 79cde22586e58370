"""Finding what patchelf left behind: whole pages that it filled where it moved sections away.

A string table that grows goes to a new segment, and other sections with it; patchelf overwrites
their old places with one letter, and they stay in the file and in memory. docs/formats-elf.md says
what is asked of a page before it counts as left behind.
"""

from collections.abc import Iterator

from slimwheel.elf import format as fmt
from slimwheel.elf.file import ElfFile
from slimwheel.elf.format import Section, Segment
from slimwheel.elf.references import leads_into
from slimwheel.elf.shortening import FILLERS, page_size, shorten, tables
from slimwheel.elf.slimming import slim
from slimwheel.errors import ElfError

Ranges = tuple[range, ...]


def find_leftovers(elf: ElfFile) -> Ranges:
    """Return the pages of a file that are proven to be patchelf's leftovers, for `shorten`.

    Returns:
        Ranges of offsets, in their order. None where nothing is proven: in a file without section
        headers or a dynamic section, of another machine than x86-64, with any address of the
        dynamic section, symbol or relocation that leads there, that is damaged, or that cannot be
        laid out without these pages.
    """
    if not elf.sections or not elf.dynamic or elf.header.machine != fmt.EM_X86_64:
        return ()
    found = [
        (load, pages)
        for load in elf.loads
        for gap in _gaps(elf, load)
        for pages in _filled(elf, load, gap)
    ]
    if not found:
        return ()
    in_memory = (
        range(pages.start - load.offset + load.address, pages.stop - load.offset + load.address)
        for load, pages in found
    )
    leftovers = tuple(pages for _, pages in sorted(found, key=lambda pair: pair[1].start))
    try:
        if leads_into(elf, in_memory):
            return ()
        slim(elf, drop=_no_section, shortened=shorten(elf, {}, leftovers))
    except ElfError:
        return ()
    return leftovers


def _gaps(elf: ElfFile, load: Segment) -> Iterator[range]:
    """Yield what of a PT_LOAD no section, other segment or table of headers has."""
    cursor = load.offset
    for span in sorted(_taken(elf, load), key=lambda span: span.start):
        if cursor < min(span.start, load.end):
            yield range(cursor, min(span.start, load.end))
        cursor = max(cursor, span.stop)
    if cursor < load.end:
        yield range(cursor, load.end)


def _taken(elf: ElfFile, load: Segment) -> Iterator[range]:
    yield range(fmt.FILE_HEADER.size)
    yield from tables(elf)
    for segment in elf.segments:
        if segment.number != load.number and segment.file_size:
            yield range(segment.offset, segment.end)
    for section in elf.sections:
        if section.file_size:
            yield range(section.offset, section.end)
        if section.is_alloc and section.size and not _is_tbss(section):
            # By address too, for a .bss that is not the last section may have bytes in the file.
            start = section.address - load.address + load.offset
            yield range(start, start + section.size)


def _is_tbss(section: Section) -> bool:
    """Tell whether a section takes no memory where its address is."""
    return section.type == fmt.SHT_NOBITS and bool(section.flags & fmt.SHF_TLS)


def _filled(elf: ElfFile, load: Segment, gap: range) -> Iterator[range]:
    """Yield the runs of pages that hold fillers only, and not only the linker's zeros.

    Less than a page counts where its segment ends with it.
    """
    page = page_size(elf)
    run = first = -(-gap.start // page) * page
    stop = gap.stop if gap.stop == load.end else gap.stop // page * page
    for start in range(first, stop, page):
        end = min(start + page, stop)
        content = bytes(elf.data[start:end])
        if content.strip(FILLERS) or not content.strip(b"\0"):
            if run < start:
                yield range(run, start)
            run = end
    if run < stop:
        yield range(run, stop)


def _no_section(section: Section) -> bool:  # noqa: ARG001 - the shape that `slim` asks for
    return False
