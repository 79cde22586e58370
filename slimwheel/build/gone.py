"""What is gone, told shortly: directories and packages stand for all that was in them."""

import re
from collections.abc import Iterable

_MODULE = re.compile(r"(?P<path>[^.]+)\.(py|(cpython-[^./]+|abi3)\.so)")


class Shipped:
    """What is left: its directories, and its Python modules' paths."""

    def __init__(self, members: Iterable[str]) -> None:
        members = list(members)
        self.directories = _directories(members)
        self.modules = {path for member in members if (path := _module_path(member))}

    def topmost_gone(self, directory: str) -> str | None:
        """Return the topmost of a directory and its parents of which nothing is left."""
        gone = None
        while directory and directory not in self.directories:
            gone = directory
            directory = directory.rpartition("/")[0]
        return gone


def collapsed(removed: Iterable[str], shipped: Shipped) -> list[str]:
    """Return patterns that match exactly the removed members.

    A directory of which nothing is left becomes `directory/*`, the topmost one that is so.
    """
    parents = {member: member.rpartition("/")[0] for member in removed}
    gone = {parent: shipped.topmost_gone(parent) for parent in set(parents.values())}
    return sorted({f"{gone[up]}/*" if gone[up] else member for member, up in parents.items()})


def gone_modules(removed: Iterable[str], shipped: Shipped) -> list[str]:
    """Return the dotted names of removed Python modules; a package stands for its modules.

    A module is not gone where another file of its name is left.
    """
    alive = shipped.directories
    modules = set()
    for member in removed:
        path = _module_path(member)
        if path is None or path in shipped.modules:
            continue
        parts = path.split("/")
        for length in range(1, len(parts) + 1):
            if "/".join(parts[:length]) not in alive or length == len(parts):
                modules.add(".".join(parts[:length]))
                break
    return sorted(modules)


def _module_path(member: str) -> str | None:
    """Return a Python module's path without what follows its name; None for other files.

    Of extension modules only those that name the interpreter they are for: other libraries lie in
    packages too.
    """
    if member.endswith((".py", ".so")) and (found := _MODULE.fullmatch(member)):
        return found["path"].removesuffix("/__init__")
    return None


def _directories(members: Iterable[str]) -> set[str]:
    found = set()
    for member in members:
        parent = member.rpartition("/")[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return found
