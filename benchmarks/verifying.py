"""What checking a wheel without running it costs: `python -m benchmarks.verifying`.

`slimwheel verify` beside `auditwheel show`, which looks at the libraries' needs alone.
"""

import functools
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks import page
from benchmarks.machine import describe_machine, load
from benchmarks.markdown import table
from benchmarks.results import Limit
from benchmarks.subjects import Subject, known_subjects
from slimwheel.errors import SlimwheelError
from slimwheel.report.sizes import megabytes
from slimwheel.verify.measure import Cost, interleaved, measured

NAME = "verifying"
OURS, THEIRS = "slimwheel verify", "auditwheel show"
# CPU seconds for the official CPU build, and which subject that is.
LIMIT, LIMITED = 3.0, "torch==2.13.0+cpu"
_note = functools.partial(click.echo, err=True)
# Both say what they found with their exit code; what they cost is asked here.
_RUN = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]) not in (0, 1))"


@dataclass(frozen=True)
class Checked:
    """The rounds of both tools on one wheel."""

    requirement: str
    size: int
    costs: Mapping[str, tuple[Cost, ...]]

    def median(self, tool: str) -> Cost:
        """Return the medians of one tool."""
        return Cost.median(self.costs[tool])

    @property
    def ratio(self) -> float:
        """Our CPU time as a part of theirs."""
        return self.median(OURS).cpu / self.median(THEIRS).cpu


def measure_checks(
    subject: Subject, scratch: Path, rounds: int, note: Callable[[str], None]
) -> Checked:
    """Check one upstream wheel with both tools, in turn.

    Raises:
        SlimwheelError: the wheel cannot be had, or a tool failed.
    """
    wheel = subject.fetched()
    programs = Path(sys.executable).parent
    commands: dict[str, list[str | Path]] = {
        OURS: [programs / "slimwheel", "verify", wheel],
        THEIRS: [programs / "auditwheel", "show", wheel],
    }
    subjects = {
        tool: functools.partial(measured, [sys.executable, "-c", _RUN, *command], scratch=scratch)
        for tool, command in commands.items()
    }
    found = interleaved(subjects, rounds, note)
    costs = {tool: tuple(found[tool]) for tool in commands}
    return Checked(subject.upstream, wheel.stat().st_size, costs)


def limit(checked: Sequence[Checked]) -> Limit | None:
    """Return what is promised of one of the wheels, and what became of it."""
    for one in checked:
        if one.requirement == LIMITED:
            return Limit(f"{LIMITED}, CPU", LIMIT, one.median(OURS).cpu, "s")
    return None


def render(checked: Sequence[Checked], machine: Mapping[str, str]) -> str:
    """Return the page."""
    rows = []
    for one in checked:
        for tool in (OURS, THEIRS):
            cost = one.median(tool)
            rows.append(
                (
                    f"{one.requirement}, {megabytes(one.size)}",
                    f"`{tool}`",
                    f"{cost.cpu:.2f} s",
                    f"{cost.wall:.2f} s",
                    megabytes(cost.peak_anonymous),
                    f"{one.ratio:.3f}" if tool == OURS else "1",
                )
            )
    head = ("wheel", "tool", "CPU", "time", "peak anonymous memory", "CPU, ratio")
    rounds = [
        (one.requirement, f"`{tool}`", " ".join(f"{cost.cpu:.2f}" for cost in one.costs[tool]))
        for one in checked
        for tool in (OURS, THEIRS)
    ]
    promised = limit(checked)
    promise = [] if promised is None else [_promise(promised)]
    return "\n\n".join(
        [
            "# Checking a wheel without running it",
            table(head, rows),
            f"Medians of {len(checked[0].costs[OURS])} runs, one tool after the other in turn. "
            "`slimwheel verify` reads and hashes every member, and looks at archive, dist-info, "
            "libraries and device code; `auditwheel show` looks at what the libraries need.",
            *promise,
            "## Rounds",
            table(("wheel", "tool", "CPU, seconds"), rounds),
            "## Measured on",
            table(("", ""), machine.items()),
            "",
        ]
    )


def _promise(promised: Limit) -> str:
    row = (promised.what, promised.text(LIMIT), promised.text(promised.measured), promised.verdict)
    return "## Promise\n\n" + table(("", "promise: at most", "measured", ""), [row])


def _to_json(checked: Sequence[Checked], machine: Mapping[str, str]) -> dict[str, Any]:
    return {"schema": 1, "machine": machine, "wheels": [asdict(one) for one in checked]}


@click.command()
@page.options(3, "both tools", "5 GB")
def main(python_for: tuple[str, ...], output: Path, rounds: int, scratch: Path | None) -> None:  # noqa: ARG001
    """Time both tools on the upstream wheels of torch; exit with 1 where ours takes too long."""
    machine = describe_machine() | {"load before": load()}
    checked = []
    subjects = {s.upstream: s for s in known_subjects() if s.upstream.startswith("torch==")}
    for subject in subjects.values():
        with tempfile.TemporaryDirectory(prefix="slimwheel-bench-", dir=scratch) as directory:
            _note(subject.upstream)
            checked.append(measure_checks(subject, Path(directory).resolve(), rounds, _note))
    machine["load after"] = load()
    page.write(output, NAME, render(checked, machine), _to_json(checked, machine))
    promised = limit(checked)
    sys.exit(0 if promised is None or promised.held else 1)


if __name__ == "__main__":
    try:
        main(prog_name="python -m benchmarks.verifying")
    except SlimwheelError as error:
        sys.exit(f"{error}\n  {error.hint}" if error.hint else str(error))
