"""The sizes that people are held to, by platforms and by themselves."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name


class Counts(StrEnum):
    """What a limit is about."""

    INSTALLED = "installed"
    WHEEL = "wheel"


class Limit(NamedTuple):
    """What a platform takes at most. `bytes` are what it takes with everything in it."""

    name: str
    counts: Counts
    bytes: int
    source: str


# Lambda's 250 MB are MiB, as its API says in bytes, and so are the package index's 100 MB; of the
# image's 10 GB nobody says, and the smaller reading is taken.
LIMITS = (
    Limit(
        "AWS Lambda, zip",
        Counts.INSTALLED,
        262_144_000,
        "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html",
    ),
    Limit(
        "AWS Lambda, image",
        Counts.INSTALLED,
        10_000_000_000,
        "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html",
    ),
    Limit(
        "PyPI, one file",
        Counts.WHEEL,
        104_857_600,
        "https://docs.pypi.org/project-management/storage-limits/",
    ),
)


class Verdict(NamedTuple):
    """A limit held against a wheel. `room` is below zero where the wheel is too large."""

    limit: Limit
    size: int

    @property
    def room(self) -> int:
        """Bytes that are left."""
        return self.limit.bytes - self.size

    @property
    def fits(self) -> bool:
        """Whether it is within the limit."""
        return self.room >= 0

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "limit": self.limit.name,
            "counts": str(self.limit.counts),
            "bytes": self.limit.bytes,
            "size": self.size,
            "fits": self.fits,
            "source": self.limit.source,
        }


@dataclass(frozen=True)
class Budget:
    """What somebody allows at most, in bytes; None for no limit."""

    installed: int | None = None
    wheel: int | None = None


class Excess(NamedTuple):
    """A budget that is exceeded."""

    file: str
    counts: Counts
    size: int
    budget: int

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "file": self.file,
            "counts": str(self.counts),
            "size": self.size,
            "budget": self.budget,
            "excess": self.size - self.budget,
        }


def verdicts_on(installed: int, wheel: int) -> list[Verdict]:
    """Hold a wheel against every limit; sizes in bytes, of all that is installed together."""
    sizes = {Counts.INSTALLED: installed, Counts.WHEEL: wheel}
    return [Verdict(limit, sizes[limit.counts]) for limit in LIMITS]


def excesses(file: str, installed: int, wheel: int, budget: Budget) -> list[Excess]:
    """Return the budgets that a wheel exceeds; none where it is within them."""
    rows = (
        (Counts.INSTALLED, installed, budget.installed),
        (Counts.WHEEL, wheel, budget.wheel),
    )
    return [
        Excess(file, counts, size, limit)
        for counts, size, limit in rows
        if limit is not None and size > limit
    ]


def required_by(requirements: Iterable[str], python: Iterable[str] = ()) -> list[str]:
    """Return the names of the distributions that a wheel requires on Linux, without extras.

    Args:
        requirements: Requires-Dist of its METADATA.
        python: its Python tags; markers are held against the first that names a version.
    """
    environment = _environment(python)
    names: dict[str, None] = {}
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            names[text] = None
            continue
        if requirement.marker is None or requirement.marker.evaluate(dict(environment)):
            names[canonicalize_name(requirement.name)] = None
    return list(names)


def _environment(python: Iterable[str]) -> Mapping[str, str]:
    found = {
        "extra": "",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    for tag in python:
        if version := re.fullmatch(r"[a-z]+(\d)(\d+)", tag):
            found["python_version"] = f"{version[1]}.{version[2]}"
            found["python_full_version"] = f"{version[1]}.{version[2]}.0"
            break
    return found
