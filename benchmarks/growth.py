"""How cost grows with size and members: `python -m benchmarks.growth`, on wheels up to 2 GB.

Each is slimmed, and rewritten by zipfile, in turn. Of the CPU time a straight line is found by
least squares: its slope is what a megabyte more, or a member more, costs.
"""

import functools
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks import page, rewriting, synthetic
from benchmarks.building import slimwheel_command
from benchmarks.machine import describe_machine, load
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


@dataclass(frozen=True)
class Line:
    """A straight line by least squares: seconds of CPU at nothing, and for one more."""

    start: float
    slope: float


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
        return measured(
            [slimwheel_command(), *words, "--output-dir", output, wheel], scratch=scratch
        )

    def rewrite() -> Cost:
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir()
        command: list[str | Path] = [sys.executable, rewriting.__file__, wheel, output / "w.whl"]
        return measured(command, scratch=scratch)

    note(f"{megabytes} MB, {members} members")
    builders: dict[str, Callable[[], Cost]] = dict(zip(WAYS, (slimwheel, rewrite), strict=True))
    costs = interleaved(builders, rounds, note)
    download = wheel.stat().st_size
    for directory in (place, output):
        shutil.rmtree(directory)
    return Point(megabytes, members, download, {way: tuple(costs[way]) for way in WAYS})


def line(points: Sequence[Point], way: str, of: Callable[[Point], float]) -> Line:
    """Return the line of CPU seconds over a figure of the points."""
    slope, start = statistics.linear_regression(
        [of(point) for point in points], [point.median(way).cpu for point in points]
    )
    return Line(start, slope)


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
    sizes = {way: line(by_size, way, _size) for way in WAYS}
    counts = {way: line(by_count, way, _count) for way in WAYS}
    slopes = [
        (
            way,
            f"{sizes[way].slope * 1e3:.2f} ms",
            f"{counts[way].slope * 1e6:.0f} \N{MICRO SIGN}s",
            f"{sizes[way].start:.2f} s",
        )
        for way in WAYS
    ]
    return "\n\n".join(
        [
            "# How the cost of a build grows",
            table(("", "one MB more", "one member more", "nothing at all"), slopes),
            "CPU, by straight lines through the medians below. The wheels are made up: one library "
            "with symbol tables, which go, and small files, of which one in ten goes. "
            "`zipfile rewrite` inflates and deflates every member and changes nothing.",
            "![CPU over size and over the number of members](growth.svg)",
            "## Every wheel",
            table(
                ("MB of libraries", "members", "wheel", *_HEADS),
                [_row(point) for point in (*by_size, *by_count)],
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
