"""Names of places in a Python file, as recipes write them."""

import re
from typing import Literal, NamedTuple, get_args

from slimwheel.errors import RecipeError, WheelError

Kind = Literal["before-import", "after-import", "function", "assignment"]

_NAME = r"[^\W\d]\w*"
_DOTTED = rf"{_NAME}(?:\.{_NAME})*"
_SHAPES: dict[Kind, str] = {
    "before-import": rf"{_DOTTED}(?:,{_DOTTED})*",
    "after-import": _DOTTED,
    "function": rf"{_DOTTED}(?:\({_NAME}\))?",
    "assignment": _NAME,
}


class PlaceSyntaxError(RecipeError, ValueError):
    """The text does not name a place. Also a ValueError, so that pydantic reports it."""


class PlaceNotFound(WheelError):
    """The file has no such place."""


class Place(NamedTuple):
    """A place in a Python file. Its text, `str(place)`, is `KIND:NAME`.

    - `before-import:MODULE[,MODULE...]`: ahead of the first top-level statement that imports one
      of the modules or something inside them. Imports in function bodies do not count: they do
      not run when the file is imported; nor does what stands under `if TYPE_CHECKING`.
    - `after-import:MODULE`: behind the first top-level statement that holds `from MODULE import *`,
      or, where there is none, behind the first that imports MODULE.
    - `function:NAME`, `function:Class.method`: the first statement of the body, behind the
      docstring; in every definition of that name, for it may stand in both branches of an `if`.
      `function:NAME(ARGUMENT)` also asks that the function has a parameter of that name.
    - `assignment:NAME`: the value of the one module-level assignment to NAME.
    """

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


def parse_place(text: str) -> Place:
    """Read `KIND:NAME`.

    Raises:
        PlaceSyntaxError: the kind is unknown, or the name is none of its kind.
    """
    word, _, name = text.partition(":")
    for kind in get_args(Kind):
        if word == kind:
            if not re.fullmatch(_SHAPES[kind], name):
                raise PlaceSyntaxError(f"{name!r} is no name for a place of kind {kind}")
            return Place(kind, name)
    raise PlaceSyntaxError(
        f"{text!r} is no place in a Python file",
        hint=f"A place is KIND:NAME, where KIND is one of {', '.join(get_args(Kind))}.",
    )
