"""The relocations of a file: what the loader writes into its memory."""

from dataclasses import dataclass

from slimwheel.elf.file import ElfFile


@dataclass(frozen=True, eq=False)
class Relocations:
    """All relocations of one file; make it once per file with `Relocations.read`."""

    @classmethod
    def read(cls, elf: ElfFile) -> "Relocations":
        """Read the relocations, and the symbols that they name; ElfError on damage."""
        raise NotImplementedError
