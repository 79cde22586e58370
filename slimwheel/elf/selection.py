"""Which sections can go: those that only debuggers, linkers and profilers read."""

from collections.abc import Callable

from slimwheel.elf import format as fmt
from slimwheel.elf.file import ElfFile
from slimwheel.elf.format import Section

Predicate = Callable[[Section], bool]

# What GNU, LLVM and Sun tools call the sections that hold debug information.
_DEBUG_PREFIXES = (
    ".debug",
    ".zdebug",
    ".stab",
    ".gdb_index",
    ".gnu.debuglto_",
    ".gnu.linkonce.wi.",
    ".gnu_debuglink",
    ".gnu_debugdata",
    ".gnu_debugaltlink",
)
# Sections that mean nothing without the symbol table that they are linked to.
_NEED_SYMBOLS = frozenset({fmt.SHT_REL, fmt.SHT_RELA, fmt.SHT_GROUP, fmt.SHT_SYMTAB_SHNDX})


def is_symbol_or_debug_section(section: Section) -> bool:
    """Tell whether a section is a static symbol table or debug information.

    What the program has in memory (SHF_ALLOC) never is: the dynamic symbols, unwind tables and
    the scripts for gdb that Rust loads stay, and so do notes and `.comment`.
    """
    if section.is_alloc:
        return False
    if section.type == fmt.SHT_SYMTAB:
        return True
    return section.name == ".line" or section.name.startswith(_DEBUG_PREFIXES)


def sections_to_remove(elf: ElfFile, drop: Predicate) -> frozenset[int]:
    """Return the indexes of the sections that `drop` picks and of those that only serve them.

    A string table goes with the last section that uses it, relocations go with their symbols or
    their target. Sections in memory and the table of section names never go.
    """
    candidates = [
        section
        for section in elf.sections[1:]
        if not section.is_alloc and section.number != elf.header.shstrndx
    ]
    removed = {section.number for section in candidates if drop(section)}
    users: dict[int, set[int]] = {}
    for section in elf.sections[1:]:
        users.setdefault(section.link, set()).add(section.number)
    while True:
        more = {
            section.number
            for section in candidates
            if section.number not in removed and _only_serves(section, removed, users)
        }
        if not more:
            return frozenset(removed)
        removed |= more


def _only_serves(section: Section, removed: set[int], users: dict[int, set[int]]) -> bool:
    if section.type == fmt.SHT_STRTAB:
        mine = users.get(section.number, set())
        return bool(mine) and mine <= removed
    if section.type not in _NEED_SYMBOLS:
        return False
    return section.link in removed or (section.info_is_section and section.info in removed)
