"""What a file has to say of other libraries: their names in DT_NEEDED, their places in the RPATH.

DT_RPATH and DT_RUNPATH hold directories joined by colons, where $ORIGIN is the file's own
directory (ld.so(8), "Rpath token expansion").
"""

import posixpath
from collections.abc import Mapping

from slimwheel.elf import ElfFile
from slimwheel.recipe.patterns import Matcher
from slimwheel.wheelfile.places import Places

_NOWHERE = Matcher(())
_NONE: Mapping[str, str] = {}


def wanted_rpath(
    elf: ElfFile,
    member: str,
    places: Places,
    keep: Matcher = _NOWHERE,
    renamed: Mapping[str, str] = _NONE,
) -> str | None:
    """Return the RPATH that a member should have, None where its present one is right.

    Entries that lead outside the wheel go, but for those to a directory that `keep` matches, by
    its path from where packages are installed. A directory is added for every needed library that
    the wheel has and that no entry leads to.

    Args:
        renamed: libraries that it is going to need by another name, by their present one.
    """
    old = elf.rpath if elf.rpath is not None else elf.runpath
    entries: list[str] = []
    reached: set[str] = set()
    for entry in (old or "").split(":"):
        directory = places.resolve(entry, member)
        if directory is None and (beside := places.beside(entry, member)) and keep(beside + "/"):
            directory = beside
        if directory is not None and directory not in reached:
            entries.append(entry)
            reached.add(directory)
    for needed in elf.needed:
        holders = places.holding(renamed.get(needed, needed))
        if holders and not reached.intersection(holders):
            here = posixpath.dirname(member) or "."
            nearest = min(holders, key=lambda holder: len(posixpath.relpath(holder or ".", here)))
            relative = posixpath.relpath(nearest or ".", here)
            entries.append("$ORIGIN" if relative == "." else f"$ORIGIN/{relative}")
            reached.add(nearest)
    new = ":".join(entries)
    return None if new == (old or "") else new


def missing_needed(elf: ElfFile) -> list[str]:
    """Return the libraries whose versions a file asks for and that it forgot to need, sorted.

    glibc ends the process where none of the libraries that are there bears the name ("Assertion
    `needed != NULL' failed"): a library that another used to bring along may do so no longer, as
    librt did with libpthread until glibc 2.34.
    """
    return sorted(set(elf.version_needs) - set(elf.needed))
