"""What a plan costs, the first time and the second: `python -m benchmarks.planning`.

Beside them, what it costs to read the libraries that it must look into, whole, with zipfile.
"""

import functools
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks import page, read_members
from benchmarks.machine import describe_machine, load
from benchmarks.markdown import table
from benchmarks.results import Limit
from benchmarks.subjects import Subject, Variant, known_subjects
from slimwheel.elf import is_elf
from slimwheel.errors import SlimwheelError
from slimwheel.recipe import load_recipe
from slimwheel.recipe.patterns import Matcher
from slimwheel.report.sizes import megabytes
from slimwheel.verify.measure import Cost, interleaved, measured
from slimwheel.wheelfile.archive import Archive

NAME = "planning"
FIRST, SECOND, READING = "first", "second", "reading"
WAYS = {
    FIRST: "`slimwheel plan`, the first time",
    SECOND: "`slimwheel plan`, the second time",
    READING: "reading the same libraries with zipfile",
}
# CPU of reading the libraries, for each plan; and of which plans that is promised.
LIMITS = {FIRST: 1.5, SECOND: 0.1}
LIMITED = "torch==2.14.1"
_note = functools.partial(click.echo, err=True)


@dataclass(frozen=True)
class Planned:
    """The rounds of one plan, and of reading what it looks into: so many libraries and bytes."""

    requirement: str
    words: str
    libraries: int
    size: int
    costs: Mapping[str, tuple[Cost, ...]]

    def ratio(self, way: str) -> float:
        """CPU time as a part of what reading the libraries takes."""
        return Cost.median(self.costs[way]).cpu / Cost.median(self.costs[READING]).cpu


def libraries(wheel: Path, recipe: str) -> dict[str, int]:
    """Return the ELF members that no rule removes by its name alone, with their sizes in bytes."""
    rules = [rule for rule in load_recipe(recipe).recipe.remove if rule.enabled]
    removed = [Matcher(rule.paths, rule.exceptions) for rule in rules]
    with Archive.open(wheel) as archive:
        return {
            member.name: member.size
            for member in archive.members.values()
            if not any(matches(member.name) for matches in removed)
            and is_elf(archive.head(member, 4))
        }


def measure_plan(
    subject: Subject, variant: Variant, scratch: Path, rounds: int, note: Callable[[str], None]
) -> Planned:
    """Plan one variant of an upstream wheel with an empty cache and again, and read its libraries.

    Raises:
        SlimwheelError: the wheel cannot be had, or a command failed.
    """
    wheel = subject.fetched()
    found = libraries(wheel, variant.recipe)
    listed = scratch / "libraries"
    listed.write_text("\n".join(found), encoding="utf-8")
    cache = scratch / "cache"
    program = Path(sys.executable).parent / "slimwheel"
    own_cache = f"SLIMWHEEL_CACHE_DIR={cache}"
    plan: list[str | Path] = ["env", own_cache, program, "plan", *variant.options, wheel]

    def planned(way: str) -> Cost:
        if way == FIRST:
            shutil.rmtree(cache, ignore_errors=True)
        return measured(plan, scratch=scratch)

    reading: list[str | Path] = [sys.executable, read_members.__file__, wheel, listed]
    ways: dict[str, Callable[[], Cost]] = {
        FIRST: functools.partial(planned, FIRST),
        SECOND: functools.partial(planned, SECOND),
        READING: functools.partial(measured, reading, scratch=scratch),
    }
    costs = interleaved(ways, rounds, note)
    by_way = {way: tuple(costs[way]) for way in WAYS}
    size = sum(found.values())
    return Planned(subject.upstream, " ".join(variant.options), len(found), size, by_way)


def limits(plans: Sequence[Planned]) -> list[Limit]:
    """Return what is promised, and what became of it."""
    return [
        Limit(f"{WAYS[way]}, {plan.requirement} {plan.words}", most, plan.ratio(way), "")
        for plan in plans
        if plan.requirement == LIMITED
        for way, most in LIMITS.items()
    ]


def render(plans: Sequence[Planned], machine: Mapping[str, str]) -> str:
    """Return the page."""
    rows = []
    for plan in plans:
        for way, words in WAYS.items():
            cost = Cost.median(plan.costs[way])
            rows.append(
                (
                    f"{plan.requirement} {plan.words}",
                    words,
                    f"{cost.cpu:.2f} s",
                    f"{cost.wall:.2f} s",
                    megabytes(cost.peak_anonymous),
                    f"{plan.ratio(way):.2f}",
                )
            )
    head = ("plan", "", "CPU", "time", "peak anonymous memory", "CPU, ratio")
    of = [
        (f"{plan.requirement} {plan.words}", str(plan.libraries), megabytes(plan.size))
        for plan in plans
    ]
    rounds = [
        (
            f"{plan.requirement} {plan.words}",
            WAYS[way],
            " ".join(f"{cost.cpu:.2f}" for cost in plan.costs[way]),
        )
        for plan in plans
        for way in WAYS
    ]
    promised = [
        (limit.what, f"{limit.limit:.2f}", f"{limit.measured:.2f}", limit.verdict)
        for limit in limits(plans)
    ]
    promise = ["## Promise", table(("CPU, ratio", "promise: at most", "measured", ""), promised)]
    return "\n\n".join(
        [
            "# Plans",
            table(head, rows),
            "The first time with an empty cache, the second time with what the first left there. "
            "zipfile inflates the libraries and checks their CRC, in a process of its own; a plan "
            "also hashes them and the wheel. "
            f"Medians of {len(plans[0].costs[FIRST])} rounds, one way after the other in turn.",
            table(("plan", "libraries", "bytes"), of),
            *(promise if promised else []),
            "## Rounds",
            table(("plan", "", "CPU, seconds"), rounds),
            "## Measured on",
            table(("", ""), machine.items()),
            "",
        ]
    )


def _to_json(plans: Sequence[Planned], machine: Mapping[str, str]) -> dict[str, Any]:
    return {"schema": 1, "machine": machine, "plans": [asdict(one) for one in plans]}


@click.command()
@page.options(3, "all ways", "2 GB")
def main(python_for: tuple[str, ...], output: Path, rounds: int, scratch: Path | None) -> None:  # noqa: ARG001
    """Time plans of the upstream wheels of torch; exit with 1 where a promise is not kept."""
    machine = describe_machine() | {"load before": load()}
    plans = []
    for subject in known_subjects():
        if not subject.upstream.startswith("torch=="):
            continue
        # Other devices are planned at the same cost.
        variants = {variant.recipe: variant for variant in reversed(subject.variants)}
        for variant in reversed(variants.values()):
            with tempfile.TemporaryDirectory(prefix="slimwheel-bench-", dir=scratch) as directory:
                _note(f"{subject.upstream}, {variant.recipe}")
                folder = Path(directory).resolve()
                plans.append(measure_plan(subject, variant, folder, rounds, _note))
    machine["load after"] = load()
    page.write(output, NAME, render(plans, machine), _to_json(plans, machine))
    sys.exit(0 if all(limit.held for limit in limits(plans)) else 1)


if __name__ == "__main__":
    try:
        main(prog_name="python -m benchmarks.planning")
    except SlimwheelError as error:
        sys.exit(f"{error}\n  {error.hint}" if error.hint else str(error))
