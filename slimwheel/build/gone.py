"""What is gone, told shortly: directories and packages stand for all that was in them."""

from collections.abc import Collection, Iterable


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
    """Return the dotted names of removed Python modules; a package stands for its modules."""
    alive = _directories(shipped)
    modules = set()
    for member in removed:
        if not member.endswith(".py"):
            continue
        parts = member.removesuffix(".py").split("/")
        if parts[-1] == "__init__":
            parts.pop()
        for length in range(1, len(parts) + 1):
            if "/".join(parts[:length]) not in alive or length == len(parts):
                modules.add(".".join(parts[:length]))
                break
    return sorted(modules)


def _directories(members: Iterable[str]) -> set[str]:
    found = set()
    for member in members:
        parent = member.rpartition("/")[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return found
