"""The records of a state against the tensors that are stored: no view reaches beyond its tensor."""

from typing import Any, Dict, List, Sequence, Tuple

from ..tensors.memory import UnsupportedTensor, stored
from ..tensors.safetensors import Entry, element_count
from .errors import BadArchive, CannotLoad

# In elements of 16 bytes, memory that can be addressed.
_MOST_ELEMENTS = 1 << 58


def shapes_of(
    path: str, member: str, entries: Sequence[Entry], dtypes: Dict[str, str]
) -> Dict[str, Tuple[int, ...]]:
    """The shapes of tensors as torch has them, by key.

    Args:
        path: of the archive, for messages.
        member: whose header has the entries.
        entries: of the tensors.
        dtypes: torch's types of the tensors that must be in it.

    Raises:
        BadArchive: header and types contradict each other.
        CannotLoad: a type is not known here.
    """
    differ = sorted({entry.name for entry in entries}.symmetric_difference(dtypes))
    if differ:
        raise BadArchive(
            "%s: manifest and %s name different tensors: %.200s" % (path, member, ", ".join(differ))
        )
    shapes = {}
    for entry in entries:
        dtype = dtypes[entry.name]
        try:
            trailing = stored(dtype, ())[1]
            shape = entry.shape[: len(entry.shape) - len(trailing)]
            if stored(dtype, shape) != (entry.dtype, entry.shape):
                raise BadArchive(
                    "%s: tensor %.200s is not stored as a %s" % (path, entry.name, dtype)
                )
        except UnsupportedTensor as error:
            raise CannotLoad("%s: tensor %.200s: %.200s" % (path, entry.name, error))
        shapes[entry.name] = shape
    return shapes


def check_records(path: str, records: Dict[str, Any], shapes: Dict[str, Tuple[int, ...]]) -> None:
    """Whether the tensors of a state can be views of what is stored.

    Args:
        path: of the archive, for messages.
        records: by name, as the manifest has them.
        shapes: of what is stored, by key.

    Raises:
        BadArchive: one is of nothing that is stored, or reaches beyond it.
    """
    for name, record in records.items():
        if "value" in record:
            continue
        whole = shapes.get(record["tensor"])
        if whole is None:
            raise BadArchive("%s: %.200s is a tensor that is not stored" % (path, name))
        stride = record.get("stride")
        if stride is None:
            continue
        if "shape" in record:
            shape = record["shape"]
            end = record["offset"] + extent(shape, stride)
            good = len(shape) == len(stride) and end <= element_count(whole)
            good = good and element_count(shape) <= _MOST_ELEMENTS
        else:
            good = is_dense(whole, stride)
        if not good:
            raise BadArchive(
                "%s: %.200s reaches beyond the tensor that it is a view of" % (path, name)
            )


def extent(shape: Sequence[int], stride: Sequence[int]) -> int:
    """Elements of memory from a tensor's first to its last."""
    if not element_count(shape):
        return 0
    return 1 + sum(int((size - 1) * step) for size, step in zip(shape, stride))


def is_dense(shape: Sequence[int], stride: Sequence[int]) -> bool:
    """Whether a tensor's elements are one behind another, in whatever order."""
    if len(shape) != len(stride) or not element_count(shape):
        return len(shape) == len(stride)
    expected = 1
    for step, size in sorted((step, size) for size, step in zip(shape, stride) if size != 1):
        if step != expected:
            return False
        expected *= size
    return True


def row_major(shape: Sequence[int]) -> List[int]:
    """The strides of a contiguous tensor."""
    strides = []  # type: List[int]
    step = 1
    for size in reversed(shape):
        strides.insert(0, step)
        step *= max(size, 1)
    return strides
