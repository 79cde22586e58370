"""How cost grows with size and members: `python -m benchmarks.growth`, on wheels up to 2 GB.

Each is slimmed, and rewritten by zipfile, in turn. From the CPU times of all wheels follows, by
least squares of the relative errors, what any wheel costs, and a megabyte or a member more.
"""

import functools
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import click

from benchmarks import page, rewriting, synthetic
from benchmarks.building import slimwheel_command
from benchmarks.machine import describe_machine, load, warm
from benchmarks.markdown import table
from slimwheel.errors import SlimwheelError
from slimwheel.report.sizes import megabytes
from slimwheel.verify.measure import Cost, interleaved, measured

NAME = "growth"
MEGABYTES = (10, 30, 100, 300, 1000, 2000)
MEMBERS = (100, 1000, 5000, 20_000, 50_000)
# What stays the same while the other grows.
FEW_MEMBERS, FEW_MEGABYTES = 1000, 10
WAYS = ("slimwheel", "zipfile rewrite")
_note = functools.partial(click.echo, err=True)


@dataclass(frozen=True)
class Point:
    """One wheel: its library's megabytes, its small members, its bytes, and what each way cost."""

    megabytes: int
    members: int
    download: int
    costs: Mapping[str, tuple[Cost, ...]]

    def median(self, way: str) -> Cost:
        return Cost.median(self.costs[way])


class Slopes(NamedTuple):
    """Seconds of CPU: of any wheel, and of a megabyte and a member more."""

    start: float
    megabyte: float
    member: float


def measure(
    megabytes: int, members: int, scratch: Path, rounds: int, note: Callable[[str], None]
) -> Point:
    """Make a wheel and measure it."""
    place = scratch / "wheel"
    place.mkdir()
    wheel = synthetic.make(place, megabytes, members)
    recipe = scratch / "made-up.toml"
    recipe.write_text(synthetic.RECIPE)
    output = scratch / "output"

    def slimwheel() -> Cost:
        shutil.rmtree(output, ignore_errors=True)
        words: list[str | Path] = ["build", "--no-smoke", "--recipe", recipe]
        warm(wheel)
        return measured(
            [slimwheel_command(), *words, "--output-dir", output, wheel], scratch=scratch
        )

    def rewrite() -> Cost:
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir()
        command: list[str | Path] = [sys.executable, rewriting.__file__, wheel, output / "w.whl"]
        warm(wheel)
        return measured(command, scratch=scratch)

    note(f"{megabytes} MB, {members} members")
    builders: dict[str, Callable[[], Cost]] = dict(zip(WAYS, (slimwheel, rewrite), strict=True))
    costs = interleaved(builders, rounds, note)
    download = wheel.stat().st_size
    for directory in (place, output):
        shutil.rmtree(directory)
    return Point(megabytes, members, download, {way: tuple(costs[way]) for way in WAYS})


def slopes_of(points: Sequence[Point], way: str) -> Slopes:
    """Return how CPU seconds depend on size and number of members.

    Relative errors count: wheels of 10 MB would not be heard beside those of 2 GB.
    """
    import numpy as np

    cpu = np.array([point.median(way).cpu for point in points])
    causes = np.array([(1.0, point.megabytes, point.members) for point in points])
    found, *_ = np.linalg.lstsq(causes / cpu[:, None], np.ones(len(points)), rcond=None)
    return Slopes(*map(float, found))


def plot(by_size: Sequence[Point], by_count: Sequence[Point], path: Path) -> None:
    """Write both curves as one SVG."""
    import matplotlib as mpl

    mpl.use("svg")
    # No date and no random names in the file: the same figures give the same picture.
    mpl.rcParams["svg.hashsalt"] = NAME
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for axes, points, of, label in (
        (left, by_size, _size, "MB of libraries"),
        (right, by_count, _count, "members"),
    ):
        for way in WAYS:
            cpu = [point.median(way).cpu for point in points]
            axes.plot([of(point) for point in points], cpu, marker="o", label=way)
        axes.set_xlabel(label)
        axes.set_ylabel("s of CPU")
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(figure)


def _size(point: Point) -> float:
    return float(point.megabytes)


def _count(point: Point) -> float:
    return float(point.members)


def render(
    by_size: Sequence[Point], by_count: Sequence[Point], machine: Mapping[str, str], rounds: int
) -> str:
    """Return the page."""
    points = (*by_size, *by_count)
    found = [(way, slopes_of(points, way)) for way in WAYS]
    slopes = [
        (
            way,
            f"{one.start:.2f} s",
            f"{one.megabyte * 1e3:.2f} ms",
            f"{one.member * 1e6:.0f} \N{MICRO SIGN}s",
        )
        for way, one in found
    ]
    return "\n\n".join(
        [
            "# How the cost of a build grows",
            table(("", "any wheel", "a MB more", "a member more"), slopes),
            "CPU, by least squares of the relative errors over the medians below. The wheels are "
            "made up: one library "
            "with symbol tables, which go, and small files, of which one in ten goes. A build does "
            "not import its result (`--no-smoke`). "
            "`zipfile rewrite` inflates and deflates every member and changes nothing.",
            "![CPU over size and over the number of members](growth.svg)",
            "## Every wheel",
            table(
                ("MB of libraries", "members", "wheel", *_HEADS),
                [_row(point) for point in points],
            ),
            f"## Measured on\n\nMedians of {rounds} rounds, the ways in turn.",
            table(("", ""), machine.items()) + "\n",
        ]
    )


_HEADS = tuple(f"{way}, {what}" for way in WAYS for what in ("CPU", "time", "memory"))


def _row(point: Point) -> tuple[str, ...]:
    cells = [f"{point.megabytes:,}", f"{point.members:,}", megabytes(point.download)]
    for way in WAYS:
        cost = point.median(way)
        cells += [f"{cost.cpu:.2f} s", f"{cost.wall:.2f} s", megabytes(cost.peak_anonymous)]
    return tuple(cells)


def to_json(
    by_size: Sequence[Point], by_count: Sequence[Point], machine: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "schema": 1,
        "machine": machine,
        "by_size": [asdict(point) for point in by_size],
        "by_count": [asdict(point) for point in by_count],
    }


@click.command()
@page.options(3, "builds", "8 GB")
@click.option("--quick", is_flag=True, help="Small wheels and one round, to try it out.")
def main(
    python_for: tuple[str, ...],  # noqa: ARG001 - nothing is installed here
    output: Path,
    rounds: int,
    scratch: Path | None,
    quick: bool,
) -> None:
    """Slim made-up wheels of growing size and growing number of members."""
    sizes, counts = (MEGABYTES[:3], MEMBERS[:2]) if quick else (MEGABYTES, MEMBERS)
    rounds = 1 if quick else rounds
    machine = describe_machine() | {"load before": load()}
    with tempfile.TemporaryDirectory(prefix="slimwheel-bench-", dir=scratch) as directory:
        place = Path(directory).resolve()
        by_size = [measure(size, FEW_MEMBERS, place, rounds, _note) for size in sizes]
        by_count = [measure(FEW_MEGABYTES, count, place, rounds, _note) for count in counts]
    machine["load after"] = load()
    page.write(
        output,
        NAME,
        render(by_size, by_count, machine, rounds),
        to_json(by_size, by_count, machine),
    )
    plot(by_size, by_count, output / f"{NAME}.svg")


if __name__ == "__main__":
    try:
        main(prog_name="python -m benchmarks.growth")
    except SlimwheelError as error:
        sys.exit(f"{error}\n  {error.hint}" if error.hint else str(error))
