"""Takes away what extension modules define for a part that this build is made without.

So the package finds what it finds in a build that never had the part, and takes the same ways.
"""

import re
import sys
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Native code may use what it gave to its module without a reference of its own.
_forgotten = []  # type: list[Any]


def forget(entries: "list[tuple[str, str, dict[str, Any]]]") -> None:
    """Delete and set attributes of modules; what is not there is left as it is.

    What `from module import *` copied into the module's parent changes with it, and modules that
    are deleted go from sys.modules too.

    Args:
        entries: module, regular expression of the names that go, new values by name.
    """
    for name, pattern, values in entries:
        module = sys.modules.get(name)
        if not isinstance(module, ModuleType):
            continue
        parent = sys.modules.get(name.rpartition(".")[0])
        match = re.compile(pattern).match
        for attribute in [attribute for attribute in vars(module) if match(attribute)]:
            _delete(attribute, module, parent)
        for attribute in values:
            _set(attribute, values[attribute], module, parent)


def _delete(name: str, module: ModuleType, parent: "Any") -> None:
    value = vars(module).pop(name)
    _forgotten.append(value)
    _unlist(name, module)
    if _has_copy(name, value, parent):
        del vars(parent)[name]
        _unlist(name, parent)
    if isinstance(value, ModuleType):
        inner = "%s.%s" % (module.__name__, name)
        for other in list(sys.modules):
            if other == inner or other.startswith(inner + "."):
                _forgotten.append(sys.modules.pop(other))


def _set(name: str, value: "Any", module: ModuleType, parent: "Any") -> None:
    if name not in vars(module):
        return
    if _has_copy(name, vars(module)[name], parent):
        vars(parent)[name] = value
    vars(module)[name] = value


def _has_copy(name: str, value: "Any", parent: "Any") -> bool:
    if not isinstance(parent, ModuleType):
        return False
    return name in vars(parent) and vars(parent)[name] is value


def _unlist(name: str, module: ModuleType) -> None:
    listed = vars(module).get("__all__")
    if isinstance(listed, list):
        listed[:] = [other for other in listed if other != name]
