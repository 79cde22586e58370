"""The memory of tensors and arrays as bytes, without a copy and without numpy.

Types are named as torch and numpy both name them: "float32", "complex64". The bytes are little
endian and row-major.
"""

import ctypes
import sys
from typing import Any, Sequence, Tuple

from .safetensors import ELEMENT_BYTES, MOST_DIMENSIONS, element_count

# What the safetensors format calls them. Complex numbers are stored as pairs of real ones: the
# format learnt of complex numbers late, and not of all of them.
_CODES = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "uint16": "U16",
    "int16": "I16",
    "uint32": "U32",
    "int32": "I32",
    "uint64": "U64",
    "int64": "I64",
    "float16": "F16",
    "bfloat16": "BF16",
    "float32": "F32",
    "float64": "F64",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e8m0fnu": "F8_E8M0",
}
_PAIRS = {"complex32": "float16", "complex64": "float32", "complex128": "float64"}


# A type of any memory: making one for each size takes longer than reading a small tensor.
_MEMORY = ctypes.c_char * (sys.maxsize >> 1)


class UnsupportedTensor(TypeError):
    """A tensor or array that has no plain bytes, or a type that is not known here."""


def stored(dtype: str, shape: Sequence[int]) -> Tuple[str, Tuple[int, ...]]:
    """The type and shape that safetensors know it by.

    Args:
        dtype: as "float32".
        shape: of the tensor.

    Raises:
        UnsupportedTensor: there is no such type in the format.
    """
    pair = _PAIRS.get(dtype)
    if pair is not None:
        return _CODES[pair], (*shape, 2)
    if dtype not in _CODES:
        raise UnsupportedTensor("%s has no place in the safetensors format" % dtype)
    return _CODES[dtype], tuple(shape)


def byte_count(dtype: str, shape: Sequence[int]) -> int:
    """Bytes that a tensor takes; errors as in `stored`."""
    code, full = stored(dtype, shape)
    return element_count(full) * ELEMENT_BYTES[code]


def tensor_dtype(tensor: Any) -> str:
    """The type of a tensor's elements, as "float32"."""
    return str(tensor.dtype).rpartition(".")[2]


def check_plain(tensor: Any) -> None:
    """Whether a tensor has plain bytes.

    Raises:
        UnsupportedTensor: it is sparse, quantized, without data (device "meta"), of a type that
            the format does not know, or of more dimensions than it may have.
    """
    import torch

    if len(stored(tensor_dtype(tensor), tensor.shape)[1]) > MOST_DIMENSIONS:
        raise UnsupportedTensor("a tensor of %d dimensions" % len(tensor.shape))
    layout = getattr(tensor, "layout", torch.strided)
    if layout != torch.strided or getattr(tensor, "is_mkldnn", False):
        raise UnsupportedTensor("a tensor of layout %s; to_dense() makes one of it" % layout)
    if getattr(tensor, "is_quantized", False):
        raise UnsupportedTensor("a quantized tensor; dequantize() makes a plain one of it")
    if tensor.device.type == "meta":
        raise UnsupportedTensor("a tensor on the device meta, which has no data")


def plain(tensor: Any) -> Any:
    """The tensor as dense, contiguous memory of the CPU: itself if it is that already.

    Raises:
        UnsupportedTensor: as in `check_plain`.
    """
    check_plain(tensor)
    tensor = tensor.detach()
    # Conjugates and negatives may be views that only say so.
    for name in ("resolve_conj", "resolve_neg"):
        resolve = getattr(tensor, name, None)
        if resolve is not None:
            tensor = resolve()
    return tensor.cpu().contiguous()


def tensor_bytes(tensor: Any) -> memoryview:
    """The bytes of a tensor as `plain` returns it. The view holds the tensor's memory alive."""
    count = byte_count(tensor_dtype(tensor), tuple(tensor.shape))
    return _at(tensor, tensor.data_ptr(), count)


def new_tensor(dtype: str, shape: Sequence[int]) -> Tuple[Any, memoryview]:
    """A tensor to be filled, and its bytes.

    Raises:
        UnsupportedTensor: this torch does not have the type.
    """
    import torch

    known = getattr(torch, dtype, None)
    missing = UnsupportedTensor("torch %s has no %s" % (torch.__version__, dtype))
    if (dtype not in _CODES and dtype not in _PAIRS) or not isinstance(known, torch.dtype):
        raise missing
    try:
        tensor = torch.empty(tuple(shape), dtype=known, device="cpu")
    except RuntimeError as error:
        # Old releases have names of types that they cannot make. Want of memory is another matter.
        if "alloc" in str(error) or "memory" in str(error):
            raise
        raise missing
    return tensor, tensor_bytes(tensor)


def plain_array(array: Any) -> Any:
    """The array as dense memory, row-major and little endian: itself if it is that already.

    Raises:
        UnsupportedTensor: it has a mask, or is of a type that the format does not know.
    """
    stored(array.dtype.name, ())
    if hasattr(array, "mask"):
        raise UnsupportedTensor("a masked array; filled() makes a plain one of it")
    if not array.dtype.isnative:
        return array.astype(array.dtype.newbyteorder("="), order="C")
    return array if array.flags.c_contiguous else array.copy(order="C")


def array_bytes(array: Any) -> memoryview:
    """The bytes of a numpy array as `plain_array` returns it.

    Raises:
        UnsupportedTensor: of a type that the format does not know, as text or dates.
    """
    count = byte_count(array.dtype.name, array.shape)
    return _at(array, array.ctypes.data, count)


def new_array(dtype: str, shape: Sequence[int]) -> Tuple[Any, memoryview]:
    """A numpy array to be filled, and its bytes; errors as in `stored`."""
    import numpy

    stored(dtype, shape)
    try:
        array = numpy.empty(tuple(shape), dtype=dtype)
    except TypeError:
        raise UnsupportedTensor("numpy %s has no %s" % (numpy.__version__, dtype))
    return array, array_bytes(array)


def _at(owner: Any, address: int, count: int) -> memoryview:
    if sys.byteorder != "little":
        raise UnsupportedTensor("this machine is big endian, the format is little endian")
    if not count:
        return memoryview(b"")
    array = _MEMORY.from_address(address)
    # ctypes keeps no reference to memory that it was told the address of.
    array.owner = owner  # type: ignore[attr-defined]
    return memoryview(array).cast("B")[:count]
