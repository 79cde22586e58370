"""Whether the libraries of a slim wheel have upstream's code and data, byte for byte."""

import zipfile
from collections.abc import Collection
from pathlib import Path

from slimwheel.elf import ElfFile, is_elf

_SHF_ALLOC = 2
_SHT_NOBITS = 8
# What a build does change of a library that stays: its RPATH, and the numbers of sections that
# dynamic symbols name.
_EDITED = (".dynamic", ".dynstr", ".dynsym")


def same_code(upstream: Path, slim: Path, *, without: Collection[str] = ()) -> dict[str, int]:
    """Hold what the loader maps of each ELF file against upstream's, at the same addresses.

    Args:
        upstream, slim: the wheels.
        without: file names that are passed over.

    Returns:
        How many bytes are the same, by member of the slim wheel.
    """
    compared = {}
    with zipfile.ZipFile(upstream) as theirs, zipfile.ZipFile(slim) as ours:
        for member in ours.namelist():
            with ours.open(member) as stream:
                if not is_elf(stream.read(4)) or Path(member).name in without:
                    continue
            old, new = (ElfFile.parse(wheel.read(member), member) for wheel in (theirs, ours))
            sections = {section.name: section for section in new.sections}
            compared[member] = 0
            for before in old.sections:
                if not before.flags & _SHF_ALLOC or before.name in _EDITED:
                    continue
                after = sections[before.name]
                same = (after.address, after.size) == (before.address, before.size)
                assert same, f"{member}: {before.name} was moved"
                if before.type != _SHT_NOBITS:
                    was, now = (
                        elf.data[section.offset : section.end]
                        for elf, section in ((old, before), (new, after))
                    )
                    assert was == now, f"{member}: {before.name} was changed"
                    compared[member] += before.size
    return compared
