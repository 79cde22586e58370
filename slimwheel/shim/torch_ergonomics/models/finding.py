"""Finds modules and their sources as an import would, and runs none of them.

importlib.util.find_spec is not that careful: it imports the packages that a module is in.
"""

import importlib.machinery
import io
import os
import pkgutil
import sys
import tokenize
from typing import Any, Optional, Set

_FIRST = (
    importlib.machinery.BuiltinImporter,
    importlib.machinery.FrozenImporter,
    importlib.machinery.PathFinder,
)


def find_spec(full: str) -> Any:
    """The spec of a module, None if there is none."""
    module = sys.modules.get(full)
    spec = getattr(module, "__spec__", None)
    if getattr(spec, "name", None) == full:
        return spec
    parent, _, tail = full.rpartition(".")
    path = search_path(parent) if parent else None
    if parent and path is None:
        return None
    # Python's own first: some that stand ahead of them import what they are asked for.
    for finder in sorted(sys.meta_path, key=lambda finder: finder not in _FIRST):
        # By the whole name it would ask sys.modules for a namespace's parent.
        name = tail if parent and finder is importlib.machinery.PathFinder else full
        try:
            spec = finder.find_spec(name, path)
        except (AttributeError, ImportError, KeyError):
            continue
        if spec is not None:
            return spec
    return None


def search_path(full: str) -> Any:
    """Where the modules of a package are looked for, None if it is no package."""
    path = getattr(sys.modules.get(full), "__path__", None)
    return getattr(find_spec(full), "submodule_search_locations", None) if path is None else path


def modules_at(path: str) -> Set[str]:
    """Names of what can be imported from a directory or zip archive."""
    names = {info[1] for info in pkgutil.iter_modules([path])}
    if os.path.isdir(path):
        # Packages without __init__, too.
        names.update(name for name in os.listdir(path) if os.path.isdir(os.path.join(path, name)))
    return {name for name in names - {"__main__", "__pycache__"} if name.isidentifier()}


def is_namespace(spec: Any) -> bool:
    """Whether it is a package without code of its own."""
    return spec.submodule_search_locations is not None and spec.origin in (None, "namespace")


def code_of(spec: Any) -> Optional[bytes]:
    """The bytes of a source, none for a namespace; None if there is no source."""
    loader, origin = spec.loader, spec.origin or ""
    if loader is None:
        return b""
    try:
        if origin.endswith(tuple(importlib.machinery.SOURCE_SUFFIXES)):
            try:
                return bytes(loader.get_data(origin))
            except (AttributeError, OSError):
                pass
        text = loader.get_source(spec.name)
        if text is None:
            return None
        encoding, _ = tokenize.detect_encoding(io.BytesIO(text.encode("utf-8")).readline)
        return bytes(text.encode(encoding))
    except (AttributeError, ImportError, OSError, SyntaxError, ValueError):
        return None
