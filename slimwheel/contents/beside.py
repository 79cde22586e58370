"""Wheels that are installed together with the one that is looked at."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from slimwheel.errors import UsageError
from slimwheel.wheelfile.wheel import Wheel


class Beside(NamedTuple):
    """Other wheels: their file names, their projects' normalized names, and what they take."""

    files: tuple[str, ...] = ()
    projects: frozenset[str] = frozenset()
    installed: int = 0


def find_beside(places: Iterable[Path], wheel: Path) -> Beside:
    """Return the wheels among some files and directories, but the one that is looked at.

    Raises:
        UsageError: a directory has no wheels, or several of one project.
        WheelError: a wheel is malformed.
    """
    found: dict[str, tuple[str, int]] = {}
    for place in places:
        paths = sorted(place.glob("*.whl")) if place.is_dir() else [place]
        if not paths:
            raise UsageError("holds no wheels", file=place, hint="Name wheels, or their directory.")
        for path in paths:
            # A directory of a wheel's dependencies often has a copy of the wheel itself.
            if path.name == wheel.name:
                continue
            with Wheel.open(path) as other:
                size = sum(member.size for member in other.members.values())
                project = other.project
            if project in found and found[project][0] != path.name:
                raise UsageError(
                    f"is one more wheel of {project}, besides {found[project][0]}",
                    file=path,
                    hint="Name one wheel of each project; only one of them gets installed.",
                )
            found[project] = (path.name, size)
    rows = found.values()
    return Beside(
        tuple(sorted(name for name, _ in rows)), frozenset(found), sum(size for _, size in rows)
    )
