"""The samples of an operator: made from seeds of their own, and described in a few words."""

import importlib
import inspect
import itertools
import random
import zlib
from typing import Any, Dict, Iterator, List, Optional

import torch

from .database import Unit, short

_LONGEST = 160


def seed(text: str) -> None:
    """Seed every generator that is drawn from, so that no result depends on what ran before."""
    number = zlib.crc32(text.encode())
    torch.manual_seed(number)
    random.seed(number)
    importlib.import_module("numpy").random.seed(number)


def samples(unit: Unit, limit: Optional[int]) -> Iterator[Any]:
    """The first samples of an operator in a dtype, or all of them.

    Each is drawn from the seed of the unit and its own number.
    """
    seed(unit.name)
    found = iter(
        unit.operator.sample_inputs(
            "cpu", unit.dtype, requires_grad=unit.differentiable, **_own_seeds()
        )
    )
    for index in itertools.count() if limit is None else range(limit):
        seed("{} {}".format(unit.name, index))
        try:
            sample = next(found)
        except StopIteration:
            return
        yield sample


def _own_seeds() -> Dict[str, Any]:
    """What keeps the database from seeding every sample alike, where it does that."""
    utilities = importlib.import_module("torch.testing._internal.common_utils")
    tracked = getattr(utilities, "TrackedInputIter", None)
    if tracked is None or "set_seed" not in inspect.signature(tracked.__init__).parameters:
        return {}
    return {"set_seed": False}


def inputs_of(sample: Any) -> List[Any]:
    """What an operator is called with."""
    return [sample.input, sample.args, sample.kwargs]


def tensors(value: Any) -> Iterator[torch.Tensor]:
    """All tensors in a value, in order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors(item)


def describe(sample: Any) -> str:
    """A sample's inputs in a few words: dtypes, shapes and numbers."""
    words = [_words(sample.input), *(_words(item) for item in sample.args)]
    words += ["{}={}".format(name, _words(item)) for name, item in sample.kwargs.items()]
    text = ", ".join(words)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _words(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        text = short(value.dtype) + str([int(size) for size in _shape(value)])
        layout = str(value.layout).replace("torch.", "")
        return text if layout == "strided" else "{} {}".format(layout, text)
    if isinstance(value, (list, tuple)):
        return "[{}]".format(", ".join(_words(item) for item in value))
    if isinstance(value, (bool, int, float, complex, str, type(None), torch.dtype, slice)):
        return repr(value)
    return type(value).__name__


def _shape(tensor: torch.Tensor) -> List[Any]:
    return [tensor.size(0)] if getattr(tensor, "is_nested", False) else list(tensor.shape)
