"""What a run found, and whether it keeps what slimwheel promises."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.measure import Cost
from benchmarks.sizes import Sizes

# By recipe and upstream's public version: the largest wheel and installed size, in MB.
_LARGEST = {"cpu-2.13.0": (129, 424)}
_LARGEST_CPU_SHARE = 0.45


@dataclass(frozen=True)
class Limit:
    """A promise and what became of it."""

    what: str
    limit: float
    measured: float
    unit: str

    @property
    def held(self) -> bool:
        """Whether the promise is kept."""
        return self.measured <= self.limit

    @property
    def sentence(self) -> str:
        """What was measured, in words."""
        return f"{self.what}: {self.text(self.measured)}, at most {self.text(self.limit)}"

    def text(self, value: float) -> str:
        """Return a value with its unit."""
        return f"{value:.1f} {self.unit}" if self.unit else f"{value:.3f}"


@dataclass(frozen=True)
class Results:
    """One run: what was asked for, and what was found.

    `sizes` and the innermost costs are by subject: upstream, slimwheel and alternative.
    """

    name: str
    requirement: str
    recipe: str
    module: str
    upstream_sha256: str
    machine: dict[str, str]
    tools: dict[str, str]
    sizes: dict[str, Sizes]
    builds: dict[str, list[Cost]]
    installs: dict[str, dict[str, list[Cost]]]
    imports: dict[str, list[Cost]]

    def limits(self) -> Iterator[Limit]:
        """Yield what slimwheel promises of this subject."""
        if self.name in _LARGEST:
            download, installed = _LARGEST[self.name]
            size = self.sizes["slimwheel"]
            yield Limit("wheel", download, size.download / 1e6, "MB")
            yield Limit("installed", installed, size.installed / 1e6, "MB")
        ours, others = (
            Cost.median(self.builds[builder]).cpu for builder in ("slimwheel", "alternative")
        )
        yield Limit(
            "CPU of a build, as a share of the alternative's", _LARGEST_CPU_SHARE, ours / others, ""
        )

    def to_json(self) -> dict[str, Any]:
        """Return everything measured, every round of it, in bytes and seconds."""
        limits = [asdict(limit) | {"held": limit.held} for limit in self.limits()]
        return {"schema": 1, **asdict(self), "limits": limits}
