"""Reaches for removed parts of a slim torch, as programs do, and tells what they get.

`python reach.py FILE` reads an object from a JSON file and prints one on its last line: by what was
reached for, the text of the error, or null where there was none. The file says what to reach for:

    modules     full names, to import
    libraries   paths, for torch.ops.load_library
    calls       functions, as "package.module:function", to call without arguments
    functions   by the path of a shadow library, the names of functions to call
    helper      the path of a library whose reach() calls one and catches what it throws
    device      a compute capability, as [3, 5], of a GPU to pretend to have, or null

Runs on the Python of the torch that is looked at, 3.6 and newer: the standard library and torch.
"""

import ctypes
import importlib
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

LONGEST = 4096


def error_of(function: "Callable[..., Any]", *arguments: Any) -> "str | None":
    try:
        function(*arguments)
    except Exception as error:
        return str(error)
    return None


def call(target: str) -> None:
    module, _, function = target.partition(":")
    getattr(importlib.import_module(module), function)()


def thrown(helper: Any, library: Any, name: str) -> "str | None":
    text = ctypes.create_string_buffer(LONGEST)
    address = ctypes.cast(getattr(library, name), ctypes.c_void_p)
    return text.value.decode() if helper.reach(address, text, LONGEST) else None


def warning_of(capability: "list[int]") -> "str | None":
    torch.cuda.is_available = lambda: True
    torch.cuda.device_count = lambda: 1
    torch.cuda.get_device_capability = lambda device=None: tuple(capability)
    torch.cuda.get_device_name = lambda device=None: "a GPU"
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        torch.cuda._check_capability()
    texts = [str(each.message) for each in seen if each.category.__name__ == "SlimwheelWarning"]
    return texts[0] if texts else None


def main() -> None:
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    found = {}
    for name in asked["modules"]:
        found[name] = error_of(importlib.import_module, name)
    for path in asked["libraries"]:
        found[path] = error_of(torch.ops.load_library, path)
    for target in asked["calls"]:
        found[target] = error_of(call, target)
    for path in asked["functions"]:
        helper, library = ctypes.CDLL(asked["helper"]), ctypes.CDLL(path)
        for name in asked["functions"][path]:
            found[name] = thrown(helper, library, name)
    if asked["device"]:
        found["device"] = warning_of(asked["device"])
    sys.stdout.write("\n" + json.dumps(found))


if __name__ == "__main__":
    main()
