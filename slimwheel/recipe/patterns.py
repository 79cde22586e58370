"""Patterns of member names: the syntax of .gitignore, matched from the wheel's root.

`pathspec` implements it as git does, so that people need not learn one more dialect.
"""

import re
from typing import Annotated

from pathspec import GitIgnoreSpec
from pydantic import AfterValidator

_GROUP_NAME = re.compile(r"\(\?P<\w+>")


def _checked(pattern: str) -> str:
    if not pattern.strip() or pattern.startswith(("!", "#")):
        raise ValueError(f"{pattern!r} matches nothing; write exceptions under `except`")
    if "\\" in pattern or ".." in pattern.split("/"):
        raise ValueError(f"{pattern!r} is not a path inside a wheel")
    if pattern.count("[") != pattern.count("]"):
        raise ValueError(f"{pattern!r} has a bracket without its partner")
    try:
        spec = GitIgnoreSpec.from_lines([pattern])
    except (ValueError, re.error) as error:
        raise ValueError(f"{pattern!r} is not a valid pattern: {error}") from error
    if not any(part.include for part in spec.patterns):
        raise ValueError(f"{pattern!r} matches nothing")
    return pattern


Pattern = Annotated[str, AfterValidator(_checked)]


class Matcher:
    """Matches names against patterns less exceptions; without patterns nothing matches."""

    def __init__(self, patterns: tuple[str, ...], exceptions: tuple[str, ...] = ()) -> None:
        self._include = _joined(patterns)
        self._exclude = _joined(exceptions)

    def __call__(self, name: str) -> bool:
        """Whether a member's name matches."""
        if self._include is None or not self._include.search(name):
            return False
        return self._exclude is None or not self._exclude.search(name)


def _joined(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    """Return one expression for patterns, none of which takes back what another matches.

    A wheel has thousands of names, and pathspec looks at one pattern after the other.
    """
    found = (part.regex for part in GitIgnoreSpec.from_lines(patterns).patterns)
    # A group of theirs tells directories from files, which names of members do not need.
    alternatives = [_GROUP_NAME.sub("(?:", regex.pattern) for regex in found if regex]
    return re.compile("|".join(f"(?:{each})" for each in alternatives)) if alternatives else None
