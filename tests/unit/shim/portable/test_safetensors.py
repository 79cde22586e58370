"""Headers of the safetensors format, beside the reference implementation."""

import io
import json
import struct
from typing import Any

import pytest
import safetensors
from hypothesis import given
from hypothesis import strategies as st

from slimwheel.shim.torch_ergonomics.tensors.safetensors import (
    ELEMENT_BYTES,
    MalformedHeader,
    element_count,
    lay_out,
    read_header,
)

shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)
tensors = st.dictionaries(
    st.text(min_size=1).filter(lambda name: name != "__metadata__"),
    st.tuples(st.sampled_from(sorted(ELEMENT_BYTES)), shapes),
    max_size=6,
)


def packed(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def read(whole: bytes) -> Any:
    return read_header(io.BytesIO(whole), len(whole))


@given(tensors)
def test_the_reference_reads_what_is_laid_out(given_tensors: Any) -> None:
    specs = [(name, dtype, shape) for name, (dtype, shape) in given_tensors.items()]
    header, entries = lay_out(specs, {"written": "here"})
    size = entries[-1].end if entries else 0
    data = bytes(index % 251 for index in range(size))
    assert len(header) % 8 == 0
    found = dict(safetensors.deserialize(header + data))
    assert {name: (one["dtype"], tuple(one["shape"])) for name, one in found.items()} == {
        name: (dtype, shape) for name, (dtype, shape) in given_tensors.items()
    }
    for entry in entries:
        assert bytes(found[entry.name]["data"]) == data[entry.begin : entry.end]


@given(tensors)
def test_what_is_laid_out_is_read(given_tensors: Any) -> None:
    specs = [(name, dtype, shape) for name, (dtype, shape) in given_tensors.items()]
    header, entries = lay_out(specs, {"written": "here"})
    size = entries[-1].end if entries else 0
    file = io.BytesIO(header + bytes(size))
    found = read_header(file, len(header) + size)
    assert sorted(found.entries) == sorted(entries)
    assert found.metadata == {"written": "here"}
    assert file.tell() == len(header)
    assert found.raw == header


def one(**changes: Any) -> dict[str, Any]:
    return {"a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]} | changes}


HOSTILE = {
    "nothing": b"",
    "seven bytes": b"\0" * 7,
    "no header": b"\0" * 8,
    "a header beyond the end": struct.pack("<Q", 100) + b"{}",
    "a header longer than any": struct.pack("<Q", 1 << 63) + b"{}",
    "not JSON": packed(b"{"),
    "not text": packed(b"\xff{}"),
    "a list": packed([]),
    "a tensor that is a number": packed({"a": 1}),
    "no shape": packed({"a": {"dtype": "U8", "data_offsets": [0, 2]}}, b"12"),
    "an unknown type": packed(one(dtype="U7"), b"12"),
    "a negative size": packed(one(shape=[-2]), b"12"),
    "a size that is no whole number": packed(one(shape=[2.5]), b"12"),
    "three offsets": packed(one(data_offsets=[0, 1, 2]), b"12"),
    "offsets that go back": packed(one(data_offsets=[2, 0]), b"12"),
    "more bytes than the shape": packed(one(data_offsets=[0, 3]), b"123"),
    "fewer bytes than the shape": packed(one(data_offsets=[0, 1]), b"1"),
    "offsets beyond the data": packed(one(data_offsets=[2, 4]), b"12"),
    "data that ends early": packed(one(), b"1"),
    "data behind the last": packed(one(), b"123"),
    "a gap": packed(one(data_offsets=[1, 3]), b"123"),
    "an overlap": packed(one() | {"b": one(data_offsets=[1, 3])["a"]}, b"123"),
    "sizes that overflow": packed(one(shape=[1 << 40, 1 << 40], data_offsets=[0, 2]), b"12"),
    "metadata that is no text": packed({"__metadata__": {"a": 1}}),
    "a name that is there twice": packed(
        b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
        b'"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}',
        b"12",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_headers(name: str) -> None:
    with pytest.raises(MalformedHeader):
        read(HOSTILE[name])
    with pytest.raises(safetensors.SafetensorError):
        safetensors.deserialize(HOSTILE[name])


@pytest.mark.parametrize("depth", [10, 100_000])
def test_depth(depth: int) -> None:
    with pytest.raises(MalformedHeader):
        read(packed(b'{"a":' * depth + b"1" + b"}" * depth))


def test_sizes_are_whole_numbers_not_truths() -> None:
    with pytest.raises(MalformedHeader, match="whole numbers"):
        read(packed(one(shape=[True, 2]), b"12"))


def test_element_count() -> None:
    assert [element_count(shape) for shape in ((), (3,), (3, 4), (3, 0, 5))] == [1, 3, 12, 0]


def test_two_tensors_of_one_name_are_not_laid_out() -> None:
    with pytest.raises(ValueError, match="one name"):
        lay_out([("a", "U8", (1,)), ("a", "U8", (1,))])
