"""Networks as pickles, for those that no constructor makes again. Tensors are stored apart."""

import collections
import io
import pickle
import pickletools
from typing import Any, Callable, Dict, List, Tuple

from .. import loaded
from .errors import BadArchive, CannotLoad, NotPortable

# Of this protocol, globals are text: which modules are referred to can be read off.
_PROTOCOL = 2


def pickle_network(network: Any) -> Tuple[bytes, Dict[str, Any]]:
    """The pickle of a network, and the tensors that it refers to, by key.

    Raises:
        NotPortable: something in it cannot be pickled.
    """
    file = io.BytesIO()
    try:
        pickler = _Pickler(file)
        pickler.dump(network)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise NotPortable("the network cannot be pickled: %s" % error)
    return file.getvalue(), pickler.tensors


def modules_of(data: bytes) -> List[str]:
    """Modules that a pickle refers to, under the names that they have in an archive."""
    found = {
        loaded.bare_name(str(argument).split(" ")[0])
        for operation, argument, _ in pickletools.genops(data)
        if operation.name == "GLOBAL"
    }
    return sorted(found)


def unpickle(path: str, data: bytes, tensors: Dict[str, Any], module: Callable[[str], Any]) -> Any:
    """What was pickled. This runs whatever the pickle says.

    Args:
        path: of the archive, for messages.
        data: the pickle.
        tensors: by key.
        module: imports a module by the name that it has in the archive.

    Raises:
        BadArchive: it is no pickle, or refers to tensors that are not there.
    """
    try:
        return _Unpickler(io.BytesIO(data), tensors, module).load()
    except (EOFError, pickle.UnpicklingError) as error:
        raise BadArchive("%s: its pickle is damaged: %s" % (path, error))


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, _PROTOCOL, fix_imports=False)
        self.tensors = collections.OrderedDict()  # type: Dict[str, Any]
        self._keys = {}  # type: Dict[int, str]

    def persistent_id(self, value: Any) -> Any:
        import torch

        if type(value) not in (torch.Tensor, torch.nn.Parameter):
            return None
        key = self._keys.setdefault(id(value), "tensor.%d" % len(self._keys))
        self.tensors[key] = value
        return (key, type(value) is torch.nn.Parameter, value.requires_grad)


class _Unpickler(pickle.Unpickler):
    def __init__(
        self, file: io.BytesIO, tensors: Dict[str, Any], module: Callable[[str], Any]
    ) -> None:
        super().__init__(file, fix_imports=False)
        self._tensors = tensors
        self._module = module
        self._made = {}  # type: Dict[str, Any]

    def find_class(self, module: str, name: str) -> Any:
        found = self._module(loaded.bare_name(module))
        for part in name.split("."):
            if not hasattr(found, part):
                raise CannotLoad("the pickle needs %s of %s, which has none" % (name, module))
            found = getattr(found, part)
        return found

    def persistent_load(self, reference: Any) -> Any:
        import torch

        try:
            key, is_parameter, requires_grad = reference
            known = key in self._tensors
        except (TypeError, ValueError):
            known = False
        if not known:
            raise pickle.UnpicklingError("a tensor that is not stored")
        if key not in self._made:
            value = self._tensors[key]
            if is_parameter:
                value = torch.nn.Parameter(value, requires_grad=False)
            self._made[key] = value.requires_grad_(requires_grad)
        return self._made[key]
