"""The errors of guards. Each is what upstream would have raised, with a text that explains.

None has an `__init__` of its own: so they pickle, and come whole out of worker processes.
"""

import errno
import fnmatch
import os
import sys

from . import manifest
from .where import ROOT

if sys.version_info >= (3, 6):
    _MissingModule = ModuleNotFoundError
else:
    _MissingModule = ImportError


class RemovedModuleError(_MissingModule):
    """An import of a module that this build was made without."""


class RemovedFileError(FileNotFoundError):
    """Use of a file that this build was made without. errno is ENOENT, filename the file."""

    def __str__(self) -> str:
        # OSError's own text would show ours in the middle, quoted and behind a number.
        return self.strerror or super().__str__()


def refuse(rule: str, path: object = None) -> None:
    """Raise if the rule's files are gone; with a path, only if it is one of them.

    Raises:
        RemovedFileError: it was removed, and the development wheel has not put it back.
    """
    if path is None:
        missing = _top(manifest.paths(rule))
    else:
        missing = os.fsdecode(path) if isinstance(path, bytes) else str(path)
        if not _is_removed(rule, missing):
            return
    if manifest.is_back(rule):
        return
    trouble = os.strerror(errno.ENOENT) + (": %r" % missing if missing else "")
    raise RemovedFileError(errno.ENOENT, manifest.text(trouble, rule), missing)


def module_error(name: str, rule: str, from_parent: bool) -> RemovedModuleError:
    """The error for the import of a removed module.

    Args:
        name: the module's full name.
        rule: id of the rule that removed it.
        from_parent: the import is `from parent import module`.
    """
    if not from_parent:
        text = manifest.text("No module named %r" % name, rule)
        return RemovedModuleError(text, name=name)
    # As upstream's error here, this one bears the parent's name. And it must: the import system
    # swallows a ModuleNotFoundError that bears the name of what stands behind `import`.
    parent, _, child = name.rpartition(".")
    text = manifest.text("cannot import name %r from %r" % (child, parent), rule)
    return RemovedModuleError(text, name=parent)


def _is_removed(rule: str, path: str) -> bool:
    try:
        if os.path.exists(path):
            return False
        name = os.path.relpath(os.path.realpath(path), os.path.realpath(ROOT))
    except ValueError:  # a null character in it, or another drive: not a file of ours
        return False
    name = name.replace(os.sep, "/")
    return any(fnmatch.fnmatchcase(name, glob) for glob in manifest.paths(rule))


def _top(globs: "list[str]") -> "str | None":
    """The one folder or file that a rule's first glob begins with."""
    if not globs:
        return None
    fixed = []
    for part in globs[0].split("/"):
        if any(character in part for character in "*?["):
            break
        fixed.append(part)
    return os.path.join(ROOT, *fixed)
