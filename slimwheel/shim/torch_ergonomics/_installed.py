"""What is installed, by the names of dist-info folders.

importlib.metadata would say it too, but Python has that only since 3.8.
"""

import os
from typing import Iterable, List, NamedTuple

_SUFFIX = ".dist-info"

Installed = NamedTuple("Installed", [("name", str), ("version", str), ("root", str)])


def installed(roots: Iterable[str]) -> List[Installed]:
    """Distributions in some directories, each directory once, in the order given.

    Names are lower case with underscores, as in the names of wheels.
    """
    found = []
    seen = set()
    for root in roots:
        root = os.path.abspath(root)
        if root in seen:
            continue
        seen.add(root)
        try:
            entries = sorted(os.listdir(root))
        except OSError:
            continue
        for entry in entries:
            if entry.endswith(_SUFFIX):
                name, _, version = entry[: -len(_SUFFIX)].partition("-")
                found.append(Installed(name.lower().replace("-", "_"), version, root))
    return found
