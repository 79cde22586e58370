"""Cloning typeinfos, vtables and objects of a library that a shadow replaces (x86-64 only)."""

from collections.abc import Callable
from typing import NamedTuple

from slimwheel.elf.file import ElfFile
from slimwheel.elf.format import Symbol
from slimwheel.elf.relocations import Relocations
from slimwheel.elf.shadow import Data
from slimwheel.elf.writer import SymbolReference

ImportOf = Callable[[str, str | None], SymbolReference | None]
"""Says by name and version where a symbol stays available, or None if it goes."""


class Clone(NamedTuple):
    """A cloned definition, and the typeinfos it points to that must be cloned with it.

    `typeinfos` are (name, version) as the library refers to them: those that it defines itself
    can be cloned from it, others only from the library that defines them.
    """

    data: Data
    typeinfos: tuple[tuple[str, str | None], ...]


def clone_data(
    elf: ElfFile, symbol: Symbol, message: str, relocations: Relocations, import_of: ImportOf
) -> Clone:
    """Clone a typeinfo (`_ZTI`), a vtable (`_ZTV`) or any other object.

    Args:
        elf: the library that defines the symbol.
        message: what is thrown by virtual functions that do not stay available.
        relocations: those of `elf`.
        import_of: asked for every symbol that the definition points to.

    Raises:
        ElfShapeError: what cannot be cloned, by the symbol's name: functions, thread-local
            variables, symbols without a size or a place, or of more than a mebibyte.
        ElfError: addresses that no segment holds, or other damage.
    """
    raise NotImplementedError
