"""Giving the libraries that a file needs other names, in place.

A library is named in DT_NEEDED, and again where versions of its symbols are needed (vn_file of
DT_VERNEED): the loader ends the process where it finds none that bears the latter name.
"""

import struct
from collections.abc import Mapping

from slimwheel.elf import format as fmt
from slimwheel.elf import versions
from slimwheel.elf.edits import Patch
from slimwheel.elf.file import ElfFile
from slimwheel.elf.strings import Use, may_be_overwritten

_OFFSET = struct.Struct("<I")
_MINE = (Use.NEEDED, Use.NEEDS_VERSION_OF)


def renaming_patches(elf: ElfFile, names: Mapping[str, str]) -> list[Patch] | None:
    """Return the changes that make a file need libraries by other names.

    A new name is written over the old one. Where that one is used for something else too, as the
    name of a version mostly, what needs the library is pointed to where the same new name was
    written over another.

    Args:
        names: the new name by the old one; what the file does not need is passed over.

    Returns:
        None where a name has no place: it is longer than all old ones that may be written over.

    Raises:
        ElfError: the file is damaged.
    """
    if not names:
        return []
    entries = [entry for entry in elf.entries((fmt.DT_NEEDED,)) if elf.string(entry.value) in names]
    needs = {
        need.library_field: need.library_offset
        for need in versions.read_needs(elf)
        if elf.string(need.library_offset) in names
    }
    table, _ = elf.string_table
    patches: list[Patch] = []
    places: dict[str, int] = {}
    elsewhere: dict[int, str] = {}
    for offset in sorted({entry.value for entry in entries} | set(needs.values())):
        old = elf.string(offset)
        before, after = (text.encode("utf-8", "surrogateescape") for text in (old, names[old]))
        if len(after) <= len(before) and may_be_overwritten(elf, offset, _MINE):
            patches.append(Patch(table + offset, after.ljust(len(before), b"\0")))
            places[names[old]] = offset
        else:
            elsewhere[offset] = names[old]
    if not places.keys() >= set(elsewhere.values()):
        return None
    for entry in entries:
        if entry.value in elsewhere:
            moved = fmt.DYNAMIC_ENTRY.pack(entry.tag, places[elsewhere[entry.value]])
            patches.append(Patch(entry.offset, moved))
    for field, offset in needs.items():
        if offset in elsewhere:
            patches.append(Patch(field, _OFFSET.pack(places[elsewhere[offset]])))
    return patches
