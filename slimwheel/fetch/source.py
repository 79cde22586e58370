"""What a command was given: a wheel file or a requirement."""

import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement

from slimwheel.errors import UsageError

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class Wanted(NamedTuple):
    """A requirement as pip is to see it.

    Attributes:
        requirement: `torch==2.13.0`, `torch @ https://…whl` or a bare URL; the same words for
            the same requirement.
        pinned: it names one release or one remote file, so what was fetched once stays right.
    """

    requirement: str
    pinned: bool


def parse_source(source: str) -> Path | Wanted:
    """Tell a path from a requirement.

    Returns:
        The path of a file that exists, or the requirement.

    Raises:
        UsageError: it is neither, or a requirement that no single wheel can answer.
    """
    path = Path(source)
    if path.is_file():
        return path
    if source and path.is_dir():
        raise UsageError("this is a directory, not a wheel", file=source, hint="Name a .whl file.")
    if _URL.match(source):
        return _url(source, source)
    try:
        requirement = Requirement(source)
    except InvalidRequirement as error:
        if _looks_like_path(source):
            raise _no_such_file(source) from None
        raise UsageError(
            f"'{source}' is neither a file nor a requirement: {str(error).splitlines()[0]}",
            hint="Write a path to a .whl file, or a requirement such as torch==2.13.0.",
        ) from None
    # `torch-0.4.0.whl` is a legal project name.
    if requirement.url is None and _looks_like_path(source):
        raise _no_such_file(source)
    return _wanted(requirement)


def _wanted(requirement: Requirement) -> Wanted:
    if requirement.marker or requirement.extras:
        part = "a marker" if requirement.marker else "extras"
        raise UsageError(
            f"the requirement '{requirement}' has {part}, which say nothing about one wheel",
            hint="Leave them out; --python and --platform choose among wheels.",
        )
    if requirement.url is not None:
        return _url(str(requirement), requirement.url)
    return Wanted(
        str(requirement), any(_pins(s.operator, s.version) for s in requirement.specifier)
    )


def _url(requirement: str, url: str) -> Wanted:
    parts = urlsplit(url)
    if "+" in parts.scheme or PurePosixPath(parts.path).suffix != ".whl":
        # pip would run the project's build to learn its name.
        raise UsageError(
            f"the URL '{parts.path}' does not name a wheel", hint="Give the URL of a .whl file."
        )
    return Wanted(requirement, pinned=parts.scheme != "file")


def _pins(operator: str, version: str) -> bool:
    return operator == "===" or (operator == "==" and not version.endswith(".*"))


def _looks_like_path(source: str) -> bool:
    return source.endswith(".whl") or "/" in source or "\\" in source


def _no_such_file(source: str) -> UsageError:
    return UsageError("no such file", file=source, hint="Check the path to the wheel.")
