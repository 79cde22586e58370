"""Patterns of member names: the syntax of .gitignore, matched from the wheel's root.

`pathspec` implements it as git does, so that people need not learn one more dialect.
"""

import re
from typing import Annotated

from pathspec import GitIgnoreSpec
from pydantic import AfterValidator


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
        self._include = GitIgnoreSpec.from_lines(patterns)
        self._exclude = GitIgnoreSpec.from_lines(exceptions)

    def __call__(self, name: str) -> bool:
        """Whether a member's name matches."""
        return self._include.match_file(name) and not self._exclude.match_file(name)
