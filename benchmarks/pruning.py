"""What taking device code out costs, library by library: all that hold some, by the plan."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import prune_library
from slimwheel.verify.measure import Cost, interleaved, measured
from slimwheel.wheelfile.wheel import Wheel


@dataclass(frozen=True)
class Pruned:
    """One library: its size in bytes, before and after, and what that cost each time."""

    before: int
    after: int
    costs: list[Cost]


def measure_pruning(
    upstream: Path,
    plan: Mapping[str, Any],
    scratch: Path,
    rounds: int,
    note: Callable[[str], None],
) -> dict[str, Pruned]:
    """Prune every library that holds device code, each in a process of its own.

    Args:
        plan: as `slimwheel plan --json` prints it; it has device code.

    Returns:
        By member, the largest first.

    Raises:
        ToolError: one could not be pruned.
        WheelError: a member is damaged.
    """
    code = plan["device_code"]
    words = [*code["devices"], *(["ptx"] if code["ptx"] else [])]
    places = _unpacked(upstream, [library["member"] for library in code["libraries"]], scratch)
    output = scratch / "pruned.so"
    subjects: dict[str, Callable[[], Cost]] = {}
    sizes: dict[str, int] = {}

    def pruned(member: str) -> Cost:
        # Else a round would also free what the round before wrote.
        output.unlink(missing_ok=True)
        command = [sys.executable, prune_library.__file__, str(places[member]), str(output)]
        cost = measured([*command, *words], scratch=scratch)
        sizes[member] = output.stat().st_size
        return cost

    for member in sorted(places, key=lambda member: -places[member].stat().st_size):
        subjects[member] = partial(pruned, member)
    costs = interleaved(subjects, rounds, note)
    before = {member: path.stat().st_size for member, path in places.items()}
    for path in (*places.values(), output):
        path.unlink()
    return {member: Pruned(before[member], sizes[member], costs[member]) for member in costs}


def _unpacked(upstream: Path, members: list[str], scratch: Path) -> dict[str, Path]:
    places = {}
    with Wheel.open(upstream) as wheel:
        for number, member in enumerate(members):
            places[member] = scratch / f"{number}.so"
            with places[member].open("wb") as out:
                for chunk in wheel.chunks(wheel.members[member]):
                    out.write(chunk)
    return places
