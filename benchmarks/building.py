"""What building a slim wheel costs, beside the alternative that does the same deletions."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import baseline
from benchmarks.measure import Cost, interleaved, measured
from slimwheel.errors import ToolError
from slimwheel.wheelfile.wheel import Wheel


@dataclass(frozen=True)
class Builds:
    """Costs by builder, and the wheels that the last round left.

    Attributes:
        slim: the slim wheel, then its companion.
        alternative: the baseline's wheel.
    """

    costs: dict[str, list[Cost]]
    slim: tuple[Path, ...]
    alternative: Path


def measure_builds(
    upstream: Path, recipe: str, scratch: Path, rounds: int, note: Callable[[str], None]
) -> Builds:
    """Build by slimwheel and by the alternative, interleaved.

    Both get the wheel as a file. slimwheel decides what goes as part of its work, and checks its
    result; the alternative is told what goes, and checks nothing. Nor has it anything to put in
    the place of a library that goes.

    Raises:
        ToolError: a builder failed.
    """
    members = scratch / "members.txt"
    members.write_text("".join(f"{name}\n" for name in removed_members(upstream, recipe)))
    with Wheel.open(upstream) as wheel:
        unchecked = ["--unchecked"] if wheel.unlisted() else []
    by_slimwheel, by_alternative = scratch / "slimwheel", scratch / "alternative"

    def slimwheel() -> Cost:
        _emptied(by_slimwheel)
        options = ["--recipe", recipe, "--no-smoke", "--output-dir", str(by_slimwheel)]
        return measured([slimwheel_command(), "build", *options, upstream], scratch=scratch)

    def alternative() -> Cost:
        _emptied(by_alternative)
        words: list[str | Path] = [upstream, members, by_alternative, *unchecked]
        cost = measured([sys.executable, baseline.__file__, *words], scratch=scratch)
        shutil.rmtree(by_alternative / "unpacked")
        return cost

    costs = interleaved({"slimwheel": slimwheel, "alternative": alternative}, rounds, note)
    slim = sorted(by_slimwheel.glob("*.whl"), key=lambda path: -path.stat().st_size)
    (packed,) = by_alternative.glob("*.whl")
    return Builds(costs, tuple(slim), packed)


def removed_members(upstream: Path, recipe: str) -> list[str]:
    """Return the members that go by slimwheel's plan.

    Raises:
        ToolError: there is no plan.
    """
    finished = subprocess.run(
        [slimwheel_command(), "plan", "--recipe", recipe, "--json", upstream],
        stdout=subprocess.PIPE,
        check=False,
    )
    if finished.returncode:
        raise ToolError(f"slimwheel plan ended with {finished.returncode}", file=upstream)
    return removed_by(json.loads(finished.stdout))


def removed_by(plan: Mapping[str, Any]) -> list[str]:
    """Return what a plan, as `slimwheel plan --json` prints it, removes.

    A library with a shadow in its place is among it: nothing of what it was is kept.
    """
    dropped = {entry["member"] for entry in plan["decisions"] if entry["action"] == "drop"}
    libraries = (plan.get("cuda") or {}).get("libraries", ())
    return sorted(dropped | {library["member"] for library in libraries if library["goes"]})


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
