"""Modules of torch.testing from a directory, for a torch that lacks them."""

import importlib.util
import os
import sys
from typing import Any, List

PACKAGE = "torch.testing"


class Finder:
    """Finds modules below torch.testing in a directory, after every other finder failed.

    What the installed torch has is never shadowed.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> Any:
        if name != PACKAGE and not name.startswith(PACKAGE + "."):
            return None
        place = os.path.join(self.directory, *name.split("."))
        spec: Any = None
        if os.path.isfile(os.path.join(place, "__init__.py")):
            spec = importlib.util.spec_from_file_location(
                name, os.path.join(place, "__init__.py"), submodule_search_locations=[place]
            )
        elif os.path.isfile(place + ".py"):
            spec = importlib.util.spec_from_file_location(name, place + ".py")
        return spec

    def modules(self) -> List[str]:
        """The names of all modules that came from the directory."""
        start = os.path.join(self.directory, "")
        loaded = list(sys.modules.items())
        return sorted(n for n, m in loaded if (getattr(m, "__file__", "") or "").startswith(start))


def mount(directory: str) -> Finder:
    """Make the modules of a directory importable behind those that are installed."""
    finder = Finder(directory)
    sys.meta_path.append(finder)
    return finder
