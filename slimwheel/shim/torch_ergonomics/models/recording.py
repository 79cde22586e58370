"""Remembers with which arguments networks were constructed."""

import functools
from typing import Any, Dict, NamedTuple, Optional, Tuple, TypeVar

# The name stands in the network's __dict__: copies and pickles of the network have it too.
_RECORD = "_portable_construction"

_Class = TypeVar("_Class", bound=type)
Construction = NamedTuple(
    "Construction",
    [
        ("entry", Optional[str]),  # `module:name` of what was called; None: the class
        ("args", Tuple[Any, ...]),
        ("kwargs", Dict[str, Any]),
    ],
)


class Portable:
    """Base class of networks that remember their constructor's arguments, subclasses included.

    Stands before torch.nn.Module: `class Net(Portable, torch.nn.Module)`.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = super().__new__(cls)
        record(self, called(args, kwargs))
        return self


def portable(cls: _Class) -> _Class:
    """Decorates a class of networks: each remembers its constructor's arguments.

    Subclasses do not, unless they are decorated too: their arguments may be others.
    """
    construct = cls.__init__  # type: ignore[misc]

    @functools.wraps(construct)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        if type(self) is cls:
            record(self, called(args, kwargs))
        construct(self, *args, **kwargs)

    cls.__init__ = __init__  # type: ignore[misc]
    return cls


def called(
    args: Tuple[Any, ...], kwargs: Dict[str, Any], entry: Optional[str] = None
) -> Construction:
    """Notes a call. Lists and dictionaries are copied: what is called may change them."""
    try:
        return Construction(entry, tuple(map(_copy, args)), _copy(kwargs))
    except RecursionError:  # a list that contains itself: saving will say so
        return Construction(entry, args, kwargs)


def record(network: Any, construction: Construction) -> None:
    """Remembers how a network was made."""
    # torch.nn.Module wants to be initialized before attributes are set; this is no attribute of it.
    network.__dict__[_RECORD] = construction


def recorded(network: Any) -> Optional[Construction]:
    """What was noted, or None."""
    found = network.__dict__.get(_RECORD)
    return found if isinstance(found, Construction) else None


def _copy(value: Any) -> Any:
    if type(value) is list:
        return [_copy(item) for item in value]
    if type(value) is dict:
        return {key: _copy(item) for key, item in value.items()}
    return value
