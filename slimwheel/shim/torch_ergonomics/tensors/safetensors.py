"""The safetensors format: a header that says where each tensor's bytes are, then the bytes.

Eight bytes with the length of the header (little endian), the header in JSON, padded with spaces,
then the data: row-major, little endian, without gaps or overlaps. Source:
https://github.com/huggingface/safetensors#format. Only headers are read and written here.
"""

import json
import struct
from typing import Any, BinaryIO, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from .._json import parse

# Bytes of one element, by the format's name of the type.
ELEMENT_BYTES = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "F8_E8M0": 1,
    "U16": 2,
    "I16": 2,
    "F16": 2,
    "BF16": 2,
    "U32": 4,
    "I32": 4,
    "F32": 4,
    "U64": 8,
    "I64": 8,
    "F64": 8,
}

# What torch's operations and numpy take.
MOST_DIMENSIONS = 64
LENGTH_BYTES = 8
# The reference implementation reads no longer header either.
LONGEST_HEADER = 100000000
_METADATA = "__metadata__"
_ALIGNMENT = 8

Entry = NamedTuple(
    "Entry",
    [
        ("name", str),
        ("dtype", str),  # a key of ELEMENT_BYTES
        ("shape", Tuple[int, ...]),
        ("begin", int),  # bytes, from the start of the data
        ("end", int),
    ],
)

Header = NamedTuple(
    "Header",
    [
        ("entries", List[Entry]),
        ("metadata", Dict[str, str]),
        ("raw", bytes),  # all that is ahead of the data
    ],
)


class MalformedHeader(ValueError):
    """Bytes that are no safetensors, or contradict themselves; the message says where."""


def element_count(shape: Sequence[int]) -> int:
    """How many elements a tensor of this shape has."""
    count = 1
    for size in shape:
        count *= size
    return count


def lay_out(
    tensors: Iterable[Tuple[str, str, Sequence[int]]], metadata: Optional[Dict[str, str]] = None
) -> Tuple[bytes, List[Entry]]:
    """The bytes ahead of the data, and where each tensor is in the data.

    Args:
        tensors: name, type and shape of each, in the order of their bytes.
        metadata: what else the header says.
    """
    entries = []
    begin = 0
    for name, dtype, shape in tensors:
        end = begin + element_count(shape) * ELEMENT_BYTES[dtype]
        entries.append(Entry(name, dtype, tuple(shape), begin, end))
        begin = end
    content = {
        entry.name: {
            "dtype": entry.dtype,
            "shape": list(entry.shape),
            "data_offsets": [entry.begin, entry.end],
        }
        for entry in entries
    }  # type: Dict[str, Any]
    if len(content) != len(entries) or _METADATA in content:
        raise ValueError("two tensors of one name, or one that is called %s" % _METADATA)
    if metadata:
        content[_METADATA] = metadata
    text = json.dumps(content, sort_keys=True, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % _ALIGNMENT)
    return struct.pack("<Q", len(text)) + text, entries


def read_header(file: BinaryIO, size: int) -> Header:
    """Reads a header and leaves the file at the start of the data.

    Args:
        file: open for reading bytes, at the first of the eight.
        size: bytes of the whole, header and data. Less than that is never read.

    Returns:
        The entries in the order of their bytes; together they are all of the data.

    Raises:
        MalformedHeader: the bytes are no safetensors, or the header does not describe the data.
    """
    prefix = file.read(LENGTH_BYTES) if size >= LENGTH_BYTES else b""
    if len(prefix) != LENGTH_BYTES:
        raise MalformedHeader("shorter than the %d bytes of a header's length" % LENGTH_BYTES)
    length = struct.unpack("<Q", prefix)[0]
    if length > LONGEST_HEADER:
        raise MalformedHeader(
            "a header of %d bytes; at most %d are read" % (length, LONGEST_HEADER)
        )
    if length > size - LENGTH_BYTES:
        raise MalformedHeader("the header has %d bytes, the whole only %d" % (length, size))
    text = file.read(length)
    if len(text) != length:
        raise MalformedHeader("the header ends after %d of %d bytes" % (len(text), length))
    content = _parse(text)
    metadata = content.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(
        isinstance(value, str) for value in metadata.values()
    ):
        raise MalformedHeader("%s is not an object of strings" % _METADATA)
    entries = sorted(
        (_entry(name, value) for name, value in content.items()),
        key=lambda entry: (entry.begin, entry.end),
    )
    _cover(entries, size - LENGTH_BYTES - length)
    return Header(entries, metadata, prefix + text)


def _parse(text: bytes) -> Dict[str, Any]:
    try:
        content = parse(text)
    except ValueError as error:
        raise MalformedHeader("the header is not JSON: %s" % error)
    if not isinstance(content, dict):
        raise MalformedHeader("the header is not an object")
    return content


def _entry(name: str, value: Any) -> Entry:
    where = "tensor %r" % name[:200]
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise MalformedHeader("%s: dtype, shape and data_offsets are what it must have" % where)
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in ELEMENT_BYTES:
        raise MalformedHeader("%s: %.40r is no type that is known here" % (where, dtype))
    if not _sizes(shape, MOST_DIMENSIONS) or not _sizes(offsets, 2) or len(offsets) != 2:
        raise MalformedHeader("%s: shape or data_offsets are no few whole numbers" % where)
    begin, end = offsets
    length = element_count(shape) * ELEMENT_BYTES[dtype]
    # Of an empty tensor, what the other sizes come to is not held to the data.
    if element_count([size or 1 for size in shape]) >= 1 << 59:
        raise MalformedHeader("%s: a shape that no memory has room for" % where)
    if end - begin != length:
        raise MalformedHeader(
            "%s: %d bytes from %d to %d, but its shape takes %d"
            % (where, end - begin, begin, end, length)
        )
    return Entry(name, dtype, tuple(shape), begin, end)


def _sizes(values: Any, most: int) -> bool:
    # bool is an int to Python, not to JSON.
    return (
        isinstance(values, list)
        and len(values) <= most
        and all(type(value) is int and 0 <= value < 1 << 63 for value in values)
    )


def _cover(entries: List[Entry], size: int) -> None:
    """Whether the entries, which are in order, are the data from its first byte to its last."""
    end = 0
    for entry in entries:
        if entry.begin != end:
            relation = "overlaps another" if entry.begin < end else "leaves bytes unused before it"
            raise MalformedHeader(
                "tensor %r begins at %d, the one before it ends at %d: it %s"
                % (entry.name[:200], entry.begin, end, relation)
            )
        end = entry.end
    if end != size:
        raise MalformedHeader("the tensors end at byte %d of the data, which has %d" % (end, size))
