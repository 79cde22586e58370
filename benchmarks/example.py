"""The example of examples/image_classifier on upstream's torch and on torch_cpu.

`python -m benchmarks.example` trains the model once, on upstream's first release of RELEASES, and
serves it on that release and the others, upstream's and slim.
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
from benchmarks.markdown import compared, compared_costs, table
from benchmarks.subjects import Subject, chosen_subjects
from benchmarks.upstream_environment import pip_environment, upstream_environment
from slimwheel.build import build_runtime
from slimwheel.errors import SlimwheelError, ToolError
from slimwheel.fetch import IndexOptions, fetch
from slimwheel.report.sizes import megabytes
from slimwheel.verify.environments import Environment, find_python
from slimwheel.verify.measure import Cost, interleaved, measured
from slimwheel.verify.sizes import dependencies_in, sizes_of
from slimwheel.verify.smoke import parse_pythons

NAME = "example"
HERE = Path(__file__).parent
EXAMPLE = HERE.parent / "examples" / "image_classifier"
RELEASES = ("torch==2.13.0+cpu", "torch==2.14.1")
_note = functools.partial(click.echo, err=True)


@dataclass(frozen=True)
class Served:
    """One torch, with the example on it.

    Attributes:
        download: bytes of torch's own wheels, and of torch_ergonomics where it is one of its own.
        installed: bytes of these and of all that pip installed besides, bytecode not counted.
        cold: from the start of the calling process to its end, by `run_isolated`.
        warm: seconds of each answer of a Worker after the first.
        answers: to all held-out images.
    """

    download: int
    installed: int
    cold: tuple[Cost, ...]
    warm: tuple[float, ...]
    answers: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Release:
    """Upstream's torch and the slim one of a release."""

    requirement: str
    upstream: Served
    slim: Served

    @property
    def unlike(self) -> int:
        """How many answers of the two differ, be it in the last bit of a probability."""
        pairs = zip(self.upstream.answers, self.slim.answers, strict=True)
        return sum(one != other for one, other in pairs)


def train(upstream: Path, runtime: Path, python: Path, scratch: Path) -> Path:
    """Train the model on upstream's torch; return a directory that it can be served from.

    Raises:
        ToolError: an installation or the training failed.
    """
    environment = upstream_environment(upstream, python)
    # The environment is shared: what the training needs besides stays outside it.
    libraries, serving = scratch / "libraries", scratch / "serving"
    options = ["--target", str(libraries)]
    environment.install(runtime, "scikit-learn", options=options)
    serving.mkdir()
    program = EXAMPLE / "training" / "train.py"
    variables = {"PYTHONPATH": str(libraries), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.run([environment.python, program, serving], variables, check=True)
    shutil.copy(EXAMPLE / "serving" / "algorithm.py", serving)
    shutil.copy(HERE / "time_example.py", serving)
    return serving


def serve(
    subject: Subject,
    upstream: Path,
    runtime: Path,
    serving: Path,
    python: Path,
    scratch: Path,
    rounds: int,
    note: Callable[[str], None],
) -> Release:
    """Serve the model on upstream's torch and on the slim one, interleaved.

    Args:
        runtime: torch_ergonomics as a wheel of its own, for upstream's.
        serving: what `train` returned.
        scratch: an existing directory for what is made.

    Raises:
        SlimwheelError: a step failed.
    """
    slim = measure_builds(upstream, ("--recipe", "cpu"), None, scratch, 1, note).slim
    note("prepare the environments")
    untouched = upstream_environment(upstream, python)
    found = dependencies_in(untouched.site_packages, ["torch"])
    versions = [f"{name}=={one.version}" for name, one in found.items()]
    slimmed = pip_environment(scratch / "environment", slim, python, versions=versions)
    wheels = {"upstream": (upstream, runtime), "slim": slim}
    environments = {"upstream": untouched, "slim": slimmed}
    places = {name: scratch / f"serving-{name}" for name in wheels}
    for place in places.values():
        shutil.copytree(serving, place)
    # Programs find what lies beside them: the environment, which is shared, stays as it is.
    options = ["--target", str(places["upstream"])]
    untouched.install(runtime, deps=False, offline=True, options=options)

    def cold(name: str) -> Cost:
        command: list[str | Path] = [environments[name].python, places[name] / "time_example.py"]
        return measured([*command, "cold"], scratch=scratch)

    subjects = {name: functools.partial(cold, name) for name in wheels}
    for first in subjects.values():  # reads from the disk
        first()
    costs = interleaved(subjects, rounds, note)
    results = {}
    for name, environment in environments.items():
        warm = _warm(environment, places[name])
        sizes = sizes_of(wheels[name])
        besides = dependencies_in(environment.site_packages, ["torch", "torch_cpu"]).values()
        installed = sizes.installed + sum(one.installed for one in besides)
        seconds, answers = tuple(warm["seconds"]), tuple(warm["answers"])
        results[name] = Served(sizes.download, installed, tuple(costs[name]), seconds, answers)
    return Release(subject.upstream, **results)


def _warm(environment: Environment, place: Path) -> dict[str, Any]:
    command: list[str | Path] = [environment.python, place / "time_example.py", "warm"]
    answers: dict[str, Any] = json.loads(environment.run(command, check=True).stdout)
    return answers


def render(releases: Sequence[Release], machine: Mapping[str, str]) -> str:
    """Return the page."""
    first = releases[0].upstream
    rounds = [
        (
            f"{release.requirement}, {name}",
            " ".join(f"{cost.cpu:.2f}" for cost in served.cold),
            " ".join(f"{cost.wall:.2f}" for cost in served.cold),
            " ".join(f"{cost.peak_anonymous / 1e6:.0f}" for cost in served.cold),
            " ".join(f"{cost.peak_rss / 1e6:.0f}" for cost in served.cold),
        )
        for release in releases
        for name, served in (("upstream", release.upstream), ("torch_cpu", release.slim))
    ]
    return "\n\n".join(
        [
            "# The image classifier on upstream's torch and on torch_cpu",
            *(_release(release) for release in releases),
            "Download: torch's own wheels, and torch_ergonomics where it is one of its own. "
            "Installed: these with all that they require, and numpy, bytecode not counted. Cold: "
            "from the start of the process that calls `run_isolated` to its end. Memory is that of "
            f"both processes. Medians of {len(first.cold)}, in turn. Warm: medians of "
            f"{len(first.warm)} calls of a Worker. Both with one thread. Answers are compared "
            f"between upstream and slim, in every bit. The model was trained and saved once, on "
            f"upstream's {RELEASES[0]}.",
            "## Rounds",
            table(
                ("cold answer", "CPU, s", "time, s", "peak anonymous, MB", "peak RSS, MB"), rounds
            ),
            "## Measured on",
            table(("", ""), machine.items()),
            "",
        ]
    )


def _release(release: Release) -> str:
    pair = release.upstream, release.slim
    costs = {"upstream": pair[0].cold, "slimwheel": pair[1].cold}
    one, other = (Cost.median(served.cold) for served in pair)
    anonymous = one.peak_anonymous, other.peak_anonymous
    warm = median(pair[0].warm), median(pair[1].warm)
    same = "equal" if not release.unlike else f"**{release.unlike} differ**"
    rows = [
        compared("download", pair[0].download, pair[1].download, megabytes),
        compared("installed, with dependencies", pair[0].installed, pair[1].installed, megabytes),
        *compared_costs("cold answer", costs),
        compared("cold answer, peak anonymous memory", *anonymous, megabytes),
        compared("cold answer, peak RSS", one.peak_rss, other.peak_rss, megabytes),
        compared("warm answer, time", *warm, _ms),
        (f"{len(pair[0].answers)} answers", "", same, ""),
    ]
    return table((release.requirement, "upstream", "torch_cpu", "change"), rows)


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms"


def _to_json(releases: Sequence[Release], machine: Mapping[str, str]) -> dict[str, Any]:
    found = []
    for release in releases:
        entry = asdict(release) | {"unlike": release.unlike}
        for side in ("upstream", "slim"):
            entry[side]["answers"] = len(entry[side]["answers"])
        found.append(entry)
    return {"schema": 1, "machine": machine, "releases": found}


@click.command()
@page.options(7, "cold answers", "3 GB")
def main(python_for: tuple[str, ...], output: Path, rounds: int, scratch: Path | None) -> None:
    """Train and serve the example; exit with 1 where slim and upstream answer differently."""
    machine = describe_machine() | {"load before": load()}
    releases = []
    with tempfile.TemporaryDirectory(prefix="slimwheel-bench-", dir=scratch) as directory:
        place = Path(directory).resolve()
        runtime = build_runtime(place / "runtime").path
        serving: Path | None = None
        for number, requirement in enumerate(RELEASES):
            (subject,) = chosen_subjects(requirement)
            python = find_python(subject.python, parse_pythons(python_for))
            if python is None:
                raise ToolError(f"there is no Python {subject.python}", hint="Name: --python-for.")
            index = IndexOptions(extra_index_url=subject.extra_index_url)
            wheel = (subject.python, subject.platform)
            upstream = fetch(subject.upstream, python=wheel[0], platform=wheel[1], index=index).path
            _note(requirement)
            if serving is None:
                serving = train(upstream, runtime, python, place)
            own = place / str(number)
            own.mkdir()
            releases.append(serve(subject, upstream, runtime, serving, python, own, rounds, _note))
    machine["load after"] = load()
    page.write(output, NAME, render(releases, machine), _to_json(releases, machine))
    sys.exit(1 if any(release.unlike for release in releases) else 0)


if __name__ == "__main__":
    try:
        main(prog_name="python -m benchmarks.example")
    except SlimwheelError as error:
        sys.exit(f"{error}\n  {error.hint}" if error.hint else str(error))
