"""Writes tensors into an archive from where they are."""

from typing import Any, Dict, Iterator

from ..tensors.memory import plain, stored, tensor_bytes, tensor_dtype
from ..tensors.safetensors import lay_out
from .archive import Writer
from .state import Store


def add_tensors(writer: Writer, name: str, store: Store) -> Dict[str, Any]:
    """Writes a member in the safetensors format.

    Returns:
        Its size and hashes, as the manifest lists them.
    """
    layout = []
    for key, tensor in store.tensors.items():
        code, shape = stored(tensor_dtype(tensor), tuple(tensor.shape))
        layout.append((key, code, shape))
    header, entries = lay_out(layout)
    size = len(header) + (entries[-1].end if entries else 0)
    return writer.add(name, size, _blocks(header, store))


def dtypes(store: Store) -> Dict[str, str]:
    """The types of a store's tensors, by key."""
    return {key: tensor_dtype(tensor) for key, tensor in store.tensors.items()}


def _blocks(header: bytes, store: Store) -> Iterator[Any]:
    yield header
    for tensor in store.tensors.values():
        # One at a time: what is on a GPU or in another order of memory is copied for this.
        yield tensor_bytes(plain(tensor))
