"""Changing DT_RPATH and DT_RUNPATH in place.

A value that is a tail of the old one needs only another offset into the string table. Any other
value that is not longer is written over the old one, unless something else uses those bytes:
linkers let strings share their tails. An empty value takes the entry out, for older loaders read
an empty path as the current directory.
"""

from slimwheel.elf import format as fmt
from slimwheel.elf.edits import Patch
from slimwheel.elf.errors import ElfShapeError
from slimwheel.elf.file import ElfFile
from slimwheel.elf.format import DynamicEntry
from slimwheel.elf.strings import Use, may_be_overwritten

_PATH_TAGS = frozenset({fmt.DT_RPATH, fmt.DT_RUNPATH})


def rpath_fits(elf: ElfFile, value: str) -> bool:
    """Tell whether `slim(elf, rpath=value)` can set the value without moving anything."""
    return _plan(elf, value) is not None


def rpath_patches(elf: ElfFile, value: str) -> list[Patch]:
    """Return the changes that set DT_RPATH or DT_RUNPATH, whichever the file has.

    The tag stays what it is: DT_RUNPATH is not inherited by what a library loads in turn.

    Raises:
        ElfShapeError: the value does not fit.
    """
    patches = _plan(elf, value)
    if patches is None:
        raise ElfShapeError(
            f"the RPATH {value!r} does not fit in place",
            file=elf.name,
            hint="a value that grows takes patchelf",
        )
    return patches


def _plan(elf: ElfFile, value: str) -> list[Patch] | None:
    if "\0" in value:
        raise ValueError("an RPATH cannot hold a NUL character")
    entries = elf.entries(_PATH_TAGS)
    if not value:
        return _remove(elf, entries)
    if not entries:
        return None
    patches: dict[Patch, None] = {}
    for entry in entries:
        change = _replace(elf, entry, value)
        if change is None:
            return None
        patches.update(dict.fromkeys(change))
    return list(patches)


def _replace(elf: ElfFile, entry: DynamicEntry, value: str) -> list[Patch] | None:
    old = _encode(elf.string(entry.value))
    new = _encode(value)
    if old.endswith(new):
        moved = entry.value + len(old) - len(new)
        return [Patch(entry.offset, fmt.DYNAMIC_ENTRY.pack(entry.tag, moved))]
    if len(new) > len(old):
        return None
    if not may_be_overwritten(elf, entry.value, (Use.PATH,)):
        return None
    table, _ = elf.string_table
    return [Patch(table + entry.value, new.ljust(len(old), b"\0"))]


def _remove(elf: ElfFile, entries: tuple[DynamicEntry, ...]) -> list[Patch] | None:
    """Take the entries out: those behind close up, and DT_NULL fills the end."""
    if not entries:
        return []
    if elf.header.machine == fmt.EM_MIPS:
        # DT_MIPS_RLD_MAP_REL is relative to its own place.
        return None
    first = entries[0].offset
    kept = [e for e in elf.dynamic if e.offset >= first and e not in entries]
    rows = b"".join(fmt.DYNAMIC_ENTRY.pack(entry.tag, entry.value) for entry in kept)
    return [Patch(first, rows + bytes(fmt.DYNAMIC_ENTRY.size * len(entries)))]


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
