"""Whose a top-level module is: Python's own, an installed distribution's, or just a file's."""

import importlib.machinery
import json
import os
import site
import sys
import sysconfig
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple  # noqa: F401
from urllib.parse import urlsplit

_SITES = ("site-packages", "dist-packages")
_SUFFIXES = tuple(importlib.machinery.all_suffixes())

_Owner = NamedTuple(
    "_Owner",
    [
        ("version", str),
        ("root", str),  # what it owns stands in this directory,
        ("project", Optional[str]),  # or below this one: it is installed as editable
    ],
)


def is_standard(top: str, spec: Optional[Any]) -> bool:
    """Whether this is the standard library's. A file of the same name elsewhere is not.

    Args:
        top: a top-level name.
        spec: what an import of it finds; None where it finds nothing, as Windows' modules on
            other systems.
    """
    if spec is None:
        return top in getattr(sys, "stdlib_module_names", ())
    # Python 3.6 says nothing of the origin of builtins.
    if spec.loader in (importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter):
        return True
    paths = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
    paths += [os.path.join(path, "lib-dynload") for path in paths]
    paths += [os.path.dirname(os.__file__), os.path.join(sys.base_prefix, "DLLs")]
    return not _directories(spec).isdisjoint(map(os.path.realpath, paths))


class Distributions:
    """Installed distributions, by the top-level names that they own."""

    def __init__(self) -> None:
        self._owners = None  # type: Optional[Dict[str, List[_Owner]]]

    def find(self, top: str, spec: Any) -> Tuple[bool, Optional[str]]:
        """Whether a distribution has the module, and the version of that distribution.

        None is the version if it is unknown, or there are several.
        """
        if self._owners is None:
            self._owners = {}
            for name, owner in _installed():
                self._owners.setdefault(name, []).append(owner)
        where = _directories(spec)
        versions = {
            owner.version
            for owner in self._owners.get(top, ())
            if owner.root in where or (owner.project and _below(where, owner.project))
        }
        if versions:
            return True, versions.pop() if len(versions) == 1 else None
        return any(_below(where, path) for path in _sites()), None


def _directories(spec: Any) -> Set[str]:
    """The directories in which a top-level module stands; a namespace may stand in several."""
    paths = spec.submodule_search_locations
    if paths is None:
        paths = [spec.origin] if spec.origin else []
    return {os.path.realpath(os.path.dirname(os.path.abspath(path))) for path in paths}


def _below(directories: Set[str], path: str) -> bool:
    return any((directory + os.sep).startswith(path + os.sep) for directory in directories)


def _sites() -> Set[str]:
    paths = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    paths.add(site.getusersitepackages())
    paths.update(path for path in sys.path if os.path.basename(path) in _SITES)
    return set(map(os.path.realpath, paths))


def _installed() -> Iterator[Tuple[str, _Owner]]:
    for root in {os.path.realpath(path) for path in sys.path}:
        try:
            entries = os.listdir(root)
        except OSError:
            continue
        for entry in entries:
            stem, suffix = os.path.splitext(entry)
            if suffix not in (".dist-info", ".egg-info"):
                continue
            folder = os.path.join(root, entry)
            name, _, version = stem.partition("-")
            version = version.partition("-py")[0] or _version(folder)
            project = _project(folder)
            names = {line.strip() for line in _lines(folder, "top_level.txt")}
            record = _lines(folder, "RECORD")
            names.update(map(_top, record))
            if project or not (names or record):
                names.add(name.replace("-", "_"))
            for top in names:
                yield top, _Owner(version, root, project)


def _top(line: str) -> str:
    """The name to which a line of RECORD belongs, something with a dot if to none."""
    head, slash, _ = line.split(",")[0].strip('"').partition("/")
    return head.partition(".")[0] if not slash and head.endswith(_SUFFIXES) else head


def _project(folder: str) -> Optional[str]:
    """The directory of the sources of an editable installation."""
    # Brings all of http: only for who needs it.
    from urllib.request import url2pathname

    try:
        url = json.loads("".join(_lines(folder, "direct_url.json")))
        if url["dir_info"]["editable"] and url["url"].startswith("file:"):
            return os.path.realpath(url2pathname(urlsplit(url["url"]).path))
    except (ValueError, LookupError, TypeError):
        pass
    return None


def _version(folder: str) -> str:
    lines = _lines(folder, "PKG-INFO")
    return next((line[8:].strip() for line in lines if line.startswith("Version:")), "")


def _lines(folder: str, name: str) -> List[str]:
    try:
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
            return file.readlines()
    except OSError:
        return []
