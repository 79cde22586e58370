"""What the shim's own calls take of `import torch`: `python -m benchmarks.shim`.

The whole import varies by more than they take, so they are timed from inside, in slim wheels that
pip installed: those of subjects.toml whose import is measured.
"""

import functools
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click

from benchmarks import page, time_shim
from benchmarks.building import measure_builds
from benchmarks.machine import describe_machine, load
from benchmarks.markdown import how_slimmed, table
from benchmarks.results import Limit
from benchmarks.subjects import Subject, Variant, known_subjects
from benchmarks.upstream_environment import pip_environment
from slimwheel.errors import SlimwheelError, ToolError
from slimwheel.verify.environments import find_python
from slimwheel.verify.smoke import parse_pythons
from slimwheel.wheelfile.wheel import Wheel

NAME = "shim"
# Milliseconds of an import, the promise of docs/shim.md.
LIMIT = 10.0
_note = functools.partial(click.echo, err=True)


@dataclass(frozen=True)
class Import:
    """One import, in seconds: `calls` by the shim's call, `whole` of it all."""

    calls: Mapping[str, float]
    whole: float

    @property
    def shim(self) -> float:
        """What the shim's calls took together."""
        return sum(self.calls.values())


@dataclass(frozen=True)
class Timed:
    """The imports of one slim wheel, each in a process of its own."""

    requirement: str
    recipe: str
    devices: tuple[str, ...]
    python: str
    imports: tuple[Import, ...]

    def call(self, name: str) -> float | None:
        """Return the median of one call; None where an import is without it."""
        if any(name not in one.calls for one in self.imports):
            return None
        return median(one.calls[name] for one in self.imports)

    @property
    def shim(self) -> float:
        """The median of all calls together."""
        return median(one.shim for one in self.imports)

    @property
    def whole(self) -> float:
        """The median of the whole import."""
        return median(one.whole for one in self.imports)

    @property
    def limit(self) -> Limit:
        """What is promised, and what became of it."""
        what = f"{self.requirement}, {how_slimmed(self.recipe, self.devices)}"
        return Limit(what, LIMIT, self.shim * 1e3, "ms")


def measure_shim(
    subject: Subject,
    variant: Variant,
    python: Path,
    scratch: Path,
    rounds: int,
    note: Callable[[str], None],
) -> Timed:
    """Build and install one slim wheel, and import it several times.

    Args:
        python: of the version that the subject is for.
        scratch: an existing directory for what is made.

    Raises:
        SlimwheelError: the wheel cannot be had, or a step failed.
    """
    upstream = subject.fetched()
    with Wheel.open(upstream) as wheel:
        package = wheel.project
    builds = measure_builds(upstream, variant.options, None, scratch, 1, note)
    environment = pip_environment(scratch / "environment", builds.slim, python)
    command: list[str | Path] = [environment.python, time_shim.__file__, package]

    def timed() -> Import:
        said = environment.run(command, cwd=scratch, check=True).stdout.splitlines()[-1]
        found = json.loads(said)
        if time_shim.LOADING not in found["calls"]:
            raise ToolError(f"{package} is imported without a shim", file=environment.path)
        return Import(found["calls"], found["import"])

    # The first import reads from the disk.
    timed()
    imports = []
    for turn in range(1, rounds + 1):
        imports.append(timed())
        note(f"import {package}, {turn} of {rounds}: {imports[-1].shim * 1e3:.2f} ms in the shim")
    version = environment.run([environment.python, "--version"], check=True).stdout.split()[-1]
    return Timed(subject.upstream, variant.recipe, variant.devices, version, tuple(imports))


def render(wheels: Sequence[Timed], machine: Mapping[str, str], left_out: Sequence[str]) -> str:
    """Return the page."""
    names = list(dict.fromkeys(name for wheel in wheels for name in wheel.imports[0].calls))
    rows = [
        *((_title(name), *(_ms(wheel.call(name)) for wheel in wheels)) for name in names),
        ("all of them", *(_ms(wheel.shim) for wheel in wheels)),
        ("the whole import", *(_ms(wheel.whole) for wheel in wheels)),
    ]
    head = ("", *(f"{wheel.limit.what}, Python {wheel.python}" for wheel in wheels))
    verdicts = [
        (
            wheel.limit.what,
            wheel.limit.text(LIMIT),
            wheel.limit.text(wheel.shim * 1e3),
            _kept(wheel),
        )
        for wheel in wheels
    ]
    rounds = [
        (wheel.limit.what, " ".join(f"{one.shim * 1e3:.2f}" for one in wheel.imports))
        for wheel in wheels
    ]
    return "\n\n".join(
        [
            "# The shim's part of `import torch`",
            *left_out,
            table(head, rows),
            f"Medians of {len(wheels[0].imports)} imports, each in a fresh process, timed inside. "
            "A call inside another is part of that one. The first import, which reads from the "
            "disk, is not counted.",
            "## Promises",
            table(("all of the shim's calls", "promise: at most", "measured", ""), verdicts),
            "## Rounds",
            table(("all of the shim's calls", "ms"), rounds),
            "## Measured on",
            table(("", ""), machine.items()),
            "",
        ]
    )


def _title(name: str) -> str:
    titles = {
        time_shim.LOADING: "loading `_slimwheel`",
        time_shim.FINDER: "the finder, asked in vain",
        "forget": "`forget()`, by other modules",
    }
    return titles.get(name, f"`{name}()`")


def _ms(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e3:.2f} ms"


def _kept(wheel: Timed) -> str:
    return wheel.limit.verdict if wheel.limit.held else f"**{wheel.limit.verdict}**"


def _chosen() -> Iterator[tuple[Subject, Variant]]:
    for subject in known_subjects():
        for variant in subject.variants:
            if "imports" in variant.parts:
                yield subject, variant


def _to_json(wheels: Sequence[Timed], machine: Mapping[str, str]) -> dict[str, Any]:
    found = [asdict(wheel) | {"held": wheel.limit.held} for wheel in wheels]
    return {"schema": 1, "limit": LIMIT / 1e3, "machine": machine, "wheels": found}


@click.command()
@page.options(15, "imports", "1 GB")
def main(python_for: tuple[str, ...], output: Path, rounds: int, scratch: Path | None) -> None:
    """Time the shim's calls inside `import torch`; exit with 1 where they take too long."""
    pythons = parse_pythons(python_for)
    wheels, left_out = [], []
    machine = describe_machine() | {"load before": load()}
    for subject, variant in _chosen():
        what = f"{subject.upstream}, {how_slimmed(variant.recipe, variant.devices)}"
        python = find_python(subject.python, pythons)
        if python is None:
            left_out.append(f"{what}, is left out: there was no Python {subject.python}.")
            continue
        with tempfile.TemporaryDirectory(prefix="slimwheel-bench-", dir=scratch) as directory:
            place = Path(directory).resolve()
            _note(what)
            wheels.append(measure_shim(subject, variant, python, place, rounds, _note))
    if not wheels:
        raise ToolError("there is no Python for any of the wheels", hint="Name one: --python-for.")
    machine["load after"] = load()
    page.write(output, NAME, render(wheels, machine, left_out), _to_json(wheels, machine))
    sys.exit(0 if all(wheel.limit.held for wheel in wheels) else 1)


if __name__ == "__main__":
    try:
        main(prog_name="python -m benchmarks.shim")
    except SlimwheelError as error:
        sys.exit(f"{error}\n  {error.hint}" if error.hint else str(error))
