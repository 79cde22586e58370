"""Run the battery under two torches, and say where their results differ."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from slimwheel.errors import ToolError
from slimwheel.verify.environments import run

BATTERY = Path(__file__).parent / "battery" / "run.py"
SCHEMA = 1
RECORD_SECONDS = 120.0


@dataclass(frozen=True)
class Result:
    """What came of one record.

    `status` is ok, unstable, skipped, error or crashed; `detail` the reason for all but ok, for
    an error its type and message.
    """

    status: str
    sha256: str | None = None
    detail: str = ""
    seconds: float | None = None

    def __str__(self) -> str:
        return f"{self.status}: {self.detail or self.sha256}"


@dataclass(frozen=True)
class BatteryResult:
    """What came of all records, and what results depend on besides torch's own bytes."""

    setting: Mapping[str, str | None]
    records: Mapping[str, Result]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "BatteryResult":
        """Read what the battery wrote.

        Raises:
            ToolError: it is of another schema.
        """
        if data.get("schema") != SCHEMA:
            raise ToolError(f"the battery's results have schema {data.get('schema')}, not {SCHEMA}")
        return cls(
            {name: value for name, value in data.items() if name not in ("schema", "records")},
            {name: Result(**result) for name, result in data["records"].items()},
        )

    def to_json(self) -> dict[str, Any]:
        """The same as the battery wrote."""
        records = {name: asdict(result) for name, result in self.records.items()}
        return {"schema": SCHEMA, **self.setting, "records": records}


@dataclass(frozen=True)
class Difference:
    """A record, or `setting.…`, that is not the same on both sides."""

    name: str
    upstream: str
    slim: str


@dataclass
class Comparison:
    """Every record once, by what the comparison says of it.

    What is skipped, is unstable, raises or crashes is so on both sides and for the same reason;
    each such record has its reason here. What was expected to differ and does is `by_design`,
    with the reason that was given. Anything else that is not equal is different.
    """

    equal: list[str] = field(default_factory=list)
    different: list[Difference] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    unstable: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    crashed: dict[str, str] = field(default_factory=dict)
    by_design: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Nothing differs, and something was compared."""
        return not self.different and bool(self.equal)

    def to_json(self) -> dict[str, Any]:
        return {"ok": self.ok, **asdict(self)}


def run_battery(
    env_python: Path,
    *,
    only: Iterable[str] = (),
    timeout: float = RECORD_SECONDS,
    script: Path = BATTERY,
) -> BatteryResult:
    """Run the battery with an interpreter that has torch.

    Args:
        env_python: the interpreter, 3.6 or newer.
        only: names of records, or of subjects (`conv` for all of `conv.…`); all, if none is given.
        timeout: seconds that one record may take.
        script: the battery's entry point.

    Raises:
        ToolError: torch cannot be imported there, or the battery could not run.
    """
    names = list(only)
    with tempfile.TemporaryDirectory(prefix="slimwheel-battery-") as directory:
        output = Path(directory) / "records.json"
        # Isolated: neither the current directory nor the user's packages are on the search path.
        command: list[str | Path] = [env_python, "-I", script, "--output", output]
        command += ["--timeout", str(timeout), *(["--only", *names] if names else [])]
        run(command, cwd=Path(directory), check=True)
        return BatteryResult.from_json(json.loads(output.read_text(encoding="utf-8")))


def compare(
    upstream: BatteryResult, slim: BatteryResult, expected: Mapping[str, str] | None = None
) -> Comparison:
    """Compare two runs, record by record, and what they ran on.

    Args:
        expected: records that may differ, with the reason of each.
    """
    comparison = Comparison()
    for name, left, right in setting_changes(upstream.setting, slim.setting):
        comparison.different.append(Difference(f"setting.{name}", left, right))
    absent = Result("absent", detail="the record was not run")
    for name in dict.fromkeys([*upstream.records, *slim.records]):
        _compare(
            comparison, name, upstream.records.get(name, absent), slim.records.get(name, absent)
        )
    differing = {difference.name for difference in comparison.different}
    comparison.by_design = {n: why for n, why in (expected or {}).items() if n in differing}
    comparison.different = [d for d in comparison.different if d.name not in comparison.by_design]
    return comparison


def setting_changes(
    upstream: Mapping[str, Any], slim: Mapping[str, Any]
) -> Iterator[tuple[str, str, str]]:
    """Yield what differs between two settings, by name, with both values.

    Of torch's version the release counts: its local part, as in 2.14.1+cu130, says for which
    devices a build is, and a recipe that takes devices away changes it.
    """
    for name in dict.fromkeys([*upstream, *slim]):
        left, right = str(upstream.get(name)), str(slim.get(name))
        if name == "torch":
            same = left.partition("+")[0] == right.partition("+")[0]
        else:
            same = left == right
        if not same:
            yield name, left, right


def _compare(comparison: Comparison, name: str, upstream: Result, slim: Result) -> None:
    reasons = {
        "skipped": comparison.skipped,
        "unstable": comparison.unstable,
        "error": comparison.errors,
        "crashed": comparison.crashed,
    }
    same = upstream.status == slim.status and upstream.detail == slim.detail
    if same and upstream.status in reasons:
        reasons[upstream.status][name] = upstream.detail
    elif same and upstream.status == "ok" and upstream.sha256 == slim.sha256:
        comparison.equal.append(name)
    else:
        comparison.different.append(Difference(name, str(upstream), str(slim)))
