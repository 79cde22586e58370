"""What is gone, told shortly: directories and packages stand for all that was in them."""

import re
from collections.abc import Collection, Iterable

_MODULE = re.compile(r"(?P<path>[^.]+)\.(py|(cpython-[^./]+|abi3)\.so)")


def collapsed(removed: Iterable[str], shipped: Collection[str]) -> list[str]:
    """Return patterns that match exactly the removed members.

    A directory of which nothing is left becomes `directory/*`, the topmost one that is so.
    """
    alive = _directories(shipped)
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


def gone_modules(removed: Iterable[str], shipped: Collection[str]) -> list[str]:
    """Return the dotted names of removed Python modules; a package stands for its modules.

    A module is not gone where another file of its name is left.
    """
    alive = _directories(shipped)
    left = {_module_path(member) for member in shipped}
    modules = set()
    for member in removed:
        path = _module_path(member)
        if path is None or path in left:
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
