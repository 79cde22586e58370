"""The state of a network: what of it is stored, and how it gets back into one made anew.

Tensors are stored once. Records say what each entry of the state_dict is of them: a whole tensor,
or a view where several entries overlap in memory; whether it is a parameter; and which entries are
one and the same object, as tied weights are.
"""

import collections
import json
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from ..tensors.memory import UnsupportedTensor, check_plain, tensor_dtype
from .errors import NotPortable
from .records import extent, is_dense, row_major
from .values import Decoder, Encoder

# One place of a network where a parameter or buffer is: `holder[key]`, of this module.
Slot = NamedTuple(
    "Slot", [("module", Any), ("holder", Dict[str, Any]), ("key", str), ("is_parameter", bool)]
)


class Store:
    """Tensors on the way into an archive, by key, in the order in which they came."""

    def __init__(self) -> None:
        self.tensors = collections.OrderedDict()  # type: Dict[str, Any]

    def keep(self, key: str, tensor: Any) -> str:
        """Adds a tensor. It is neither copied nor moved before it is written.

        Raises:
            NotPortable: it has no plain bytes.
        """
        try:
            check_plain(tensor)
        except UnsupportedTensor as error:
            raise NotPortable("%s: %s" % (key, error))
        while key in self.tensors:
            key += "_"
        self.tensors[key] = tensor.detach()
        return key


def slots(network: Any) -> Dict[str, Slot]:
    """Every place for a parameter or buffer, by the name that the state_dict has for it."""
    found = {}
    for path, module in modules(network):
        for holder, is_parameter in ((module._parameters, True), (module._buffers, False)):
            for key in holder:
                found[path + key] = Slot(module, holder, key, is_parameter)
    return found


def modules(network: Any) -> Iterator[Tuple[str, Any]]:
    """Every module under every name that it has, with a dot behind; the network's own is ""."""
    stack = [("", network, ())]  # type: List[Tuple[str, Any, Tuple[Any, ...]]]
    while stack:
        path, module, above = stack.pop()
        yield path, module
        inner = (*above, id(module))
        for name, child in reversed(list(module._modules.items())):
            if child is not None and id(child) not in inner:
                stack.append(("%s%s." % (path, name), child, inner))


def take(network: Any, store: Store, encoder: Encoder) -> Dict[str, Any]:
    """Puts a network's tensors into the store.

    Returns:
        `entries`, a record for each entry of the state_dict in its order; `versions`, which layers
        read to know how old their state is; `training`, of all modules or by name.

    Raises:
        NotPortable: something in the state_dict cannot be stored.
    """
    state = network.state_dict()
    places = slots(network)
    entries = collections.OrderedDict()  # type: Dict[str, Any]
    tensors = collections.OrderedDict()  # type: Dict[str, Any]
    first = {}  # type: Dict[int, str]
    for name, value in state.items():
        if not _is_tensor(value):
            entries[name] = {"value": encoder.encode(value, name)}
            continue
        tensors[name] = value.detach()
        entries[name] = {}
        slot = places.get(name)
        if slot is not None:
            held = slot.holder[slot.key]
            same = first.setdefault(id(held), name)
            if same != name:
                entries[name]["same"] = same
            if slot.is_parameter and not held.requires_grad:
                entries[name]["requires_grad"] = False
    for name, record in store_all(tensors, store).items():
        entries[name].update(record)
    flags = {path[:-1]: module.training for path, module in modules(network)}
    uniform = len(set(flags.values())) == 1
    return {
        "entries": entries,
        "versions": json.loads(json.dumps(getattr(state, "_metadata", {}))),
        "training": network.training if uniform else flags,
    }


def store_all(tensors: Dict[str, Any], store: Store) -> Dict[str, Any]:
    """Puts tensors into the store, what they share in memory once; a record of each.

    Raises:
        NotPortable: one of them cannot be stored.
    """
    for name, tensor in tensors.items():
        _check(name, tensor)
    records = {}
    # Not in the order in memory, which is another each time.
    position = {name: index for index, name in enumerate(tensors)}
    for cluster in sorted(_clusters(tensors), key=lambda cluster: position[cluster[0]]):
        records.update(_stored(cluster, tensors, store))
    return records


def view_all(state: Dict[str, Any], tensors: Dict[str, Any]) -> Dict[str, Any]:
    """What `store_all` was given, by its records as the entries of a state.

    The records were checked, see records.check_records.
    """
    return {
        name: _view(record, tensors)
        for name, record in state["entries"].items()
        if "tensor" in record
    }


def put(network: Any, state: Dict[str, Any], decoder: Decoder) -> None:
    """Gives a network the state that `take` described.

    Parameters stay the objects that they are and get the stored memory: what refers to them still
    does, and nothing is copied.

    Raises:
        RuntimeError: the network has other entries, or of other kinds or shapes.
    """
    entries = state["entries"]
    values = collections.OrderedDict()  # type: Dict[str, Any]
    places = slots(network)
    taken = set()  # type: Set[int]
    for name, record in entries.items():
        if "value" in record:
            if name in places:
                raise RuntimeError("%s is no tensor in the archive" % name)
            values[name] = decoder.decode(record["value"])
            continue
        value = _view(record, decoder.tensors)
        values[name] = value
        slot = places.get(name)
        if slot is None or hasattr(slot.holder[slot.key], "materialize"):
            continue
        same = places.get(record.get("same"))
        if same is not None:
            held = same.holder[same.key]
            if held is None or slot.is_parameter > same.is_parameter:
                raise RuntimeError("%s is no parameter, %s is" % (record["same"], name))
            if slot.holder[slot.key] is not held:
                setattr(slot.module, slot.key, held)
        elif _fits(slot, value):
            _give(slot, value, record.get("requires_grad", True), taken)
    versions = collections.OrderedDict(state["versions"])
    values._metadata = versions  # type: ignore[attr-defined]
    network.load_state_dict(values)
    flags = state["training"]
    for path, module in modules(network):
        flag = flags if isinstance(flags, bool) else flags.get(path[:-1], network.training)
        module.training = flag


def _fits(slot: Slot, value: Any) -> bool:
    """False where load_state_dict is to say that the shapes differ."""
    held = slot.holder[slot.key]
    return held is None or held.shape == value.shape


def _give(slot: Slot, value: Any, requires_grad: bool, taken: Set[int]) -> None:
    import torch

    held = slot.holder[slot.key]
    # What the constructor ties and is tied no more: the second place gets an object of its own.
    if held is None or id(held) in taken:
        held = torch.nn.Parameter(value, requires_grad=False) if slot.is_parameter else value
        setattr(slot.module, slot.key, held)
    else:
        held.data = value
    taken.add(id(held))
    if slot.is_parameter:
        held.requires_grad = requires_grad and _can_require_grad(value)


def _can_require_grad(value: Any) -> bool:
    kind = tensor_dtype(value)
    return kind.startswith(("float", "bfloat", "complex"))


def _is_tensor(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor)


def _check(name: str, value: Any) -> None:
    import torch

    if type(value) not in (torch.Tensor, torch.nn.Parameter):
        kind = type(value)
        raise NotPortable(
            "%s is a %s.%s, not a plain tensor" % (name, kind.__module__, kind.__name__)
        )
    try:
        check_plain(value)
    except UnsupportedTensor as error:
        raise NotPortable("%s: %s" % (name, error))


def _clusters(tensors: Dict[str, Any]) -> Iterator[List[str]]:
    """Names of tensors that overlap in memory, together; most are alone."""
    spans = []
    for position, (name, tensor) in enumerate(tensors.items()):
        if not tensor.numel():
            yield [name]
            continue
        begin = tensor.data_ptr()
        end = begin + extent(tensor.shape, tensor.stride()) * tensor.element_size()
        spans.append((str(tensor.device), begin, end, position, name))
    spans.sort()
    together = []  # type: List[Tuple[int, str]]
    reach = ("", 0)
    for device, begin, end, position, name in spans:
        if together and (device, begin) >= reach:
            yield [name for _, name in sorted(together)]
            together = []
        reach = (device, max(end, reach[1]) if together else end)
        together.append((position, name))
    if together:
        yield [name for _, name in sorted(together)]


def _stored(cluster: List[str], tensors: Dict[str, Any], store: Store) -> Dict[str, Any]:
    """Keeps the tensors of a cluster; their records."""
    members = [tensors[name] for name in cluster]
    looks = {(t.data_ptr(), tuple(t.shape), tuple(t.stride()), tensor_dtype(t)) for t in members}
    if len(looks) == 1:
        tensor = members[0]
        record = {"tensor": store.keep(cluster[0], tensor)}  # type: Dict[str, Any]
        stride = list(tensor.stride())
        if is_dense(tensor.shape, stride) and stride != row_major(tensor.shape):
            record["stride"] = stride
        return {name: dict(record) for name in cluster}
    if len({tensor_dtype(t) for t in members}) > 1:
        raise NotPortable(
            "%s share memory as different types; clone() makes a tensor of its own"
            % " and ".join(cluster)
        )
    lowest = min(members, key=lambda tensor: int(tensor.data_ptr()))
    size = lowest.element_size()
    offsets = [(t.data_ptr() - lowest.data_ptr()) // size for t in members]
    length = max(offset + extent(t.shape, t.stride()) for offset, t in zip(offsets, members))
    flat = lowest.as_strided((length,), (1,), lowest.storage_offset())
    key = store.keep("shared." + cluster[0], flat)
    return {
        name: {
            "tensor": key,
            "offset": offset,
            "shape": list(tensor.shape),
            "stride": list(tensor.stride()),
        }
        for name, offset, tensor in zip(cluster, offsets, members)
    }


def _view(record: Dict[str, Any], tensors: Dict[str, Any]) -> Any:
    """What a record is of a stored tensor."""
    tensor, stride = tensors[record["tensor"]], record.get("stride")
    if stride is None:
        return tensor
    if "shape" in record:
        return tensor.as_strided(record["shape"], stride, record["offset"])
    shape = tensor.shape
    if all(a == b for a, b, size in zip(stride, row_major(shape), shape) if size > 1):
        return tensor.as_strided(shape, stride)
    return tensor.new_empty(tensor.numel()).as_strided(shape, stride).copy_(tensor)


def missing(network: Any, entries: Dict[str, Any]) -> Optional[str]:
    """A parameter of the network that is not in its state: nothing would initialize it."""
    for name, slot in slots(network).items():
        if slot.is_parameter and slot.holder[slot.key] is not None and name not in entries:
            return name
    return None
