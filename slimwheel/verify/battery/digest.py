"""A sha256 over the exact bytes of a value: tensors of every layout, and plain Python around them.

Each value is fed as a tag with its length before its bytes, so that no two values collide by
concatenation. Tensors are read through their address: that works for dtypes that numpy does not
know, and in every torch since 1.0.
"""

import ctypes
import hashlib
import os
import re
import sys
from typing import Any, Callable

import torch

# Those of torch's types whose text says all of them, as far as this torch has them.
_NAMES = tuple(
    getattr(torch, name) for name in ("device", "layout", "memory_format") if hasattr(torch, name)
)
_GENERATOR: Any = getattr(torch, "Generator", ())


def digest(value: object) -> str:
    """The hexadecimal sha256 of a value.

    Raises:
        TypeError: the value, or one inside it, is of a type without a canonical form.
    """
    sha256 = hashlib.sha256()
    _feed(sha256.update, value)
    return sha256.hexdigest()


def _feed(update: Callable[[bytes], None], value: object) -> None:
    def put(tag: str, data: bytes) -> None:
        update("{}:{}:".format(tag, len(data)).encode())
        update(data)

    if isinstance(value, torch.Tensor):
        _feed(update, _parts(value))
    elif isinstance(value, (list, tuple)):
        put("sequence", str(len(value)).encode())
        for item in value:
            _feed(update, item)
    elif isinstance(value, dict):
        put("mapping", str(len(value)).encode())
        for key, item in value.items():
            _feed(update, key)
            _feed(update, item)
    elif isinstance(value, (bytes, bytearray)):
        put("bytes", bytes(value))
    elif isinstance(value, str):
        put("str", value.encode("utf-8", "surrogatepass"))
    elif isinstance(value, float):
        put("float", value.hex().encode())
    elif isinstance(value, (bool, int, complex, type(None), torch.dtype, *_NAMES)):
        put(type(value).__name__, str(value).encode())
    else:
        _feed(update, _taken_apart(value))


def _taken_apart(value: Any) -> object:
    """What stands for a value that is not fed as it is."""
    if isinstance(value, slice):
        return ["slice", value.start, value.stop, value.step]
    if isinstance(value, _GENERATOR):
        return ["generator", value.get_state()]
    if type(value).__module__ == "numpy":
        return [str(value.dtype), list(value.shape), value.tobytes()]
    raise TypeError("no canonical form of {}".format(type(value)))


def _parts(tensor: Any) -> object:
    """A tensor as dtype, shape and bytes, or as the dense tensors that it is made of."""
    tensor = tensor.detach()
    layout = str(getattr(tensor, "layout", "torch.strided"))
    head = [str(tensor.dtype), layout, list(tensor.shape) if not _is_nested(tensor) else "nested"]
    if _is_nested(tensor):
        return head + list(tensor.unbind())
    if layout == "torch.sparse_coo":
        # Whether it is coalesced is part of the result; the order of an uncoalesced one too.
        return [*head, tensor.is_coalesced(), tensor._indices(), tensor._values()]
    if layout in ("torch.sparse_csr", "torch.sparse_bsr"):
        return [*head, tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    if layout in ("torch.sparse_csc", "torch.sparse_bsc"):
        return [*head, tensor.ccol_indices(), tensor.row_indices(), tensor.values()]
    if layout == "torch._mkldnn":
        return [*head, tensor.to_dense()]
    if getattr(tensor, "is_quantized", False):
        return head + _quantization(tensor) + [tensor.int_repr()]
    return [*head, _raw(tensor)]


def _is_nested(tensor: Any) -> bool:
    return bool(getattr(tensor, "is_nested", False))


def _quantization(tensor: Any) -> list:  # type: ignore[type-arg]
    scheme = tensor.qscheme()
    if scheme in (torch.per_tensor_affine, torch.per_tensor_symmetric):
        return [str(scheme), tensor.q_scale(), tensor.q_zero_point()]
    return [
        str(scheme),
        tensor.q_per_channel_scales(),
        tensor.q_per_channel_zero_points(),
        tensor.q_per_channel_axis(),
    ]


def _raw(tensor: Any) -> bytes:
    # Conjugates and negatives are views with a flag; the bytes are those of what they show.
    for resolve in ("resolve_conj", "resolve_neg"):
        if hasattr(tensor, resolve):
            tensor = getattr(tensor, resolve)()
    # A gradient that is all zeros may have no memory yet.
    if hasattr(tensor, "_is_zerotensor") and tensor._is_zerotensor():
        tensor = tensor.clone()
    tensor = tensor.contiguous()
    size = tensor.numel() * tensor.element_size()
    return ctypes.string_at(tensor.data_ptr(), size) if size else b""


def error_text(error: BaseException) -> str:
    """An exception's type and message without what differs between two installations.

    Paths of torch, of its environment and of the battery become `<torch>` and so on, addresses
    `<address>`; the C++ frames that old releases append to every message, with their load
    addresses, are cut.
    """
    message = re.split(r"\n?(?:frame #0|Exception raised from )", str(error))[0]
    for name, file in (("torch", torch.__file__), ("battery", __file__)):
        message = message.replace(os.path.dirname(os.path.abspath(file)), "<{}>".format(name))
    message = message.replace(sys.prefix, "<prefix>")
    message = re.sub(r"\b0x[0-9a-f]+\b", "<address>", message)
    return "{}: {}".format(type(error).__name__, message.rstrip())
