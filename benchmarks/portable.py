"""Portable models beside what torch has, and safetensors: `python -m benchmarks.portable`.

A network of ResNet-50's size is saved and loaded in each way, on a slim torch that pip installed:
in fresh processes, one way after the other in each round.
"""

import functools
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click

from benchmarks import page
from benchmarks.building import measure_builds
from benchmarks.machine import describe_machine, load
from benchmarks.markdown import table
from benchmarks.results import Limit
from benchmarks.subjects import Subject, known_subjects
from benchmarks.upstream_environment import pip_environment
from slimwheel.errors import SlimwheelError, ToolError
from slimwheel.verify.environments import Environment, find_python
from slimwheel.verify.smoke import parse_pythons

NAME = "portable"
HERE = Path(__file__).parent
PORTABLE, UNCHECKED = "save_portable", "save_portable, unchecked"
# The way that the promises compare with: it gives a network too, without further code.
BESIDE = "torch.save, network"
WAYS = (PORTABLE, UNCHECKED, BESIDE, "torch.save, state_dict", "torch.package", "safetensors")
# Those that bring the network's source: they are loaded where there is none.
WITH_SOURCE = (PORTABLE, UNCHECKED, "torch.package")
# Time to load, as a share of BESIDE's; memory at its peak, as a share of the weights.
TIME_LIMIT, MEMORY_LIMIT = 1.2, 1.1
_note = functools.partial(click.echo, err=True)


@dataclass(frozen=True)
class Measured:
    """One way: bytes of the file, seconds of each round, and bytes of memory."""

    file: int
    saves: tuple[float, ...]
    loads: tuple[float, ...]
    save_memory: int
    load_memory: int


@dataclass(frozen=True)
class Comparison:
    """All ways, on one torch; `weights` are bytes."""

    requirement: str
    weights: int
    ways: Mapping[str, Measured]

    def limits(self) -> list[Limit]:
        """What is promised, and what became of it."""
        portable, beside = (median(self.ways[way].loads) for way in (PORTABLE, BESIDE))
        memory = self.ways[PORTABLE].load_memory / self.weights
        return [
            Limit("time to load, of torch.load's", TIME_LIMIT, portable / beside, ""),
            Limit("memory to load, of the weights", MEMORY_LIMIT, memory, ""),
        ]


def compare(environment: Environment, scratch: Path, rounds: int, requirement: str) -> Comparison:
    """Save and load in every way.

    Args:
        environment: with torch, torch_ergonomics and safetensors.
        scratch: an existing directory for what is made.

    Raises:
        ToolError: a process failed.
    """
    project = scratch / "project"
    project.mkdir()
    shutil.copy(HERE / "resnet50.py", project)
    program = shutil.copy(HERE / "time_portable.py", scratch)

    def run(way: str, action: str, measured: str) -> float:
        file = scratch / f"{WAYS.index(way)}.model"
        hidden = action == "load" and way in WITH_SOURCE
        command: list[str | Path] = [environment.python, program, way, action, file, measured]
        path = {"PYTHONPATH": "" if hidden else str(project)}
        done = environment.run(command, path, cwd=scratch, check=True)
        result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return next(iter(result.values()))

    saves: dict[str, list[float]] = {way: [] for way in WAYS}
    loads: dict[str, list[float]] = {way: [] for way in WAYS}
    for turn in range(rounds + 1):
        for way in WAYS:
            saved, loaded = run(way, "save", "time"), run(way, "load", "time")
            if turn:  # The first round fills the caches of the file system.
                saves[way].append(saved)
                loads[way].append(loaded)
        _note(f"round {turn} of {rounds}")
    ways = {}
    for way in WAYS:
        size = (scratch / f"{WAYS.index(way)}.model").stat().st_size
        memory = [int(run(way, action, "memory")) for action in ("save", "load")]
        ways[way] = Measured(size, tuple(saves[way]), tuple(loads[way]), *memory)
    return Comparison(requirement, _weights(environment, project), ways)


def _weights(environment: Environment, project: Path) -> int:
    text = (
        "from resnet50 import ResNet\n"
        "state = ResNet().state_dict().values()\n"
        "print(sum(tensor.numel() * tensor.element_size() for tensor in state))"
    )
    command: list[str | Path] = [environment.python, "-c", text]
    return int(environment.run(command, {"PYTHONPATH": str(project)}, check=True).stdout)


def render(found: Comparison, machine: Mapping[str, str]) -> str:
    """Return the page."""
    rows = [
        (
            f"`{way}`" if way != UNCHECKED else f"`{PORTABLE}(check=False)`",
            f"{one.file / 1e6:.2f} MB",
            _ms(one.saves),
            _ms(one.loads),
            f"{one.save_memory / 1e6:.0f} MB",
            f"{one.load_memory / 1e6:.0f} MB",
        )
        for way, one in found.ways.items()
    ]
    head = ("", "file", "save", "load", "memory to save", "memory to load")
    promises = [
        (limit.what, limit.text(limit.limit), limit.text(limit.measured), limit.verdict)
        for limit in found.limits()
    ]
    all_rounds = [
        (f"`{way}`, {action}", " ".join(f"{seconds * 1e3:.0f}" for seconds in times))
        for way, one in found.ways.items()
        for action, times in (("save", one.saves), ("load", one.loads))
    ]
    return "\n\n".join(
        [
            "# Saving and loading a network of ResNet-50's size",
            table(head, rows),
            f"On {found.requirement}, slimmed for the CPU, with {found.weights / 1e6:.2f} MB of "
            f"weights. Medians of {len(found.ways[PORTABLE].saves)} rounds, each in a fresh "
            "process that had imported torch and the library. Memory is what anonymous memory grew "
            "by at its peak. `torch.load` of a network, state_dicts and safetensors need the "
            "network's source, which is there for them; the last two construct the network first. "
            "`save_portable` loads what it saved in a clean process, and compares.",
            "## Promises",
            table(("", "promise: at most", "measured", ""), promises),
            "## Rounds",
            table(("", "ms"), all_rounds),
            "## Measured on",
            table(("", ""), machine.items()),
            "",
        ]
    )


def _ms(seconds: Sequence[float]) -> str:
    return f"{median(seconds) * 1e3:.0f} ms"


def _environment(
    subject: Subject, python: Path, scratch: Path, note: Callable[[str], None]
) -> Environment:
    upstream = subject.fetched()
    builds = measure_builds(upstream, ("--recipe", "cpu"), None, scratch, 1, note)
    environment = pip_environment(scratch / "environment", builds.slim, python)
    environment.install("safetensors", "numpy")
    return environment


def _to_json(found: Comparison, machine: Mapping[str, str]) -> dict[str, Any]:
    limits = [asdict(limit) | {"held": limit.held} for limit in found.limits()]
    return {"schema": 1, "machine": machine, **asdict(found), "limits": limits}


@click.command()
@page.options(9, "saving and loading", "2 GB")
def main(python_for: tuple[str, ...], output: Path, rounds: int, scratch: Path | None) -> None:
    """Save and load a network in every way; exit with 1 where a promise is broken."""
    subject = known_subjects()[0]
    python = find_python(subject.python, parse_pythons(python_for))
    if python is None:
        raise ToolError(f"there is no Python {subject.python}", hint="Name one: --python-for.")
    machine = describe_machine() | {"load before": load()}
    with tempfile.TemporaryDirectory(prefix="slimwheel-bench-", dir=scratch) as directory:
        place = Path(directory).resolve()
        environment = _environment(subject, python, place, _note)
        found = compare(environment, place, rounds, subject.upstream)
    machine["load after"] = load()
    page.write(output, NAME, render(found, machine), _to_json(found, machine))
    sys.exit(0 if all(limit.held for limit in found.limits()) else 1)


if __name__ == "__main__":
    try:
        main(prog_name="python -m benchmarks.portable")
    except SlimwheelError as error:
        sys.exit(f"{error}\n  {error.hint}" if error.hint else str(error))
