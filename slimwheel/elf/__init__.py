"""Reading and cutting ELF shared objects, with nothing but their bytes.

`ElfFile.parse` reads one, `slim` makes `Edits` that remove sections and change the RPATH,
`shorten` prepares the ends of sections to go, and the pages without a section that
`find_leftovers` finds, `renaming_patches` gives needed libraries other names, `check_layout` holds
a file against the loaders' rules, and `PatchelfQueue` makes the edits for which a file has to grow.
`write_shadow` writes a small stand-in for a removed library, some of it made by `clone_data` from
the original.
"""

from slimwheel.elf.check import LayoutKind, LayoutProblem, check_layout
from slimwheel.elf.clone import Clone, ImportOf, clone_data
from slimwheel.elf.edits import Edits, Keep, Patch
from slimwheel.elf.errors import ElfShapeError
from slimwheel.elf.file import ElfFile, is_elf
from slimwheel.elf.format import DynamicEntry, Header, Section, Segment, Symbol
from slimwheel.elf.leftovers import find_leftovers
from slimwheel.elf.needed import renaming_patches
from slimwheel.elf.patchelf import PatchelfQueue, find_patchelf, patchelf_version
from slimwheel.elf.relocations import Relocations
from slimwheel.elf.rpath import rpath_fits
from slimwheel.elf.selection import is_symbol_or_debug_section, sections_to_remove
from slimwheel.elf.shadow import (
    Answer,
    Construct,
    Data,
    Function,
    Pointer,
    Return,
    ShadowLibrary,
    Store,
    StoreText,
    Text,
    Throw,
    ToRefusingObject,
    ToSymbol,
    ToText,
    ToThrow,
    ToZeros,
    Zeros,
)
from slimwheel.elf.shadow_file import write_shadow
from slimwheel.elf.shortening import Hole, Shortened, shorten
from slimwheel.elf.slimming import slim
from slimwheel.elf.source import Buffer
from slimwheel.elf.writer import SymbolReference

__all__ = [
    "Answer",
    "Buffer",
    "Clone",
    "Construct",
    "Data",
    "DynamicEntry",
    "Edits",
    "ElfFile",
    "ElfShapeError",
    "Function",
    "Header",
    "Hole",
    "ImportOf",
    "Keep",
    "LayoutKind",
    "LayoutProblem",
    "Patch",
    "PatchelfQueue",
    "Pointer",
    "Relocations",
    "Return",
    "Section",
    "Segment",
    "ShadowLibrary",
    "Shortened",
    "Store",
    "StoreText",
    "Symbol",
    "SymbolReference",
    "Text",
    "Throw",
    "ToRefusingObject",
    "ToSymbol",
    "ToText",
    "ToThrow",
    "ToZeros",
    "Zeros",
    "check_layout",
    "clone_data",
    "find_leftovers",
    "find_patchelf",
    "is_elf",
    "is_symbol_or_debug_section",
    "patchelf_version",
    "renaming_patches",
    "rpath_fits",
    "sections_to_remove",
    "shorten",
    "slim",
    "write_shadow",
]
