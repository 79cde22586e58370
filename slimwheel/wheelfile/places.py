"""Where a wheel's files lie, as search paths relative to one of them see it."""

import posixpath
from collections import defaultdict
from collections.abc import Iterable


class Places:
    """A wheel's directories, for search paths that start at $ORIGIN, a file's own directory."""

    def __init__(self, members: Iterable[str]) -> None:
        self._names: dict[str, set[str]] = defaultdict(set)
        for member in members:
            directory, name = posixpath.split(member)
            self._names[directory].add(name)

    def resolve(self, entry: str, member: str) -> str | None:
        """Return the wheel's directory that an entry means for a member, None if it is outside."""
        directory = _directory(entry, member)
        return directory if directory in self._names else None

    def beside(self, entry: str, member: str) -> str | None:
        """Return the directory that an entry means and that the wheel has nothing in.

        It is one below the directory that wheels are installed into; None if the entry means
        another.
        """
        directory = _directory(entry, member)
        if not directory or directory in self._names or directory.split("/")[0] == "..":
            return None
        return directory

    def holding(self, name: str) -> list[str]:
        """Return the directories that hold a file of this name."""
        return sorted(directory for directory, names in self._names.items() if name in names)


def _directory(entry: str, member: str) -> str | None:
    """Return the directory that an entry means, from the root of the wheel; None if it is fixed."""
    for token in ("$ORIGIN", "${ORIGIN}"):
        if entry == token or entry.startswith(token + "/"):
            path = posixpath.join(posixpath.dirname(member), entry[len(token) :].lstrip("/"))
            directory = posixpath.normpath(path)
            return "" if directory == "." else directory  # the root, as `posixpath.split` has it
    return None
