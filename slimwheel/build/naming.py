"""Names and versions of what a build puts out.

A slim wheel keeps upstream's version; local segments are added only to tell results apart. The
companion bears upstream's name, so that `Requires-Dist: torch` finds itself satisfied.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from packaging.version import Version

from slimwheel.errors import UsageError
from slimwheel.recipe import Recipe
from slimwheel.wheelfile.names import WheelName, escaped
from slimwheel.wheelfile.wheel import Wheel


class OutputNames(NamedTuple):
    """What a build puts out. `project` and `dev_project` are as METADATA spells them."""

    project: str
    slim: WheelName
    companion_project: str
    companion: WheelName
    dev_project: str | None
    dev: WheelName | None

    @property
    def version(self) -> str:
        """The slim wheel's version."""
        return self.slim.version

    @property
    def companion_requirement(self) -> str:
        """The requirement that pins the companion."""
        return f"{self.companion_project}=={self.companion.version}"

    @property
    def dev_requirement(self) -> str | None:
        """The requirement that installs the dev wheel."""
        return f"{self.dev_project}=={self.version}" if self.dev_project else None


def output_names(
    wheel: Wheel,
    recipe: Recipe,
    *,
    targets: Iterable[str] = (),
    local: str | None = None,
    build_number: int | None = None,
) -> OutputNames:
    """Return the names of a build's results.

    Args:
        targets: what tells wheels for different GPUs apart, as sm80 and sm90.
        local: appended to the version's local part, behind the recipe's own.
        build_number: tells rebuilds of the same version apart.

    Raises:
        UsageError: `local` cannot be part of a version.
    """
    if local is not None and not re.fullmatch(r"[a-z0-9]+(\.[a-z0-9]+)*", local):
        raise UsageError(
            f"--local {local!r} cannot be part of a version",
            hint="Use small letters and digits, in parts joined by dots.",
        )
    targets = tuple(targets)
    if targets and local and any(re.fullmatch(r"sm\d+|ptx", part) for part in local.split(".")):
        raise UsageError(
            f"--local {local} reads like a GPU that the wheel is for",
            hint="Choose another name; the devices are in the version without it.",
        )
    upstream = Version(wheel.version)
    distribution = recipe.distribution
    parts = (upstream.local, *targets, distribution.local, local)
    segments = [part for part in parts if part]
    version = "+".join(part for part in (upstream.public, ".".join(segments)) if part)
    build = str(build_number) if build_number is not None else None
    dev = distribution.dev
    return OutputNames(
        project=distribution.name,
        slim=WheelName(escaped(distribution.name), version, wheel.name.tag, build),
        companion_project=recipe.upstream,
        companion=WheelName(
            escaped(recipe.upstream), f"{upstream.public}+{distribution.companion}", "py3-none-any"
        ),
        dev_project=dev,
        dev=WheelName(escaped(dev), version, wheel.name.tag, build) if dev else None,
    )
