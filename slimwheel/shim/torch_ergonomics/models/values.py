"""Values of constructors as JSON, and back.

What JSON has stands for itself. All else is an object with one key that begins with a dollar:

    {"$tuple": [...]}  {"$dict": [[key, value], ...]}  {"$set": [...]}  {"$frozenset": [...]}
    {"$float": "nan"}  {"$complex": [1.0, 0.0]}  {"$size": [...]}  {"$dtype": "float32"}
    {"$device": "cpu"}
    {"$tensor": key}                      a tensor, stored under this key
    {"$global": "module:name"}            a class or function, by where it is defined
    {"$enum": ["module:name", "MEMBER"]}
    {"$dataclass": ["module:name", {field: value}]}
    {"$namespace": {name: value}}         an argparse.Namespace
    {"$call": ["module:name", [...], {...}]}   a network that is an argument of another
"""

import argparse
import collections
import enum
import json
import math
import sys
from typing import Any, Callable, Dict, Iterable, List, Optional, Set, Tuple  # noqa: F401

from .. import loaded
from .errors import BadArchive, CannotLoad, NotPortable, PortableError
from .names import find, find_in, only_computes, split
from .recording import called, record, recorded
from .uninitialized import original

_ATOMS = (type(None), bool, int, str)


class Encoder:
    """Makes JSON of values.

    Attributes:
        modules: names of the modules that classes and functions came from, to be carried or
            required.

    Args:
        keep: stores a tensor under a name that is given to it and returns the key.
        bare: turns the name of a loaded archive's module into the name that it has inside.
    """

    def __init__(
        self, keep: Optional[Callable[[str, Any], Any]], bare: Callable[[str], str]
    ) -> None:
        self.modules = set()  # type: Set[str]
        # By reference: what it was found as, and where it stands.
        self._named = {}  # type: Dict[str, Tuple[Any, str]]
        self._keep = keep
        self._bare = bare

    def encode(self, value: Any, where: str) -> Any:
        """One value.

        Args:
            value: of any of the types above, in any depth.
            where: what it is, for messages and as the name of tensors.

        Raises:
            NotPortable: it, or something in it, is of another type.
        """
        return self._unless_endless(self._encode, value, where)

    def _encode(self, value: Any, where: str) -> Any:
        kind = type(value)
        if kind in _ATOMS:
            return value
        if kind is float:
            return value if math.isfinite(value) else {"$float": str(value)}
        if kind is list:
            return self._all(value, where)
        if kind in (dict, collections.OrderedDict):
            return self._dict(value, where)
        if kind is tuple:
            return {"$tuple": self._all(value, where)}
        if kind in (set, frozenset):
            # In an order that is the same in every process.
            items = sorted(self._all(value, where), key=json.dumps)
            return {"$set" if kind is set else "$frozenset": items}
        if kind is complex:
            return {"$complex": self._all([value.real, value.imag], where)}
        # Flags together may have no name, or one that finds nothing.
        if isinstance(value, enum.Enum) and kind.__members__.get(value.name) is value:
            return {"$enum": [self.reference(kind, where), value.name]}
        if kind is argparse.Namespace:
            return {"$namespace": self._fields(vars(value), where)}
        if hasattr(kind, "__dataclass_fields__"):
            fields = {
                name: getattr(value, name)
                for name, field in kind.__dataclass_fields__.items()
                if field.init and hasattr(value, name)
            }
            return {"$dataclass": [self.reference(kind, where), self._fields(fields, where)]}
        return self._torch(value, where)

    def _torch(self, value: Any, where: str) -> Any:
        import torch

        if type(value) is torch.Size:
            return {"$size": list(value)}
        if isinstance(value, torch.dtype):
            return {"$dtype": str(value).rpartition(".")[2]}
        if isinstance(value, torch.device):
            return {"$device": str(value)}
        if type(value) is torch.Tensor and self._keep is not None:
            return {"$tensor": self._keep(where, value)}
        if isinstance(value, torch.nn.Module):
            return {"$call": self._call(value, where)}
        if callable(value) and hasattr(value, "__qualname__"):
            return {"$global": self.reference(value, where)}
        # numpy's numbers.
        if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
            return self._encode(value.item(), where)
        raise NotPortable(
            "%s is a %s.%s, which a portable model cannot hold: give numbers, text, lists, "
            "dictionaries, tensors, classes, or networks whose own arguments are known"
            % (where, type(value).__module__, type(value).__qualname__)
        )

    def call(self, network: Any, where: str) -> Any:
        """How a network is made again: its class, and the arguments that it was given.

        Raises:
            NotPortable: these are not known, or one of them is of another type.
        """
        return self._unless_endless(self._call, network, where)

    @staticmethod
    def _unless_endless(encode: Callable[[Any, str], Any], value: Any, where: str) -> Any:
        try:
            return encode(value, where)
        except RecursionError:
            raise NotPortable("%s: a value that contains itself, or is too deep" % where)

    def _call(self, network: Any, where: str) -> List[Any]:
        known = recorded(network)
        kind = type(network)
        if known is None:
            raise NotPortable(
                "%s: what %s.%s was constructed with is not known: decorate the class with "
                "@torch_ergonomics.portable, derive it from torch_ergonomics.Portable, or give "
                "config=" % (where, kind.__module__, kind.__qualname__)
            )
        entry = known.entry or self.reference(kind, where)
        if split(entry) is None:
            raise NotPortable("%s: the entry %r is not of the form module:name" % (where, entry))
        self.modules.add(entry.partition(":")[0])
        return [entry, self._all(known.args, where), self._fields(known.kwargs, where)]

    def reference(self, value: Any, where: str) -> str:
        """`module:name` of a class or function, which must be found there."""
        # Functions that are written in C may have no module, and a class in their name.
        module = value.__module__ or "torch"
        for name in (value.__qualname__, value.__name__):
            if find_in(sys.modules.get(module), name) is value:
                break
        else:
            raise NotPortable(
                "%s: %s is not what %s has under that name: define it at the top of a module"
                % (where, value.__qualname__, module)
            )
        module = self._bare(module)
        if module == "__main__":
            raise NotPortable(
                "%s: %s is defined in the program itself: move it to a module that the program "
                "imports" % (where, name)
            )
        self.modules.add(module)
        reference = "%s:%s" % (module, name)
        self._named.setdefault(reference, (value, where))
        return reference

    def check_names(self, own: Iterable[str]) -> None:
        """Whether a manifest may name the classes and functions that there were.

        Args:
            own: modules that are carried.

        Raises:
            NotPortable: one is neither of these, nor does it only compute.
        """
        for reference, (value, where) in self._named.items():
            module = reference.partition(":")[0]
            if module not in own and not only_computes(value, module):
                raise NotPortable(
                    "%s: %s is not of the sources that are carried: give a function of your own "
                    "that calls it" % (where, reference)
                )

    def _all(self, values: Any, where: str) -> List[Any]:
        return [self._encode(value, "%s.%d" % (where, i)) for i, value in enumerate(values)]

    def _fields(self, values: Dict[str, Any], where: str) -> Dict[str, Any]:
        return {
            name: self._encode(value, "%s.%s" % (where, name)) for name, value in values.items()
        }

    def _dict(self, values: Dict[Any, Any], where: str) -> Any:
        if all(type(key) is str and not key.startswith("$") for key in values):
            return self._fields(values, where)
        return {
            "$dict": [
                [self._encode(key, where), self._encode(value, "%s.%s" % (where, key))]
                for key, value in values.items()
            ]
        }


class Decoder:
    """Makes values of what Encoder made, and vetting.vet has seen.

    Args:
        path: of the archive, for messages.
        tensors: what is stored, by key.
        module: imports a module by the name that it has in the archive.
    """

    def __init__(self, path: str, tensors: Dict[str, Any], module: Callable[[str], Any]) -> None:
        self._path = path
        self.tensors = tensors
        self._module = module

    def decode(self, value: Any) -> Any:
        """One value.

        Raises:
            BadArchive: it is nothing that Encoder makes.
            CannotLoad: a class or function that it names is not there.
        """
        if isinstance(value, list):
            return [self.decode(item) for item in value]
        if not isinstance(value, dict):
            return value
        tag = next(iter(value), "")
        if not tag.startswith("$"):
            return self.fields(value)
        content = value[tag]
        # What the network's own code raises passes.
        if tag == "$call":
            return self.call(*content)
        if tag == "$dataclass":
            fields = self.fields(content[1])
            return self.find(content[0], lambda found: hasattr(found, "__dataclass_fields__"))(
                **fields
            )
        if tag == "$namespace":
            namespace = argparse.Namespace()
            vars(namespace).update(self.fields(content))
            return namespace
        if tag == "$global":
            return self.find(content)
        if tag == "$enum":
            make = self.find(content[0], lambda found: isinstance(found, enum.EnumMeta)).__getitem__
            content = content[1]
        elif tag == "$tensor":
            make = self.tensors.__getitem__
        else:
            make = _MAKE[tag]
            content = self.decode(content)
        try:
            return make(content)
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            if isinstance(error, PortableError):
                raise
            raise BadArchive("%s: a value of kind %s is damaged: %s" % (self._path, tag, error))

    def fields(self, values: Dict[str, Any]) -> Dict[str, Any]:
        """Values by names that may be any."""
        return {name: self.decode(value) for name, value in values.items()}

    def call(self, reference: str, args: List[Any], kwargs: Dict[str, Any]) -> Any:
        """Makes a network; what the call raises passes.

        Raises:
            BadArchive: what it is made with is neither the archive's own nor a class of networks,
                or makes something else.
        """
        import torch

        args, kwargs = self.decode(args), self.fields(kwargs)
        construction = called(tuple(args), kwargs, reference)
        network = self.find(reference, _makes_networks)(*args, **kwargs)
        if not isinstance(network, torch.nn.Module):
            raise BadArchive(
                "%s: what %s makes is a %s, no network"
                % (self._path, reference, type(network).__name__)
            )
        # So that it can be saved again.
        record(network, construction)
        return network

    def find(self, reference: str, kind: Callable[[Any], bool] = callable) -> Any:
        """A class or function by `module:name`.

        Raises:
            BadArchive: it is none of this kind.
            CannotLoad: it is not there.
        """
        found = original(find(self._path, reference, self._module))
        if not kind(found):
            raise BadArchive("%s: %s is not what it is used as" % (self._path, reference))
        return found


def _makes_networks(found: Any) -> bool:
    """Whether it is a class of networks, or an archive's own function."""
    import torch

    is_class = isinstance(found, type) and issubclass(found, torch.nn.Module)
    return is_class or loaded.code_of(getattr(found, "__module__", None) or "") is not None


def _dtype(name: Any) -> Any:
    import torch

    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype):
        raise CannotLoad("torch %s has no dtype %.40s" % (torch.__version__, name))
    return found


def _device(name: Any) -> Any:
    import torch

    return torch.device(name)


def _size(sizes: Any) -> Any:
    import torch

    return torch.Size(sizes)


_MAKE = {
    "$tuple": tuple,
    "$set": set,
    "$frozenset": frozenset,
    "$dict": dict,
    "$float": float,
    "$complex": lambda parts: complex(*parts),
    "$size": _size,
    "$dtype": _dtype,
    "$device": _device,
}  # type: Dict[str, Callable[[Any], Any]]
