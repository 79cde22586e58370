"""Records: named computations, what each needs, and the decorator that registers them.

Every module in `records/` registers its own. Such a module imports `torch` and nothing of it by
name, so that it can be imported on a torch that lacks the half of what its records use.
"""

import importlib
import os
import pkgutil
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, TypeVar, Union

Condition = Callable[[str], Optional[str]]
Function = TypeVar("Function", bound=Callable[..., object])

Record = NamedTuple(
    "Record",
    [
        ("name", str),
        ("compute", Callable[[], object]),
        ("value", str),
        ("needs", Tuple[Union[str, Condition], ...]),
        ("unstable", Optional[str]),
    ],
)

registered: Dict[str, Record] = {}


def record(
    name: str,
    each: Optional[Sequence[str]] = None,
    needs: Union[str, Condition, Sequence[Union[str, Condition]]] = (),
    unstable: Optional[str] = None,
) -> Callable[[Function], Function]:
    """Register a function whose return value is a record.

    Args:
        name: unique, `subject.operation`; with `each`, `{}` stands for the value.
        each: register one record for every value; the function is called with it.
        needs: what torch must have, else the record is skipped: dotted names (`torch.fft.rfft`,
            `{}` as in name), or functions that are given the value ("" without `each`) and return
            the reason to skip, or None.
        unstable: why two runs of one torch may differ; such a record is run but not compared.

    Raises:
        ValueError: another record has this name.
    """
    conditions = (needs,) if isinstance(needs, str) or callable(needs) else tuple(needs)

    def register(function: Function) -> Function:
        for value in (None,) if each is None else each:
            add(
                Record(
                    name if value is None else name.format(value),
                    function if value is None else _applied(function, value),
                    value or "",
                    conditions,
                    unstable,
                )
            )
        return function

    return register


def add(new: Record) -> None:
    if new.name in registered:
        raise ValueError("two records are named " + new.name)
    registered[new.name] = new


def _applied(function: Callable[..., object], value: str) -> Callable[[], object]:
    return lambda: function(value)


def since(version: str) -> Condition:
    """The condition that torch has this version or a newer one, for what no name gives away."""

    def missing(_value: str) -> Optional[str]:
        import torch

        have = [int(part) for part in torch.__version__.split("+")[0].split(".")[:2]]
        if have < [int(part) for part in version.split(".")]:
            return "torch {} or newer".format(version)
        return None

    return missing


def reason_to_skip(wanted: Record) -> Optional[str]:
    """The first need of a record that this torch does not meet, or None."""
    for need in wanted.needs:
        if callable(need):
            reason = need(wanted.value)
            if reason is not None:
                return reason
        elif not _exists(need.format(wanted.value)):
            return "no {} here".format(need.format(wanted.value))
    return None


def _exists(dotted: str) -> bool:
    first, *rest = dotted.split(".")
    try:
        found: Any = importlib.import_module(first)
    except ModuleNotFoundError:
        return False
    path = first
    for part in rest:
        path += "." + part
        try:
            found = getattr(found, part)
        except AttributeError:
            try:
                found = importlib.import_module(path)
            except ModuleNotFoundError:
                return False
    return True


def load(package: str) -> List[Tuple[str, Exception]]:
    """Import every module of a package of records.

    Returns:
        The modules that could not be imported, each with what it raised.
    """
    failures = []
    directory = os.path.dirname(str(importlib.import_module(package).__file__))
    for module in sorted(info.name for info in pkgutil.iter_modules([directory])):
        try:
            importlib.import_module(package + "." + module)
        except Exception as error:
            failures.append((module, error))
    return failures
