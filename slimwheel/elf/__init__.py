"""Reading and cutting ELF shared objects, with nothing but their bytes.

`ElfFile.parse` reads one, `slim` makes `Edits` that remove sections and change the RPATH,
`check_layout` holds a file against the loaders' rules, and `PatchelfQueue` makes the edits for
which a file has to grow.
"""

from slimwheel.elf.check import LayoutKind, LayoutProblem, check_layout
from slimwheel.elf.edits import Edits, Keep, Patch
from slimwheel.elf.errors import ElfShapeError
from slimwheel.elf.file import ElfFile, is_elf
from slimwheel.elf.format import DynamicEntry, Header, Section, Segment, Symbol
from slimwheel.elf.patchelf import PatchelfQueue, find_patchelf, patchelf_version
from slimwheel.elf.rpath import rpath_fits
from slimwheel.elf.selection import is_symbol_or_debug_section, sections_to_remove
from slimwheel.elf.slimming import slim
from slimwheel.elf.source import Buffer

__all__ = [
    "Buffer",
    "DynamicEntry",
    "Edits",
    "ElfFile",
    "ElfShapeError",
    "Header",
    "Keep",
    "LayoutKind",
    "LayoutProblem",
    "Patch",
    "PatchelfQueue",
    "Section",
    "Segment",
    "Symbol",
    "check_layout",
    "find_patchelf",
    "is_elf",
    "is_symbol_or_debug_section",
    "patchelf_version",
    "rpath_fits",
    "sections_to_remove",
    "slim",
]
