"""What is called: `file.py:function` or `package.module:function`."""

import importlib
import os
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any, NamedTuple

# `file` is an absolute path, or "" where `module` is the name of a module.
Target = NamedTuple("Target", [("file", str), ("module", str), ("function", str)])


def parse(target: str) -> Target:
    """A target out of text.

    Raises:
        ValueError: it is neither of the two.
        FileNotFoundError: there is no such file.
    """
    place, _, function = target.rpartition(":")
    if not place or not all(name.isidentifier() for name in function.split(".")):
        raise ValueError("%r: not file.py:function, nor package.module:function" % target)
    if place.endswith(".py") or os.sep in place:
        return in_file(place, function)
    return Target("", place, function)


def in_file(path: str, function: str) -> Target:
    """A function of a file.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(2, "No such file", path)
    return Target(os.path.abspath(path), "", function)


def load(target: Target) -> Any:
    """Imports the module and finds the function in it. What the module raises passes.

    Raises:
        AttributeError: the module has no such function.
    """
    found = _execute(target.file) if target.file else importlib.import_module(target.module)
    for name in target.function.split("."):
        found = getattr(found, name)
    return found


def _execute(path: str) -> ModuleType:
    """Imports a file as `python file.py` would find its neighbours, but not as a program."""
    sys.path.insert(0, os.path.dirname(path))
    sys.argv = [path]
    name = os.path.splitext(os.path.basename(path))[0]
    if name in sys.modules:
        name = "_isolated_" + name
    spec = spec_from_file_location(name, path, loader=SourceFileLoader(name, path))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    # Classes that are pickled, and dataclasses, look for their module here.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
