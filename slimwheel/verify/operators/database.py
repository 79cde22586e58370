"""The operator database of this torch, and the units of work that it gives."""

import importlib
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import torch

MODULE = "torch.testing._internal.common_methods_invocations"
# What a quick run takes two of: each kind of arithmetic before another width of one.
FIRST_DTYPES = ("float32", "complex64", "int64", "bfloat16", "float64", "bool", "uint8")
QUICK_DTYPES = 2

Unit = NamedTuple(
    "Unit",
    [
        ("name", str),
        ("family", str),
        ("operator", Any),
        ("dtype", Optional[torch.dtype]),
        ("differentiable", bool),
    ],
)


class NoDatabase(Exception):
    """This torch has no operator database, or what the database imports is not there."""


def load() -> List[Any]:
    """The operators of the database.

    Raises:
        NoDatabase: there is none, with the reason.
    """
    try:
        module = importlib.import_module(MODULE)
    except ImportError as error:
        raise NoDatabase("the operator database cannot be imported: {}".format(error)) from error
    operators = getattr(module, "op_db", None)
    if not operators or not hasattr(operators[0], "sample_inputs"):
        raise NoDatabase("{} of this torch has no operators with samples".format(MODULE))
    return list(operators)


def name_of(operator: Any) -> str:
    """The name of an operator with its variant, such as `linalg.norm.subgradients_at_zero`."""
    variant = getattr(operator, "variant_test_name", "")
    return "{}.{}".format(operator.name, variant) if variant else str(operator.name)


def units(operators: List[Any], quick: bool) -> List[Unit]:
    """A unit for every operator and dtype; with `quick`, for two dtypes of each operator.

    An operator that takes no dtype on the CPU is one unit without a dtype. Names are unique.
    """
    found = []
    taken: Dict[str, int] = {}
    for operator in operators:
        name = name_of(operator)
        taken[name] = taken.get(name, 0) + 1
        if taken[name] > 1:
            name += ".{}".format(taken[name])
        forward, backward = _dtypes(operator)
        chosen = _first(forward) if quick else forward
        for dtype in chosen:
            found.append(
                Unit("{}.{}".format(name, short(dtype)), name, operator, dtype, dtype in backward)
            )
        if not chosen:
            found.append(Unit(name, name, operator, None, False))
    return found


def short(dtype: torch.dtype) -> str:
    """A dtype's name without torch."""
    return str(dtype).replace("torch.", "")


def _dtypes(operator: Any) -> Tuple[List[torch.dtype], List[torch.dtype]]:
    forward = sorted(operator.supported_dtypes("cpu"), key=str)
    if not operator.supports_autograd:
        return forward, []
    backward = operator.supported_backward_dtypes("cpu")
    return forward, [d for d in forward if d in backward and (d.is_floating_point or d.is_complex)]


def _first(dtypes: List[torch.dtype]) -> List[torch.dtype]:
    def rank(dtype: torch.dtype) -> int:
        name = short(dtype)
        return FIRST_DTYPES.index(name) if name in FIRST_DTYPES else len(FIRST_DTYPES)

    return sorted(dtypes, key=rank)[:QUICK_DTYPES]
