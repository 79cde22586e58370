"""Whether data that was read from somewhere has the shape that is expected of it."""

from collections.abc import Mapping, Sequence
from typing import Any

Shape = type | None | Mapping[Any, Any] | Sequence[Any]
"""What data may look like.

A type stands for its values, None for null. A mapping has just these keys; with `str` as its only
key it stands for objects with any keys. A list stands for arrays of its only item's shape, or for
an empty one; a tuple for either of its shapes.
"""


def fits(value: object, shape: Shape) -> bool:
    """Tell whether data, as json reads it, has a shape."""
    if isinstance(shape, type):
        return type(value) is shape
    if shape is None:
        return value is None
    if isinstance(shape, tuple):
        return any(fits(value, one) for one in shape)
    if isinstance(shape, Mapping):
        if not isinstance(value, dict):
            return False
        if shape.keys() == {str}:
            return all(fits(item, shape[str]) for item in value.values())
        return value.keys() == shape.keys() and all(fits(value[k], shape[k]) for k in shape)
    if not isinstance(value, list):
        return False
    return all(fits(item, shape[0]) for item in value) if shape else not value
