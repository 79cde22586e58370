"""Values as JSON, with the bytes of tensors beside it.

What JSON has stands for itself. All else is an object with one key that begins with a dollar:

    {"$tuple": [...]}
    {"$dict": [[key, value], ...]}      a dictionary with keys that JSON does not have
    {"$tensor": [number, "float32", [2, 3], bytes]}     of torch, as {"$array": ...} of numpy

The numbers count the tensors and arrays from 0. Their bytes follow the JSON in this order, without
gaps: row-major, little endian, as the safetensors format has them.
"""

import json
import sys
from typing import Any, Dict, Iterable, List, Optional, Tuple

from ..tensors import memory
from .errors import NotSendable

Message = Tuple[bytes, List[memoryview]]


def encode(kind: str, value: Any, what: str) -> Message:
    """A message of some kind: its JSON, and the bytes that follow it.

    The bytes are views of the tensors' own memory, except where a tensor is on a GPU or not
    contiguous: that one is copied.

    Args:
        value: what the message carries.
        what: what it is, for messages, as "the result".

    Raises:
        NotSendable: there is something in it that is none of the types above.
    """
    encoder = _Encoder()
    try:
        text = json.dumps([kind, encoder.encode(value)], separators=(",", ":"))
    except _Refused as refused:
        where = "".join("[%r]" % (key,) for key in reversed(refused.keys))
        raise NotSendable("%s%s: %s" % (what, where, refused.reason))
    except RecursionError:
        raise NotSendable("%s contains itself, or is too deep" % what)
    except ValueError as error:  # an integer of more digits than Python writes
        raise NotSendable("%s: %s" % (what, error))
    return text.encode("ascii"), encoder.parts


class Decoder:
    """Makes a message of its JSON, and the tensors for the bytes that follow.

    Attributes:
        failure: why a tensor could not be made, as that there is no torch here; or None.
    """

    def __init__(self) -> None:
        self.failure = None  # type: Optional[Exception]
        self._parts = {}  # type: Dict[int, Tuple[int, Optional[memoryview]]]

    def decode(self, text: bytearray) -> Tuple[str, Any]:
        """Kind and value; its tensors have no content yet."""
        kind, value = json.loads(text.decode("ascii"), object_hook=self._object)
        return kind, value

    def parts(self) -> Iterable[Tuple[int, Optional[memoryview]]]:
        """Length and place of what follows; no place where a tensor could not be made."""
        return [self._parts[number] for number in sorted(self._parts)]

    def _object(self, content: Dict[str, Any]) -> Any:
        tag = next(iter(content), "")
        if not tag.startswith("$"):
            return content
        value = content[tag]
        if tag == "$tuple":
            return tuple(value)
        if tag == "$dict":
            return dict(value)
        number, dtype, shape, count = value
        made, view = None, None
        try:
            new = {"$tensor": memory.new_tensor, "$array": memory.new_array}[tag]
            made, view = new(dtype, shape)
        except Exception as error:  # no torch, none of this type, no memory
            self.failure = error
        self._parts[number] = count, view
        return made


class _Refused(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        # The way to it, from the inside out.
        self.keys = []  # type: List[Any]


class _Encoder:
    def __init__(self) -> None:
        self.parts = []  # type: List[memoryview]

    def encode(self, value: Any) -> Any:
        if value is None or isinstance(value, (str, int, float)):
            return value
        if isinstance(value, list):
            return self._items(enumerate(value))
        if isinstance(value, tuple):
            return {"$tuple": self._items(enumerate(value))}
        if isinstance(value, dict):
            items = self._items(value.items())
            if all(isinstance(key, str) and not key.startswith("$") for key in value):
                return dict(zip(value, items))
            keys = self._items((key, key) for key in value)
            return {"$dict": list(zip(keys, items))}
        return self._special(value)

    def _items(self, items: Iterable[Tuple[Any, Any]]) -> List[Any]:
        done = []
        for key, item in items:
            try:
                done.append(self.encode(item))
            except _Refused as refused:
                refused.keys.append(key)
                raise
        return done

    def _special(self, value: Any) -> Any:
        # A value of a module's type is there only if the module is.
        torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
        try:
            if isinstance(value, getattr(torch, "Tensor", ())):
                tensor = memory.plain(value)
                name = memory.tensor_dtype(tensor)
                return self._part("$tensor", name, tensor.shape, memory.tensor_bytes(tensor))
            if isinstance(value, getattr(numpy, "ndarray", ())):
                array = memory.plain_array(value)
                return self._part(
                    "$array", array.dtype.name, array.shape, memory.array_bytes(array)
                )
        except memory.UnsupportedTensor as error:
            raise _Refused(str(error))
        if numpy is not None and isinstance(value, numpy.generic):
            item = value.item()
            if isinstance(item, (bool, int, float, str)):
                return item
        raise _Refused(
            "%r cannot be sent: give None, numbers, text, lists, tuples, dictionaries, tensors or "
            "arrays" % type(value)
        )

    def _part(self, tag: str, dtype: str, shape: Iterable[int], view: memoryview) -> Any:
        self.parts.append(view)
        return {tag: [len(self.parts) - 1, dtype, list(shape), len(view)]}
