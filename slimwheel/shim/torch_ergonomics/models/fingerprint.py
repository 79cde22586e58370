"""What can be seen of a network, as plain data: two that are the same have the same."""

import hashlib
import json
from typing import Any, Dict, Iterator, List, Tuple

from .. import loaded
from ..tensors.memory import UnsupportedTensor, plain, tensor_bytes, tensor_dtype
from .state import modules, slots

# Attributes of every torch.nn.Module that are compared in other ways, or are of the moment.
_OTHERWISE = {"training", "_parameters", "_buffers", "_modules"}
# What is deeper may contain itself.
_DEEPEST = 50
_ATOMS = (type(None), bool, int, float, str)


def fingerprint(network: Any) -> Dict[str, Dict[str, Any]]:
    """What an archive promises to bring back, and what it does not promise.

    Returns:
        `promised` and `other`: by name of a module, tensor or attribute, what it is. Tensors are
        there by the sha256 of their bytes.
    """
    persistent = set(network.state_dict())
    promised = {}  # type: Dict[str, Any]
    other = {}  # type: Dict[str, Any]
    for path, module in modules(network):
        kind = type(module)
        name = "%s.%s" % (loaded.bare_name(kind.__module__), kind.__qualname__)
        promised["module " + path[:-1]] = [name, module.training]
        for key, value in sorted(vars(module).items()):
            if key in _OTHERWISE or key.startswith("_"):
                continue
            if _is_plain(value):
                other["attribute %s%s" % (path, key)] = json.dumps(value, sort_keys=True)
            elif hasattr(value, "element_size"):
                other["attribute %s%s" % (path, key)] = tensor_digest(value)
        hooks = {key: len(value) for key, value in vars(module).items() if key.endswith("_hooks")}
        other["hooks of module " + path[:-1]] = hooks
    for name, slot in slots(network).items():
        tensor = slot.holder[slot.key]
        if tensor is None:
            continue
        seen = [tensor_digest(tensor), list(tensor.stride()), tensor.requires_grad]
        (promised if name in persistent else other)["tensor " + name] = seen
    return {"promised": promised, "other": other}


def tensor_digest(tensor: Any) -> str:
    """Type, shape and sha256 of a tensor's bytes."""
    try:
        digest = hashlib.sha256(tensor_bytes(plain(tensor))).hexdigest()
    except UnsupportedTensor as error:
        return str(error)
    return "%s %s %s" % (tensor_dtype(tensor), list(tensor.shape), digest)


def output_digests(value: Any) -> List[List[str]]:
    """Every tensor and number of a network's output, with the way to it."""
    return [list(leaf) for leaf in _leaves("output", value)]


def _leaves(where: str, value: Any) -> Iterator[Tuple[str, str]]:
    if hasattr(value, "element_size"):
        yield where, tensor_digest(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves("%s[%r]" % (where, key), item)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _leaves("%s[%d]" % (where, index), item)
    elif hasattr(value, "__dataclass_fields__"):
        for key in value.__dataclass_fields__:
            yield from _leaves("%s.%s" % (where, key), getattr(value, key))
    else:
        yield where, repr(value) if isinstance(value, _ATOMS) else type(value).__qualname__


def _is_plain(value: Any, depth: int = 0) -> bool:
    if depth > _DEEPEST:
        return False
    if isinstance(value, (list, tuple)):
        return all(_is_plain(item, depth + 1) for item in value)
    if isinstance(value, dict):
        return all(type(key) is str and _is_plain(v, depth + 1) for key, v in value.items())
    return isinstance(value, _ATOMS)
