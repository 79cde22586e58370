"""What packing a changed library again costs: `python -m benchmarks.splicing`.

libtorch_cpu.so without its symbol tables, of each torch that `subjects.toml` lists: from upstream's
wheel to the new deflate stream, put together of upstream's blocks, compressed whole with
libdeflate's level 6 in one go, and as small as slimwheel makes it.
"""

import functools
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks import pack_library, page
from benchmarks.machine import describe_machine, load
from benchmarks.markdown import table
from benchmarks.subjects import Subject, known_subjects
from slimwheel.errors import SlimwheelError
from slimwheel.report.sizes import megabytes
from slimwheel.verify.measure import Cost, interleaved, measured
from slimwheel.wheelfile.archive import Archive

NAME = "splicing"
WAYS = {
    "fast": "upstream's blocks (`--compress fast`)",
    "whole": "libdeflate 6, in one go",
    "best": "libdeflate 12, one thread (`--compress best`)",
}
# The library that is most of a CPU wheel, by what it was called before torch 1.2, too.
_LIBRARIES = ("torch/lib/libtorch_cpu.so", "torch/lib/libcaffe2.so")
_note = functools.partial(click.echo, err=True)


@dataclass(frozen=True)
class Packed:
    """One library, packed each way: what it cost each time, and the sizes that came of it.

    Attributes:
        results: by way, bytes of the new library (`size`), of its stream (`packed`), and of what
            stands in copied blocks (`copied`).
    """

    requirement: str
    member: str
    costs: Mapping[str, tuple[Cost, ...]]
    results: Mapping[str, Mapping[str, int]]


def measure_packing(
    subject: Subject,
    scratch: Path,
    rounds: int,
    note: Callable[[str], None],
    ways: Sequence[str] = tuple(WAYS),
) -> Packed:
    """Pack the largest library of one upstream wheel in every way, in turn.

    Raises:
        SlimwheelError: the wheel cannot be had, has no such library, or a way failed.
    """
    wheel = subject.fetched()
    with Archive.open(wheel) as archive:
        found = [name for name in _LIBRARIES if name in archive.members]
    if not found:
        raise SlimwheelError(f"has none of {', '.join(_LIBRARIES)}", file=wheel)
    results: dict[str, dict[str, int]] = {}

    def packed(way: str) -> Cost:
        for left in scratch.glob("packed*"):
            left.unlink()
        command = [sys.executable, pack_library.__file__, str(wheel), found[0], way]
        cost = measured([*command, str(scratch / "packed")], scratch=scratch)
        results[way] = json.loads((scratch / "output.log").read_text())
        return cost

    costs = interleaved({way: functools.partial(packed, way) for way in ways}, rounds, note)
    by_way = {way: tuple(found) for way, found in costs.items()}
    return Packed(subject.upstream, found[0], by_way, results)


def render(packed: Sequence[Packed], machine: Mapping[str, str]) -> str:
    """Return the page."""
    rows = []
    for one in packed:
        for way, costs in one.costs.items():
            cost, result = Cost.median(costs), one.results[way]
            rows.append(
                (
                    f"{one.requirement}, {megabytes(result['size'])}",
                    WAYS[way],
                    f"{cost.cpu:.2f} s",
                    f"{cost.wall:.2f} s",
                    megabytes(cost.peak_anonymous),
                    megabytes(result["packed"]),
                    f"{100 * result['copied'] / result['size']:.2f} %",
                )
            )
    head = ("library", "packed by", "CPU", "time", "peak anonymous memory", "size", "copied")
    rounds = [
        (one.requirement, WAYS[way], " ".join(f"{cost.cpu:.2f}" for cost in costs))
        for one in packed
        for way, costs in one.costs.items()
    ]
    return "\n\n".join(
        [
            "# Packing a changed library again",
            table(head, rows),
            "The largest library without its symbol tables, from upstream's wheel to the new "
            "deflate stream: unpacked and checked, changed, hashed, compressed; the first and the "
            "last also inflate the result to check it. Each in a process of its own, whose start, "
            "0.3 s, is in the figures. "
            f"Medians of {len(next(iter(packed[0].costs.values())))} rounds, one way after the "
            "other in turn.",
            "## Rounds",
            table(("library", "packed by", "CPU, seconds"), rounds),
            "## Measured on",
            table(("", ""), machine.items()),
            "",
        ]
    )


def _to_json(packed: Sequence[Packed], machine: Mapping[str, str]) -> dict[str, Any]:
    return {"schema": 1, "machine": machine, "libraries": [asdict(one) for one in packed]}


@click.command()
@page.options(3, "all ways", "3 GB")
def main(python_for: tuple[str, ...], output: Path, rounds: int, scratch: Path | None) -> None:  # noqa: ARG001
    """Pack the largest library of every upstream torch in every way."""
    machine = describe_machine() | {"load before": load()}
    packed = []
    subjects = {s.upstream: s for s in known_subjects() if s.upstream.startswith("torch==")}
    for subject in subjects.values():
        with tempfile.TemporaryDirectory(prefix="slimwheel-bench-", dir=scratch) as directory:
            _note(subject.upstream)
            packed.append(measure_packing(subject, Path(directory).resolve(), rounds, _note))
    machine["load after"] = load()
    page.write(output, NAME, render(packed, machine), _to_json(packed, machine))


if __name__ == "__main__":
    try:
        main(prog_name="python -m benchmarks.splicing")
    except SlimwheelError as error:
        sys.exit(f"{error}\n  {error.hint}" if error.hint else str(error))
