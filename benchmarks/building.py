"""What building a slim wheel costs, beside the alternative that does the same deletions."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import baseline
from benchmarks.machine import warm
from slimwheel.errors import ToolError
from slimwheel.verify.measure import Cost, interleaved, measured
from slimwheel.wheelfile.wheel import Wheel


@dataclass(frozen=True)
class Builds:
    """Costs by builder, and the wheels that the last round left.

    Attributes:
        slim: the slim wheel, then its companion.
        alternative: the baseline's wheel, None where none was asked for.
    """

    costs: dict[str, list[Cost]]
    slim: tuple[Path, ...]
    alternative: Path | None


def measure_builds(
    upstream: Path,
    options: Sequence[str],
    removed: Sequence[str] | None,
    scratch: Path,
    rounds: int,
    note: Callable[[str], None],
) -> Builds:
    """Build by slimwheel and by the alternative, interleaved.

    Both get the wheel as a file. slimwheel decides what goes as part of its work, and checks its
    result; the alternative is told what goes, and checks no result. Nor has it anything to put in
    the place of a library that goes, and device code it cannot take out.

    Args:
        options: the recipe and what it needs to know.
        removed: the members that the alternative deletes; None for no alternative.

    Raises:
        ToolError: a builder failed.
    """
    members = scratch / "members.txt"
    members.write_text("".join(f"{name}\n" for name in removed or ()))
    with Wheel.open(upstream) as wheel:
        unchecked = ["--unchecked"] if wheel.unlisted() else []
    by_slimwheel, by_alternative = scratch / "slimwheel", scratch / "alternative"

    def slimwheel() -> Cost:
        _emptied(by_slimwheel)
        warm(upstream)
        words = [*options, "--no-smoke", "--output-dir", str(by_slimwheel)]
        return measured([slimwheel_command(), "build", *words, upstream], scratch=scratch)

    def alternative() -> Cost:
        _emptied(by_alternative)
        warm(upstream)
        words: list[str | Path] = [upstream, members, by_alternative, *unchecked]
        cost = measured([sys.executable, baseline.__file__, *words], scratch=scratch)
        shutil.rmtree(by_alternative / "unpacked")
        return cost

    builders: dict[str, Callable[[], Cost]] = {"slimwheel": slimwheel}
    if removed is not None:
        builders["alternative"] = alternative
    costs = interleaved(builders, rounds, note)
    slim = sorted(by_slimwheel.glob("*.whl"), key=lambda path: -path.stat().st_size)
    packed = next(by_alternative.glob("*.whl")) if removed is not None else None
    return Builds(costs, tuple(slim), packed)


def plan_of(upstream: Path, options: Sequence[str]) -> dict[str, Any]:
    """Return slimwheel's plan as JSON holds it.

    Args:
        options: the recipe and what it needs to know.

    Raises:
        ToolError: there is no plan.
    """
    finished = subprocess.run(
        [slimwheel_command(), "plan", *options, "--json", upstream],
        stdout=subprocess.PIPE,
        check=False,
    )
    if finished.returncode:
        raise ToolError(f"slimwheel plan ended with {finished.returncode}", file=upstream)
    plan: dict[str, Any] = json.loads(finished.stdout)
    return plan


def removed_by(plan: Mapping[str, Any]) -> list[str]:
    """Return what a plan, as `slimwheel plan --json` prints it, removes.

    A library with a shadow in its place is among it: nothing of what it was is kept.
    """
    dropped = {entry["member"] for entry in plan["decisions"] if entry["action"] == "drop"}
    return sorted(dropped | {*cuda_of(plan)})


def cuda_of(plan: Mapping[str, Any]) -> list[str]:
    """Return the libraries that go with CUDA in a plan, those with a shadow in their place too."""
    libraries = (plan.get("cuda") or {}).get("libraries", ())
    return [library["member"] for library in libraries if library["goes"]]


def slimwheel_command() -> Path:
    """Return the slimwheel of the environment that this runs in.

    Raises:
        ToolError: it is not installed there.
    """
    found = shutil.which("slimwheel", path=Path(sys.executable).parent)
    if found is None:
        raise ToolError(
            f"slimwheel is not installed for {sys.executable}", hint="Run `pip install -e .[test]`."
        )
    return Path(found)


def _emptied(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
