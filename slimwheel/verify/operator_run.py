"""Run the operator database under one torch, and read what came of it."""

import json
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from slimwheel.errors import ToolError
from slimwheel.verify.environments import variables
from slimwheel.verify.operator_levels import SAMPLES, Level
from slimwheel.wheelfile.wheel import Wheel

OPERATORS = Path(__file__).parent / "operators" / "run.py"
SCHEMA = 1
CALL_SECONDS = 300.0
# What fresh and freed memory is filled with, so that what was never written shows. Neither is the
# other's complement, which is what malloc itself fills with.
PERTURBATIONS = (90, 60)

Pace = Callable[[int, int], None]
"""Told how many units are done, and of how many."""

_POLL_SECONDS = 0.25
_TAIL_LINES = 12


@dataclass(frozen=True)
class Sample:
    """What came of one sample.

    Attributes:
        inputs: their dtypes, shapes and numbers in a few words.
        given: the hash of the inputs.
        forward, backward: `sha256 …`, `raised …` or `skipped …`; backward is None where the
            operator has none in this dtype.
    """

    inputs: str
    given: str
    forward: str
    backward: str | None


@dataclass(frozen=True)
class UnitResult:
    """What came of an operator in one dtype: ok, skipped, error or crashed, and the reason."""

    status: str
    detail: str = ""
    samples: tuple[Sample, ...] = ()
    seconds: float | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        samples = tuple(Sample(*sample) for sample in data.get("samples", ()))
        return cls(data["status"], data.get("detail", ""), samples, data.get("seconds"))


@dataclass(frozen=True)
class OperatorRun:
    """One run of the database.

    Attributes:
        setting: what results depend on besides torch's own bytes.
        operators: by name, the names of its units; one that is not in `units` was lost.
        units: the results.
        mounted: modules that this torch lacks and that were taken from upstream's wheel.
        unavailable: why there is no database; "" where there is one.
        seconds: of the whole run.
    """

    setting: Mapping[str, Any]
    operators: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    units: Mapping[str, UnitResult] = field(default_factory=dict)
    mounted: tuple[str, ...] = ()
    unavailable: str = ""
    seconds: float = 0.0

    @classmethod
    def from_json(cls, data: Mapping[str, Any], seconds: float = 0.0) -> Self:
        """Read what `operators/run.py` wrote.

        Raises:
            ToolError: it is of another schema.
        """
        if data.get("schema") != SCHEMA:
            raise ToolError(
                f"the operators' results have schema {data.get('schema')}, not {SCHEMA}"
            )
        aside = ("schema", "records", "operators", "mounted", "unavailable")
        return cls(
            {name: value for name, value in data.items() if name not in aside},
            {name: tuple(units) for name, units in data.get("operators", {}).items()},
            {name: UnitResult.from_json(unit) for name, unit in data["records"].items()},
            tuple(data.get("mounted", ())),
            data.get("unavailable", ""),
            seconds,
        )


def run_operators(
    env_python: Path,
    level: Level,
    *,
    jobs: int = 1,
    timeout: float = CALL_SECONDS,
    only: Iterable[str] = (),
    perturbation: int = PERTURBATIONS[0],
    mount: Path | None = None,
    pace: Pace = lambda _done, _total: None,
    script: Path = OPERATORS,
) -> OperatorRun:
    """Run the database with an interpreter that has torch.

    Args:
        env_python: the interpreter, 3.6 or newer.
        level: how many samples and dtypes of each operator.
        jobs: processes at a time, of one thread each; results do not depend on it.
        timeout: seconds that one call of an operator may take.
        only: names of operators (`add`), or of their dtypes (`add.float32`); all without.
        perturbation: a byte that fills memory which is not written, 0 for none.
        mount: a directory with the modules of torch.testing, used where this torch lacks them.
        pace: called as units are done.
        script: the entry point.

    Raises:
        ToolError: torch cannot be imported there, or no process could run.
    """
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="slimwheel-operators-") as name:
        directory = Path(name)
        output = directory / "operators.json"
        command: list[str | Path] = [env_python, "-I", script, "--output", output]
        command += ["--journals", directory, "--jobs", str(jobs), "--timeout", str(timeout)]
        command += ["--quick"] if level == "quick" else []
        limit = SAMPLES[level]
        command += ["--samples", str(limit)] if limit is not None else []
        command += ["--mount", mount.absolute()] if mount else []
        command += ["--only", *only] if (only := list(only)) else []
        # Upstream's operators for GPUs take no part, as the slim wheel may have none.
        extra = {"CUDA_VISIBLE_DEVICES": "", "MALLOC_PERTURB_": str(perturbation)}
        _watched([str(word) for word in command], extra, directory, jobs, pace)
        data = json.loads(output.read_text(encoding="utf-8"))
        return OperatorRun.from_json(data, round(time.monotonic() - begin, 1))


def _watched(
    command: list[str], extra: Mapping[str, str], directory: Path, jobs: int, pace: Pace
) -> None:
    """Run a command to its end, and read the journals that it writes meanwhile."""
    journals = [_Journal(directory / f"journal-{number}") for number in range(jobs)]
    log = directory / "log"
    with log.open("wb") as errors:
        try:
            process = subprocess.Popen(
                command,
                env=variables(extra),
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
            )
        except OSError as error:
            raise ToolError(f"cannot be run: {error.strerror}", file=command[0]) from error
        try:
            last = None
            while True:
                code = process.poll()
                for journal in journals:
                    journal.read()
                now = sum(j.done for j in journals), max(j.total for j in journals)
                if now != last and now[1]:
                    pace(*now)
                    last = now
                if code is not None:
                    break
                time.sleep(_POLL_SECONDS)
        except BaseException:
            # It ends its own children.
            process.send_signal(signal.SIGINT)
            process.wait()
            raise
    if code:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
        raise ToolError(f"exit code {code}: {tail}", file=command[0])


class _Journal:
    """How far a worker is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done = 0
        self.total = 0
        self._offset = 0

    def read(self) -> None:
        if not self.path.exists():
            return
        with self.path.open("rb") as stream:
            stream.seek(self._offset)
            whole, _, _ = stream.read().rpartition(b"\n")
        if not whole:
            return
        self._offset += len(whole) + 1
        for line in whole.splitlines():
            if line.startswith(b'{"record"'):
                self.done += 1
            elif line.startswith(b'{"setting"'):
                self.total = json.loads(line)["setting"].get("units", 0)


def extract_testing(upstream: Path, directory: Path) -> Path:
    """Write the modules of torch.testing of a wheel into a directory, and return it.

    Raises:
        WheelError: the wheel is damaged.
    """
    with Wheel.open(upstream) as wheel:
        for name, member in wheel.members.items():
            if name.startswith("torch/testing/") and name.endswith(".py"):
                place = directory / name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(b"".join(wheel.chunks(member)))
    return directory
