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


def collapsed(removed: Iterable[str], shipped: Shipped) -> list[str]:
    """Return patterns that match exactly the removed members.

    A directory of which nothing is left becomes `directory/*`, the topmost one that is so.
    """
    alive = shipped.directories
    patterns = set()
    for member in removed:
        parts = member.split("/")
        for length in range(1, len(parts)):
            directory = "/".join(parts[:length])
            if directory not in alive:
                patterns.add(f"{directory}/*")
                break
        else:
            patterns.add(member)
    return sorted(patterns)


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
    if found := _MODULE.fullmatch(member):
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
