"""What a run found, and whether it keeps what slimwheel promises."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.pruning import Pruned
from slimwheel.verify.measure import Cost
from slimwheel.verify.sizes import Dependency, Sizes


@dataclass(frozen=True)
class Limit:
    """A promise and what became of it; `measured` is None where nothing could be measured."""

    what: str
    limit: float
    measured: float | None
    unit: str

    @property
    def held(self) -> bool:
        """Whether nothing that was measured breaks the promise."""
        return self.measured is None or self.measured <= self.limit

    @property
    def verdict(self) -> str:
        """What became of it, in a word or two."""
        if self.measured is None:
            return "not measured"
        return "kept" if self.held else "BROKEN"

    @property
    def sentence(self) -> str:
        """What was measured, in words."""
        return f"{self.what}: {self.text(self.measured)}, at most {self.text(self.limit)}"

    def text(self, value: float | None) -> str:
        """Return a value with its unit."""
        if value is None:
            return "\N{EN DASH}"
        return f"{value:.1f} {self.unit}" if self.unit else f"{value:.3f}"


@dataclass(frozen=True)
class Results:
    """One run: what was asked for, and what was found.

    `sizes`, `dependencies` and the innermost costs are by subject: upstream, slimwheel and
    alternative. What was not measured is empty, as installs, imports and dependencies are where
    there is no Python for them; where nothing but sizes was, there is no alternative.

    Attributes:
        devices: the GPUs that the slim wheel is for, where the recipe asks for some.
        prunings: by member, for libraries that hold device code.
        dependencies: what pip installed besides.
        alternative_import: how importing the alternative's result fails, empty where it works,
            None where it was not tried.
        promised: the limits that hold for this subject and recipe.
        left_out: what was not measured, in sentences with the reason.
    """

    name: str
    requirement: str
    recipe: str
    devices: tuple[str, ...]
    module: str
    upstream_sha256: str
    machine: dict[str, str]
    tools: dict[str, str]
    sizes: dict[str, Sizes]
    dependencies: dict[str, dict[str, Dependency]]
    builds: dict[str, list[Cost]]
    installs: dict[str, dict[str, list[Cost]]]
    imports: dict[str, list[Cost]]
    prunings: dict[str, Pruned]
    alternative_import: str | None
    promised: Mapping[str, float]
    left_out: list[str]

    def with_dependencies(self, subject: str) -> int:
        """Return the installed size of a subject and all that pip installed besides."""
        others = self.dependencies[subject].values()
        return self.sizes[subject].installed + sum(other.installed for other in others)

    def spared(self) -> dict[str, Dependency]:
        """Return the dependencies that upstream has and the slim wheel has not."""
        slim = self.dependencies.get("slimwheel", {})
        upstream = self.dependencies.get("upstream", {})
        return {name: found for name, found in upstream.items() if name not in slim}

    def limits(self) -> Iterator[Limit]:
        """Yield what slimwheel promises of this subject."""
        for name, limit in self.promised.items():
            what, unit, measure = PROMISES[name]
            yield Limit(what, limit, measure(self), unit)

    def to_json(self) -> dict[str, Any]:
        """Return everything measured, every round of it, in bytes and seconds."""
        limits = [asdict(limit) | {"held": limit.held} for limit in self.limits()]
        return {"schema": 1, **asdict(self), "limits": limits}


def _share(costs: Mapping[str, list[Cost]], others: str, figure: str) -> float | None:
    if others not in costs:
        return None
    ours, theirs = (Cost.median(costs[name]) for name in ("slimwheel", others))
    return float(getattr(ours, figure) / getattr(theirs, figure))


def _most(prunings: Mapping[str, Pruned], figure: str) -> float | None:
    """Return the median of the library for which it is most."""
    medians = (Cost.median(pruned.costs) for pruned in prunings.values())
    return max((float(getattr(cost, figure)) for cost in medians), default=None)


# What a limit's name in subjects.toml stands for, its unit, and how it is measured.
PROMISES: dict[str, tuple[str, str, Callable[[Results], float | None]]] = {
    "wheel": ("wheel", "MB", lambda found: found.sizes["slimwheel"].download / 1e6),
    "installed": ("installed", "MB", lambda found: found.sizes["slimwheel"].installed / 1e6),
    "build-cpu": (
        "CPU of a build, as a share of the alternative's",
        "",
        lambda found: _share(found.builds, "alternative", "cpu"),
    ),
    "import-time": (
        "time of an import, as a share of upstream's",
        "",
        lambda found: _share(found.imports, "upstream", "wall"),
    ),
    "import-memory": (
        "peak RSS of an import, as a share of upstream's",
        "",
        lambda found: _share(found.imports, "upstream", "peak_rss"),
    ),
    "prune-time": (
        "time of taking device code out of a library",
        "s",
        lambda found: _most(found.prunings, "wall"),
    ),
    "prune-memory": (
        "peak anonymous memory of it",
        "MB",
        lambda found: (most := _most(found.prunings, "peak_anonymous")) and most / 1e6,
    ),
}
