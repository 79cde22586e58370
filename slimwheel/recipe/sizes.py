"""Sizes as people write them: `424 MB` is 424,000,000 bytes, `250 MiB` 262,144,000."""

import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_UNITS |= {"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}


def parse_size(text: str | int) -> int:
    """Return a size in bytes.

    Raises:
        ValueError: text is no number with a unit.
    """
    if isinstance(text, int):
        return text
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    if not found or found[2].upper() not in _UNITS:
        raise ValueError(f"{text!r} is not a size such as '424 MB' or '250 MiB'")
    return round(float(found[1]) * _UNITS[found[2].upper()])


Size = Annotated[int, BeforeValidator(parse_size), WithJsonSchema({"type": ["integer", "string"]})]
