"""Reading and cutting ELF shared objects, with nothing but their bytes.

`ElfFile.parse` reads one, `slim` makes `Edits` that remove sections and change the RPATH,
and changed files are written from those.
"""

from slimwheel.elf.edits import Edits, Keep, Patch
from slimwheel.elf.errors import ElfShapeError
from slimwheel.elf.file import ElfFile, is_elf
from slimwheel.elf.format import DynamicEntry, Header, Section, Segment, Symbol
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
    "Patch",
    "Section",
    "Segment",
    "Symbol",
    "is_elf",
    "is_symbol_or_debug_section",
    "rpath_fits",
    "sections_to_remove",
    "slim",
]
