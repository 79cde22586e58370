"""Which classes and functions a manifest may name, and where they are found.

Loading runs the archive's own code, and nothing that the manifest alone asks for. What makes the
network is the archive's own. What is among its arguments is the archive's, or does no more than
compute, whatever it is called with: networks call what they are given, of torch's own
FakeQuantize does. What a module merely imports is not its own: `net:os.system` and `net:system` are
the operating system's.
"""

import enum
import importlib
from types import ModuleType
from typing import Any, Callable, Iterable, Set

from .. import loaded
from .errors import BadArchive, CannotLoad
from .finding import find_spec
from .outside import is_standard

# Of the standard library: the classes of these, and all of math.
_COMPUTE = ("builtins", "collections", "math")
# Of torch: what is defined in and below these.
_TORCH_COMPUTES = (
    "torch.nn",
    "torch.optim",
    "torch.distributions",
    "torch.functional",
    "torch._C._nn",
    "torch._C._fft",
    "torch._C._linalg",
    "torch._C._special",
)
_OWN = "torch_ergonomics"


def split(reference: Any) -> Any:
    """Module and name of `module:name`; None if it is nothing of that form."""
    if not isinstance(reference, str):
        return None
    module, _, name = reference.partition(":")
    special = any(part.startswith("__") for part in name.split("."))
    return None if special or not is_dotted(module) or not is_dotted(name) else (module, name)


def is_dotted(name: Any) -> bool:
    """Whether it is a name as modules have."""
    return isinstance(name, str) and all(part.isidentifier() for part in name.split("."))


def is_admitted(module: str, own: Set[str], outside: Iterable[str]) -> bool:
    """Whether a manifest may name what is in a module.

    Args:
        module: dotted name.
        own: the modules that the archive has.
        outside: top-level names of those that these import.
    """
    top = module.partition(".")[0]
    if any(name.partition(".")[0] == top for name in own):
        return module in own
    return module in _COMPUTE or (top in outside and top != _OWN and not _is_pythons(top))


def only_computes(found: Any, module: str) -> bool:
    """Whether calling a class or function with anything at all acts on nothing else.

    Of other packages, these are classes of networks, optimizers and enumerations.

    Args:
        found: the class or function.
        module: that it is defined in; not one of an archive.
    """
    if module in _COMPUTE:
        return isinstance(found, type) or module == "math"
    import torch

    kinds = (torch.nn.Module, torch.optim.Optimizer, enum.Enum)
    if isinstance(found, type) and issubclass(found, kinds):
        return not _is_pythons(module.partition(".")[0])
    if module == "torch":
        # Written in C: the operations on tensors, and others that open files.
        name = getattr(found, "__name__", "")
        spaces = (torch.Tensor, torch.nn.functional)
        return getattr(torch, name, None) is found and any(hasattr(s, name) for s in spaces)
    return (module + ".").startswith(tuple(name + "." for name in _TORCH_COMPUTES))


def _is_pythons(top: str) -> bool:
    return is_standard(top, find_spec(top))


def find(path: str, reference: str, module: Callable[[str], Any]) -> Any:
    """A class or function by `module:name`.

    Args:
        path: of the archive, for messages.
        reference: one that was checked.
        module: imports a module by the name that it has in the archive.

    Raises:
        BadArchive: it is no class or function, or one that a manifest may not name.
        CannotLoad: it is not there.
    """
    where, name = split(reference)
    found = find_in(module(where), name)
    if found is None:
        raise CannotLoad("%s: %s has no %s" % (path, where, name))
    home = getattr(found, "__module__", None) or where
    if not callable(found) or not (loaded.code_of(home) or only_computes(found, home)):
        raise BadArchive(
            "%s: %s is no class or function of its own, nor a network, an optimizer, an "
            "enumeration or an operation on tensors" % (path, reference)
        )
    return found


def find_in(module: Any, name: str) -> Any:
    """What a module has under a dotted name, None if nothing. Other modules are not its own."""
    found = module
    for part in name.split("."):
        found = getattr(found, part, None)
        if isinstance(found, ModuleType):
            return None
    return found


def import_outside(path: str, name: str) -> Any:
    """Imports a module that an archive does not carry."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise CannotLoad("%s needs the module %s: %s" % (path, name, error))
