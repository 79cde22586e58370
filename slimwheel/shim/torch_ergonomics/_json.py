"""JSON of files that are not trusted, without what the standard library's reader lets pass."""

import collections
import json
from typing import Any, Dict, List, Tuple

# Python before 3.11 takes time that grows with the square of a number's length.
_MOST_DIGITS = 1000
_INFINITE = (float("inf"), float("-inf"))


def parse(data: bytes) -> Any:
    """What a text in UTF-8 says.

    Raises:
        ValueError: it is no JSON, is nested too deep to be read, has a key twice in one object, or
            a number that is infinite, none at all, or of more than 1000 digits. The message is
            short, whatever the text.
    """
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_float,
        )
    except RecursionError:
        raise ValueError("it is nested too deep")


def _object(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        counts = collections.Counter(key for key, _ in pairs)
        twice = counts.most_common(1)[0][0]
        raise ValueError("the key %.200r stands twice in one object" % twice)
    return content


def _integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError("a number of %d digits" % len(text))
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if value != value or value in _INFINITE:
        raise ValueError("%.20s is no number" % text)
    return value
