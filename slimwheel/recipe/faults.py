"""What pydantic finds wrong with a TOML file, as one error that names the file and the key."""

from typing import Any

from pydantic import ValidationError

from slimwheel.errors import SlimwheelError


def explained(
    error: ValidationError,
    data: Any,
    *,
    file: str,
    holders: str,
    hint: str,
    kind: type[SlimwheelError],
    named_by: str = "id",
) -> SlimwheelError:
    """Turn pydantic's report into our one sentence, naming the first fault's key.

    Args:
        data: what was validated, as it was read.
        holders: what the file is one of, such as `recipes`, where it has a key that those have not.
        hint: the way out.
        kind: the error's class.
        named_by: the key by which items of lists are called, where they have it.
    """
    fault = error.errors(include_url=False)[0]
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        message = f"is not a key that {holders} have"
    more = error.error_count() - 1
    if more:
        message += f" (and {more} more)"
    return kind(message, file=file, place=_place(fault["loc"], data, named_by) or None, hint=hint)


def _place(location: tuple[int | str, ...], data: Any, named_by: str) -> str:
    """Return a key's path, items named where they have a name: `remove[headers].paths`."""
    text = ""
    for part in location:
        if isinstance(part, int):
            data = data[part] if isinstance(data, list) and part < len(data) else None
            name = data.get(named_by, part) if isinstance(data, dict) else part
            text += f"[{name}]"
        else:
            data = data.get(part) if isinstance(data, dict) else None
            text += f".{part}" if text else part
    return text
