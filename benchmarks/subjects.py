"""What is measured: subjects.toml, and what the command line says instead."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from slimwheel.errors import UsageError

_DATA = Path(__file__).with_name("subjects.toml")


@dataclass(frozen=True)
class Subject:
    """An upstream wheel, by requirement, and what is promised of it.

    Attributes:
        upstream: a requirement, or a path.
        python: the wheel's, such as 3.11.
        platform: the wheel's tag.
        extra_index_url: where pip looks besides.
        limits: what is promised, by recipe.
    """

    upstream: str
    python: str
    platform: str
    extra_index_url: tuple[str, ...] = ()
    limits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def known_subjects() -> list[Subject]:
    """Return what subjects.toml lists."""
    listed = tomllib.loads(_DATA.read_text("utf-8"))["subject"]
    return [Subject(**entry) for entry in listed]


def chosen_subjects(
    upstream: str | None,
    python: str | None = None,
    platform: str | None = None,
    extra_index_url: tuple[str, ...] = (),
) -> list[Subject]:
    """Return what a command line asks for: all that is listed, or one upstream.

    Args:
        upstream: None for all. A listed one needs nothing said besides; what is said of it
            replaces what is listed, and another Python or platform has none of its limits.
        python, platform, extra_index_url: of that upstream.

    Raises:
        UsageError: something is said without an upstream, or not enough of an unlisted one.
    """
    known = known_subjects()
    if upstream is None:
        if python or platform or extra_index_url:
            raise UsageError(
                "a Python, a platform or an index is given, but not of what",
                hint="Name it: --upstream REQUIREMENT.",
            )
        return known
    listed = next((subject for subject in known if subject.upstream == upstream), None)
    if listed is None:
        if not python or not platform:
            raise UsageError(
                f"{_DATA.name} does not list {upstream}",
                hint="Say whose wheel: --python 3.11 --platform manylinux_2_28_x86_64.",
            )
        return [Subject(upstream, python, platform, extra_index_url)]
    same = python in (None, listed.python) and platform in (None, listed.platform)
    return [
        replace(
            listed,
            python=python or listed.python,
            platform=platform or listed.platform,
            extra_index_url=extra_index_url or listed.extra_index_url,
            limits=listed.limits if same else {},
        )
    ]
