"""Constructs networks without initializing parameters that are about to be replaced.

The functions of torch.nn.init do nothing for parameters meanwhile, in this thread alone. Networks
may have taken these functions by name then, and keep them: later they do what they always do.
"""

import contextlib
import functools
import threading
from typing import Any, Callable, Dict, Iterator  # noqa: F401

_here = threading.local()
_lock = threading.Lock()
_originals = {}  # type: Dict[str, Any]
_users = 0


@contextlib.contextmanager
def no_initialization() -> Iterator[None]:
    """While this is open, torch.nn.init leaves parameters as they are."""
    _enter()
    _here.active = True
    try:
        yield
    finally:
        _here.active = False
        _leave()


def original(found: Any) -> Any:
    """What a function of torch.nn.init is when no_initialization is over; of all else itself."""
    function = _originals.get(getattr(found, "__name__", ""))
    return function if function and getattr(found, "__wrapped__", None) is function else found


def _enter() -> None:
    """Puts functions that ask before them in the place of torch.nn.init's."""
    global _users
    import torch.nn.init as init

    with _lock:
        _users += 1
        if _users > 1:
            return
        for name in dir(init):
            function = getattr(init, name)
            if name.endswith("_") and not name.startswith("_") and callable(function):
                _originals[name] = function
                setattr(init, name, _asking(function))


def _leave() -> None:
    global _users
    import torch.nn.init as init

    with _lock:
        _users -= 1
        if not _users:
            for name, function in _originals.items():
                setattr(init, name, function)
            _originals.clear()


def _asking(function: Callable[..., Any]) -> Callable[..., Any]:
    import torch

    @functools.wraps(function)
    def initialize(*args: Any, **kwargs: Any) -> Any:
        tensor = args[0] if args else kwargs.get("tensor")
        if getattr(_here, "active", False) and isinstance(tensor, torch.nn.Parameter):
            return tensor
        return function(*args, **kwargs)

    return initialize
