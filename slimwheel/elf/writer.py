"""Writing an ELF shared object for x86-64 from a description of its contents."""

from typing import NamedTuple


class SymbolReference(NamedTuple):
    """A symbol of another library; a version can only be asked of a named library."""

    name: str
    version: str | None = None
    library: str | None = None
