"""Repacking beside everything else: `python -m benchmarks.repacking`.

The same wheels and deletions, in turn: slimwheel; what people do (unpack, delete, strip, pack);
auditwheel, where it can; a plain rewrite by zipfile; and the floor, the least that could be done.
"""

import functools
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click

from benchmarks import baseline, floor, page, rewriting
from benchmarks.building import cuda_of, plan_of, removed_by, slimwheel_command
from benchmarks.machine import describe_machine, describe_tools, load, warm
from benchmarks.markdown import table
from benchmarks.results import Limit
from benchmarks.subjects import Subject, Variant, known_subjects
from slimwheel.errors import SlimwheelError, ToolError
from slimwheel.report.sizes import megabytes
from slimwheel.verify.measure import Cost, interleaved, measured
from slimwheel.wheelfile.wheel import Wheel

NAME = "repacking"
# Without what keeps CUDA's libraries from being missed, they have to stay where it should work.
IMPORTABLE = f"{baseline.NAME}, CUDA left in"
SLIMWHEEL, HABIT = "`slimwheel build`", baseline.NAME
# It does not find what other distributions bring, and would add it to the wheel if it did.
AUDITWHEEL = "`auditwheel repair --strip --exclude '*'`"
REWRITE, FLOOR = "zipfile rewrite", "floor"
# Of torch's wheels: the share of another way's CPU at most, of the floor's how many times.
PROMISED = {
    "cpu-2.13.0": {HABIT: 1 / 8, FLOOR: 2.0},
    "cpu-2.14.1": {IMPORTABLE: 1 / 6},
    "gpu-2.14.1-sm90": {HABIT: 1 / 3},
}
LARGEST_MEMORY = 250.0  # MB
_note = functools.partial(click.echo, err=True)


@dataclass(frozen=True)
class Repacked:
    """One wheel, slimmed in one way by all.

    Attributes:
        costs: by tool.
        sizes: of the results, in bytes, by tool.
        failed: tools that could not do it, with their last words.
    """

    name: str
    requirement: str
    recipe: str
    size: int
    costs: Mapping[str, tuple[Cost, ...]]
    sizes: Mapping[str, int]
    failed: Mapping[str, str] = field(default_factory=dict)

    def limits(self) -> list[Limit]:
        """Return what slimwheel promises of it."""
        ours = Cost.median(self.costs[SLIMWHEEL])
        found = [
            Limit(
                f"{self.name}: CPU, of {tool}",
                limit,
                ours.cpu / Cost.median(self.costs[tool]).cpu,
                "",
            )
            for tool, limit in PROMISED.get(self.name, {}).items()
        ]
        memory = ours.peak_anonymous / 1e6
        return [*found, Limit(f"{self.name}: peak anonymous memory", LARGEST_MEMORY, memory, "MB")]


def measure(
    subject: Subject,
    variant: Variant,
    scratch: Path,
    rounds: int,
    note: Callable[[str], None],
) -> Repacked:
    """Measure one wheel.

    Raises:
        ToolError: slimwheel, or what people do, failed.
    """
    upstream = subject.fetched()
    plan = plan_of(upstream, variant.options)
    removed, floor_plan = scratch / "removed.txt", scratch / "floor.json"
    same = removed_by(plan)
    removed.write_text("".join(f"{name}\n" for name in same))
    by_name = scratch / "removed-by-name.txt"
    plain = sorted({*same} - {*cuda_of(plan)})
    by_name.write_text("".join(f"{name}\n" for name in plain))
    floor_plan.write_text(json.dumps(_remains(plan)))
    with Wheel.open(upstream) as wheel:
        unchecked = ["--unchecked"] if wheel.unlisted() else []
        release = wheel.version.partition("+")[0]
    output = scratch / "output"
    sizes: dict[str, int] = {}

    def run(tool: str, words: Sequence[str | Path]) -> Cost:
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir()
        warm(upstream)
        cost = measured(words, scratch=scratch)
        made = [path.stat().st_size for path in output.iterdir() if path.is_file()]
        sizes[tool] = max(made)
        return cost

    python = sys.executable
    slimming = [*variant.options, "--no-smoke", "--output-dir"]
    tools: dict[str, list[str | Path]] = {
        SLIMWHEEL: [slimwheel_command(), "build", *slimming, output, *subject.words],
        HABIT: [python, baseline.__file__, upstream, removed, output, *unchecked],
        IMPORTABLE: [python, baseline.__file__, upstream, by_name, output, *unchecked],
        REWRITE: [python, rewriting.__file__, upstream, output / "rewritten.whl"],
        FLOOR: [python, floor.__file__, upstream, floor_plan, output / "floor"],
    }
    if plain == same:
        del tools[IMPORTABLE]
    subjects: dict[str, Callable[[], Cost]] = {
        tool: functools.partial(run, tool, words) for tool, words in tools.items()
    }
    costs = {tool: tuple(found) for tool, found in interleaved(subjects, rounds, note).items()}
    failed = {}
    repair: list[str | Path] = [
        python,
        "-m",
        "auditwheel",
        "repair",
        "--strip",
        "--exclude",
        "*",
        "-w",
        output,
    ]
    try:
        costs[AUDITWHEEL] = (run(AUDITWHEEL, [*repair, upstream]),)
        note(f"{AUDITWHEEL}: {costs[AUDITWHEEL][0].cpu:.2f} s CPU")
    except (ToolError, ValueError) as error:
        failed[AUDITWHEEL] = _last_words(error)
    shutil.rmtree(output)
    return Repacked(
        name=variant.file_name(release),
        requirement=subject.upstream,
        recipe=" ".join(variant.options),
        size=upstream.stat().st_size,
        costs=costs,
        sizes=sizes,
        failed=failed,
    )


def _remains(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the floor copies of a plan."""
    # Of what a library of slimwheel's own takes the place of, nothing is needed.
    cuda = {*cuda_of(plan)}
    changed = {
        decision["member"]: decision["download"]["after"]
        for decision in plan["decisions"]
        if decision["action"] == "rewrite" and decision["member"] not in cuda
    }
    kept = [decision["member"] for decision in plan["decisions"] if decision["action"] == "keep"]
    return {"kept": kept, "changed": changed}


def _last_words(error: Exception) -> str:
    text = error.message if isinstance(error, SlimwheelError) else "it wrote no wheel"
    return text.strip().splitlines()[-1].strip()


def render(found: Sequence[Repacked], machine: Mapping[str, str], rounds: int) -> str:
    """Return the page."""
    rows = []
    for wheel in found:
        ours = Cost.median(wheel.costs[SLIMWHEEL])
        for tool, costs in wheel.costs.items():
            cost = Cost.median(costs)
            rows.append(
                (
                    f"{wheel.requirement}, `{wheel.recipe}`",
                    tool,
                    f"{cost.cpu:.2f} s",
                    f"{cost.wall:.2f} s",
                    megabytes(cost.peak_anonymous),
                    megabytes(wheel.sizes[tool]) if tool != FLOOR else "",
                    f"{cost.cpu / ours.cpu:.2f}",
                )
            )
        rows += [
            (f"{wheel.requirement}, `{wheel.recipe}`", tool, "fails", "", "", "", "")
            for tool in wheel.failed
        ]
    head = ("wheel", "", "CPU", "time", "peak anonymous memory", "result", "CPU, ratio")
    limits = [
        (
            limit.what,
            limit.text(limit.limit),
            limit.text(limit.measured),
            limit.verdict if limit.held else f"**{limit.verdict}**",
        )
        for wheel in found
        for limit in wheel.limits()
    ]
    failures = [
        f"{tool} on {wheel.requirement}: `{words}`"
        for wheel in found
        for tool, words in wheel.failed.items()
    ]
    return "\n\n".join(
        [
            "# Repacking, beside everything else",
            table(head, rows),
            f"Medians of {rounds} rounds, the tools in turn. slimwheel decides what goes, checks "
            "every member and its result, and writes shim, companion and SBOM. It is told the "
            "requirement and has the wheel in its cache, where it knows its sha256; of a path it "
            "takes that first, which costs some 0.6 s a gigabyte. It does not import its result "
            "(`--no-smoke`), as none of them does. The others are told the path. What people do is "
            "told what to delete; it checks upstream's hashes, not its own result, and cannot take "
            "device code out, nor put anything in the place of CUDA's libraries: without them its "
            "wheel cannot be imported, and with them it is as large. auditwheel, whose turn comes "
            "once, strips what it finds and deletes nothing. The rewrite changes nothing. "
            "The floor copies what is kept, inflates and hashes what changes, hashes what it "
            "writes, and is no wheel.",
            *failures,
            "## Promises",
            table(("", "at most", "measured", ""), limits),
            "## Measured on",
            table(("", ""), machine.items()) + "\n",
        ]
    )


def to_json(found: Sequence[Repacked], machine: Mapping[str, str]) -> dict[str, Any]:
    wheels = [
        asdict(wheel) | {"limits": [asdict(limit) for limit in wheel.limits()]} for wheel in found
    ]
    return {"schema": 1, "machine": machine, "wheels": wheels}


@click.command()
@page.options(3, "all tools", "5 GB")
@click.option("--only", metavar="NAME", help="One of them, such as cpu-2.13.0.")
def main(
    python_for: tuple[str, ...],  # noqa: ARG001 - nothing is installed here
    output: Path,
    rounds: int,
    scratch: Path | None,
    only: str | None,
) -> None:
    """Measure every torch whose builds are; exit with 1 where a promise is broken."""
    if shutil.which("objcopy") is None:
        raise ToolError("objcopy is missing", hint="Install binutils.")
    machine = describe_machine() | describe_tools(None) | {"load before": load()}
    machine["auditwheel"] = _version("auditwheel")
    found = []
    for subject in known_subjects():
        for variant in subject.variants:
            release = subject.upstream.partition("==")[2].partition("+")[0]
            name = variant.file_name(release)
            if "builds" not in variant.parts or not subject.upstream.startswith("torch=="):
                continue
            if only is not None and name != only:
                continue
            with tempfile.TemporaryDirectory(prefix="slimwheel-bench-", dir=scratch) as directory:
                place = Path(directory).resolve()
                _note(name)
                found.append(measure(subject, variant, place, rounds, _note))
    machine["load after"] = load()
    page.write(output, NAME, render(found, machine, rounds), to_json(found, machine))
    sys.exit(0 if all(limit.held for wheel in found for limit in wheel.limits()) else 1)


def _version(module: str) -> str:
    command = [sys.executable, "-m", module, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.split()[1]


if __name__ == "__main__":
    try:
        main(prog_name="python -m benchmarks.repacking")
    except SlimwheelError as error:
        sys.exit(f"{error}\n  {error.hint}" if error.hint else str(error))
