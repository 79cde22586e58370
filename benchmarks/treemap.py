"""What `slimwheel inspect` costs, and how fast its page opens: `python -m benchmarks.treemap`.

Also makes docs/treemap.png, the picture of the page that README shows.
"""

import functools
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click

from benchmarks import page
from benchmarks.browser import browser
from benchmarks.machine import describe_machine, load
from benchmarks.markdown import table
from slimwheel.errors import SlimwheelError
from slimwheel.fetch import IndexOptions, fetch
from slimwheel.verify.measure import Cost, measured

NAME = "inspect"
_note = functools.partial(click.echo, err=True)
_CPU_INDEX = IndexOptions(extra_index_url=("https://download.pytorch.org/whl/cpu",))
# Requirement, Python, platform, and where to look.
_WHEELS = (
    ("torch==2.13.0+cpu", "3.11", "manylinux_2_28_x86_64", _CPU_INDEX),
    ("torch==2.14.1", "3.11", "manylinux_2_28_x86_64", IndexOptions()),
    ("torch==1.0.0", "3.6", "manylinux1_x86_64", IndexOptions()),
)
_PICTURED = "torch==2.14.1"
_DRAWN = """
const [first] = performance.getEntriesByName("slimwheel-first-draw");
const [draw] = performance.getEntriesByName("slimwheel-draw");
return {open: first.duration / 1000, draw: draw.duration / 1000,
        tiles: Number(document.body.dataset.tiles)};
"""


@dataclass(frozen=True)
class Opening:
    """The page in a browser: seconds until it was there, of which drawing took `draw`."""

    open: float
    draw: float
    tiles: int


@dataclass(frozen=True)
class Inspected:
    """What was measured of one wheel. `page` is the page's size in bytes."""

    requirement: str
    files: int
    installed: int
    inspect: tuple[Cost, ...]
    page: int
    openings: tuple[Opening, ...]


@click.command()
@page.options(3, "inspecting, and of opening the page", "2 GB")
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("docs/treemap.png"),
    show_default=True,
    help="Where the picture of the page goes.",
)
def main(output: Path, rounds: int, scratch: Path | None, picture: Path, **_: Any) -> None:
    """Measure `slimwheel inspect` and its page on real wheels, and take the page's picture."""
    with tempfile.TemporaryDirectory(prefix="slimwheel-treemap-", dir=scratch) as made:
        found = [_inspected(wheel, Path(made), rounds, picture) for wheel in _WHEELS]
    data = {
        "machine": describe_machine(),
        "load": load(),
        "wheels": [asdict(one) for one in found],
    }
    page.write(output, NAME, _page(found, data), data)
    click.echo(picture)


def _inspected(
    wheel: tuple[str, str, str, IndexOptions], scratch: Path, rounds: int, picture: Path
) -> Inspected:
    requirement, python, platform, index = wheel
    path = fetch(requirement, python=python, platform=platform, index=index).path
    html = scratch / "page.html"
    command: list[str | Path] = [sys.executable, "-m", "slimwheel", "inspect", path]
    costs = []
    for turn in range(rounds):
        costs.append(measured(command, scratch=scratch))
        _note(f"{requirement}, {turn + 1} of {rounds}: {costs[-1].cpu:.2f} s CPU")
    measured([*command, "--recipe", "cpu", "--html", html], scratch=scratch)
    openings = [_opening(html, scratch, turn) for turn in range(rounds)]
    if requirement == _PICTURED:
        _take_picture(html, scratch, picture)
    report = _facts(html, scratch)
    return Inspected(requirement, *report, tuple(costs), html.stat().st_size, tuple(openings))


def _opening(html: Path, scratch: Path, turn: int) -> Opening:
    """Open the page in a browser that was just started: nothing is cached or compiled."""
    with browser(scratch / f"profile-{turn}-{html.stat().st_mtime_ns}") as driver:
        driver.get(html.as_uri())
        return Opening(**driver.execute_script(_DRAWN))


def _facts(html: Path, scratch: Path) -> tuple[int, int]:
    with browser(scratch / f"profile-facts-{html.stat().st_mtime_ns}") as driver:
        driver.get(html.as_uri())
        script = "const [{members, installed}] = slimwheel.data.wheels;"
        script += "return [members.length, installed]"
        files, installed = driver.execute_script(script)
        return int(files), int(installed)


def _take_picture(html: Path, scratch: Path, picture: Path) -> None:
    with browser(scratch / "profile-picture", width=1280, height=1040) as driver:
        driver.get(html.as_uri())
        driver.save_screenshot(str(picture))


def _page(found: Sequence[Inspected], data: dict[str, Any]) -> str:
    rows = []
    for one in found:
        cost = Cost.median(one.inspect)
        opening = median(opening.open for opening in one.openings)
        drawing = median(opening.draw for opening in one.openings)
        rows.append(
            [
                one.requirement,
                f"{one.files:,}",
                f"{one.installed / 1e6:.0f} MB",
                f"{cost.cpu:.2f} s",
                f"{cost.peak_anonymous / 1e6:.0f} MB",
                f"{one.page / 1e6:.1f} MB",
                f"{opening:.2f} s",
                f"{1000 * drawing:.0f} ms",
                f"{one.openings[0].tiles}",
            ]
        )
    heads = ["wheel", "files", "installed", "`slimwheel inspect`, CPU", "peak anonymous memory"]
    heads += ["page with recipe `cpu`", "opened in", "drawn in", "tiles"]
    machine = "; ".join(f"{name}: {value}" for name, value in data["machine"].items())
    return f"""# Where the bytes are: what looking costs

Medians of {len(found[0].inspect)} rounds. The page is opened from a file by a browser that was just
started, and is there when its first picture is drawn.

{table(heads, rows)}

{machine}; load: {data["load"]}.

Written by `python -m benchmarks.treemap`.
"""


if __name__ == "__main__":
    try:
        main()
    except SlimwheelError as error:
        sys.exit(f"{error}\n  {error.hint}")
