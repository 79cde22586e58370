"""A slim wheel against its upstream, running: the battery, the operators, and what importing costs.

report = verify_against([slim, companion], upstream, Options(ops="all", jobs=2))
report.ok
report.differences      what differs, a sentence each
report.to_json()
"""

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from slimwheel.errors import UsageError
from slimwheel.verify.compare import Comparison, compare, run_battery
from slimwheel.verify.environments import find_python
from slimwheel.verify.measure import Cost, interleaved, measured
from slimwheel.verify.operator_comparison import OperatorComparison, compare_operators
from slimwheel.verify.operator_levels import Level
from slimwheel.verify.operator_run import (
    CALL_SECONDS,
    PERTURBATIONS,
    extract_testing,
    run_operators,
)
from slimwheel.verify.pair import Pair, Source, make_pair
from slimwheel.verify.sizes import Sizes, sizes_of
from slimwheel.verify.smoke import python_version
from slimwheel.wheelfile.names import WheelName

SCHEMA = 1
SIDES = ("upstream", "slim")


@dataclass(frozen=True)
class Progress:
    """How far the work is.

    Attributes:
        stage: environments, battery, operators or import.
        detail: what is being done.
        done, total: steps of this stage.
        seconds_left: for this stage, from the pace so far; None where there is none yet.
    """

    stage: str
    detail: str
    done: int
    total: int
    seconds_left: float | None = None


Watcher = Callable[[Progress], None]
T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """What to run, and where.

    Attributes:
        battery: run the battery.
        ops: how much of the operator database to run; None for nothing of it.
        only: names of operators to run, such as `add` or `add.float32`; all without.
        jobs: processes at a time for the operators; as many as there are processors without.
        call_timeout: seconds that one call of an operator may take.
        rounds: how often `import torch` is measured on each side; 0 for not at all.
        python: the interpreter to make environments for; found by the slim wheel's tag without.
        env_pythons: interpreters that have upstream's torch and the slim one already: nothing is
            made or installed, and sizes with dependencies are not told.
        scratch: an existing directory for the environments; the system's without.
        source: where an installer looks.
        expected: records of the battery that may differ, with the reason of each.
    """

    battery: bool = True
    ops: Level | None = None
    only: tuple[str, ...] = ()
    jobs: int | None = None
    call_timeout: float = CALL_SECONDS
    rounds: int = 5
    python: Path | None = None
    env_pythons: tuple[Path, Path] | None = None
    scratch: Path | None = None
    source: Source = Source()  # noqa: RUF009 - frozen
    expected: Mapping[str, str] = field(default_factory=dict)


@dataclass
class RunningReport:
    """What came of it.

    Attributes:
        level: how much of the operator database was run.
        battery, operators: None where they were not asked for.
        imports: the rounds of `import torch` by side, upstream and slim.
        sizes: by side, of the wheels in bytes.
        with_dependencies: by side, bytes installed with all that is required and beside.
        absent: packages that could not be installed beside torch, and why.
        seconds: by stage.
    """

    level: Level | None = None
    battery: Comparison | None = None
    operators: OperatorComparison | None = None
    imports: dict[str, list[Cost]] = field(default_factory=dict)
    sizes: dict[str, Sizes] = field(default_factory=dict)
    with_dependencies: dict[str, int] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Nothing that was asked for differs, and something of each was compared."""
        return all(part.ok for part in (self.battery, self.operators) if part is not None)

    @property
    def differences(self) -> list[str]:
        """What differs, a sentence each."""
        found = []
        if self.battery is not None:
            found += [
                f"battery: {d.name}: {d.upstream} became {d.slim}" for d in self.battery.different
            ]
            if not self.battery.equal:
                found.append("battery: nothing was compared")
        if self.operators is not None:
            found += [f"operators: {difference}" for difference in self.operators.different]
            if not self.operators.ok and not self.operators.different:
                found.append("operators: nothing was compared")
        return found

    @property
    def medians(self) -> dict[str, Cost]:
        """The median of each figure of `import torch`, by side."""
        return {side: Cost.median(costs) for side, costs in self.imports.items()}

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON holds it."""
        return {
            "schema": SCHEMA,
            "ok": self.ok,
            "level": self.level,
            "battery": self.battery.to_json() if self.battery else None,
            "operators": self.operators.to_json() if self.operators else None,
            "imports": {
                side: {"median": asdict(self.medians[side]), "rounds": [asdict(c) for c in costs]}
                for side, costs in self.imports.items()
            },
            "sizes": {side: asdict(sizes) for side, sizes in self.sizes.items()},
            "installed_with_dependencies": self.with_dependencies,
            "absent": self.absent,
            "seconds": self.seconds,
        }


def verify_against(
    slim: Sequence[Path],
    upstream: Path,
    options: Options = Options(),
    watch: Watcher = lambda _: None,
) -> RunningReport:
    """Compare a slim wheel with its upstream by running both.

    Args:
        slim: the slim wheel first, then what is installed with it, such as its companion.
        upstream: the wheel that it was made from.
        options: what to run, and where.
        watch: called as the work goes on, from this thread.

    Raises:
        UsageError: there is no interpreter for the wheels.
        ToolError: an installation failed, or a torch cannot be run.
        WheelError: a wheel is damaged.
    """
    report = RunningReport(level=options.ops)
    report.sizes = {"upstream": sizes_of([upstream]), "slim": sizes_of(slim)}
    with tempfile.TemporaryDirectory(prefix="slimwheel-verify-", dir=options.scratch) as directory:
        scratch = Path(directory)
        pair = _timed(
            report, "environments", partial(_pair, slim, upstream, options, scratch, watch)
        )
        report.absent = pair.absent
        for side, found in pair.dependencies.items():
            installed = sum(dependency.installed for dependency in found.values())
            report.with_dependencies[side] = report.sizes[side].installed + installed
        if options.battery:
            report.battery = _timed(report, "battery", partial(_battery, pair, options, watch))
        if options.ops is not None:
            work = partial(_operators, pair, upstream, options, options.ops, scratch, watch)
            report.operators = _timed(report, "operators", work)
        if options.rounds:
            work_imports = partial(_imports, pair, options.rounds, scratch, watch)
            report.imports = _timed(report, "import", work_imports)
    return report


def _timed(report: RunningReport, stage: str, work: Callable[[], T]) -> T:
    begin = time.monotonic()
    result = work()
    report.seconds[stage] = round(time.monotonic() - begin, 1)
    return result


def _pair(
    slim: Sequence[Path], upstream: Path, options: Options, scratch: Path, watch: Watcher
) -> Pair:
    if options.env_pythons is not None:
        return Pair(*options.env_pythons)
    watch(Progress("environments", "install upstream and the slim wheel", 0, 1))
    pair = make_pair(upstream, slim, _python(slim[0], options), scratch, options.source)
    watch(Progress("environments", "both are installed", 1, 1, 0.0))
    return pair


def _python(slim: Path, options: Options) -> Path:
    if options.python is not None:
        return options.python
    name = WheelName.parse(slim.name)
    version = python_version(name.tag) if name else None
    found = find_python(version) if version else None
    if found is None:
        raise UsageError(
            f"no Python {version} to run it with" if version else "its name has no Python",
            file=slim,
            hint="Say where the Python is that the wheel is for.",
        )
    return found


def _battery(pair: Pair, options: Options, watch: Watcher) -> Comparison:
    runs = []
    begin = time.monotonic()
    for number, python in enumerate((pair.upstream, pair.slim)):
        left = (time.monotonic() - begin) if number else None
        watch(Progress("battery", SIDES[number], number, 2, left))
        runs.append(run_battery(python))
    watch(Progress("battery", "compared", 2, 2, 0.0))
    upstream, slim = runs
    return compare(upstream, slim, options.expected)


def _operators(
    pair: Pair, upstream: Path, options: Options, level: Level, scratch: Path, watch: Watcher
) -> OperatorComparison:
    """Run upstream twice, with different bytes in unwritten memory, and the slim one once."""
    mount = extract_testing(upstream, scratch / "testing")
    begin = time.monotonic()
    plans = (
        ("upstream", pair.upstream, PERTURBATIONS[0], None),
        ("upstream again", pair.upstream, PERTURBATIONS[1], None),
        ("slim", pair.slim, PERTURBATIONS[0], mount),
    )
    runs = []
    for number, (detail, python, perturbation, directory) in enumerate(plans):

        def pace(done: int, total: int, number: int = number, detail: str = detail) -> None:
            all_done, in_all = number * total + done, len(plans) * total
            spent = time.monotonic() - begin
            left = spent / all_done * (in_all - all_done) if all_done else None
            watch(Progress("operators", detail, all_done, in_all, left))

        run = run_operators(
            python,
            level,
            jobs=options.jobs or len(os.sched_getaffinity(0)),
            timeout=options.call_timeout,
            only=options.only,
            perturbation=perturbation,
            mount=directory,
            pace=pace,
        )
        runs.append(run)
        if run.unavailable:
            # There is nothing to run twice.
            return compare_operators(runs[0], runs[0], run if number else runs[0])
    return compare_operators(*runs)


def _imports(pair: Pair, rounds: int, scratch: Path, watch: Watcher) -> dict[str, list[Cost]]:
    subjects: dict[str, Callable[[], Cost]] = {}
    for side, python in zip(SIDES, (pair.upstream, pair.slim), strict=True):
        command: list[str | Path] = [python, "-c", "import torch"]
        subjects[side] = partial(measured, command, scratch=scratch)
        # The first writes bytecode and reads from the disk.
        subjects[side]()
    begin = time.monotonic()
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        done, total = len(notes), 2 * rounds
        left = (time.monotonic() - begin) / done * (total - done)
        watch(Progress("import", text, done, total, left))

    return interleaved(subjects, rounds, note)
