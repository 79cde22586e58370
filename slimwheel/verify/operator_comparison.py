"""Compare what the operators of a slim torch computed with upstream's, run twice."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from slimwheel.verify.compare import setting_changes
from slimwheel.verify.operator_run import OperatorRun, Sample, UnitResult


@dataclass(frozen=True)
class OperatorDifference:
    """A result that the slim torch has and upstream has not, in either of its runs.

    Attributes:
        unit: the operator with its dtype, or `setting.…`.
        part: inputs, forward or backward; result, where the unit as a whole differs.
        sample: its number; None where the unit as a whole differs.
        inputs: of the sample, in a few words.
    """

    unit: str
    part: str
    upstream: str
    slim: str
    sample: int | None = None
    inputs: str = ""

    def __str__(self) -> str:
        where = "" if self.sample is None else f", sample {self.sample} ({self.inputs})"
        return f"{self.unit}{where}, {self.part}: {self.upstream} became {self.slim}"


@dataclass
class OperatorComparison:
    """Every unit (an operator in a dtype), by what the comparison says of it.

    Attributes:
        unavailable: why there was no database to compare; "" where there was.
        setting: of upstream; packages that samples may depend on have versions, or `absent`.
        operators: by name, equal, different, unstable, crashed, error or skipped: the first of
            different, crashed, error, unstable, equal, skipped that a unit of it is.
        equal: units whose samples are all equal.
        different: what is not.
        unstable: units in which upstream differs from itself, and in what. Their values are not
            compared, but how they end is.
        skipped: units and samples without anything to compare, and why.
        errors: units in which the database itself raised; the samples before count.
        crashed: units that end their process, or do not end, on both sides alike.
        raised: exceptions that count as results, and how many results they are.
        samples, forward, backward: how many samples, and results of each part, were equal.
        mounted: modules that came from upstream's wheel.
        seconds: of the three runs.
    """

    unavailable: str = ""
    setting: Mapping[str, Any] = field(default_factory=dict)
    operators: dict[str, str] = field(default_factory=dict)
    equal: list[str] = field(default_factory=list)
    different: list[OperatorDifference] = field(default_factory=list)
    unstable: dict[str, list[str]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    crashed: dict[str, str] = field(default_factory=dict)
    raised: dict[str, int] = field(default_factory=dict)
    samples: int = 0
    forward: int = 0
    backward: int = 0
    mounted: tuple[str, ...] = ()
    seconds: tuple[float, ...] = ()

    @property
    def ok(self) -> bool:
        """Nothing differs, and something was compared if there was anything to compare."""
        return not self.different and bool(self.equal or self.unavailable)

    @property
    def counts(self) -> dict[str, int]:
        """How many operators are equal, different and so on."""
        return dict(Counter(self.operators.values()))

    def to_json(self) -> dict[str, Any]:
        return {"ok": self.ok, "counts": self.counts, **asdict(self)}


def compare_operators(
    first: OperatorRun, second: OperatorRun, slim: OperatorRun
) -> OperatorComparison:
    """Compare two runs of upstream with each other, and the first with the slim one's."""
    found = OperatorComparison(
        setting=first.setting,
        mounted=slim.mounted,
        seconds=(first.seconds, second.seconds, slim.seconds),
    )
    for name, left, right in setting_changes(first.setting, slim.setting):
        _differ(found, f"setting.{name}", "result", left, right)
    if first.unavailable:
        found.unavailable = first.unavailable
        return found
    if slim.unavailable:
        _differ(found, "setting.database", "result", "there", slim.unavailable)
        return found
    absent = UnitResult("absent", "it was not run")
    for operator in dict.fromkeys([*first.operators, *slim.operators]):
        names = dict.fromkeys(
            [*first.operators.get(operator, ()), *slim.operators.get(operator, ())]
        )
        verdicts = {
            _compare_unit(
                found, name, *(run.units.get(name, absent) for run in (first, second, slim))
            )
            for name in names
        }
        order = ("different", "crashed", "error", "unstable", "equal", "skipped")
        found.operators[operator] = next((v for v in order if v in verdicts), "skipped")
    _compare_exit(found, first, slim)
    return found


def _compare_exit(found: OperatorComparison, first: OperatorRun, slim: OperatorRun) -> None:
    """Compare whether the interpreters themselves ended well."""
    left, right = (run.units.get("exit", UnitResult("ok")) for run in (first, slim))
    if left.detail != right.detail:
        _differ(found, "exit", "result", str(left.detail), str(right.detail))
    elif left.detail:
        found.crashed["exit"] = left.detail


def _differ(found: OperatorComparison, unit: str, part: str, upstream: str, slim: str) -> None:
    found.different.append(OperatorDifference(unit, part, upstream, slim))


def _compare_unit(
    found: OperatorComparison, name: str, first: UnitResult, second: UnitResult, slim: UnitResult
) -> str:
    """Put a unit where it belongs; return the verdict."""
    differences = list(_changes(name, first, second))
    if differences:
        found.unstable[name] = [
            f"{d.part} of sample {d.sample} ({d.inputs})" if d.sample is not None else d.part
            for d in differences
        ]
        wrong = _ends_otherwise(name, first, second, slim)
        found.different += wrong
        return "different" if wrong else "unstable"
    wrong = list(_changes(name, first, slim))
    if wrong or first.status == "absent":
        found.different += wrong or [
            OperatorDifference(name, "result", _whole(first), _whole(slim))
        ]
        return "different"
    _count(found, name, first)
    places = {"skipped": found.skipped, "error": found.errors, "crashed": found.crashed}
    if first.status in places:
        places[first.status][name] = first.detail
        return first.status
    found.equal.append(name)
    return "equal"


def _whole(unit: UnitResult) -> str:
    return f"{unit.status} {unit.detail}".strip()


def _changes(name: str, left: UnitResult, right: UnitResult) -> Iterator[OperatorDifference]:
    """Yield in what two results of a unit differ."""
    if _whole(left) != _whole(right):
        yield OperatorDifference(name, "result", _whole(left), _whole(right))
    if left.status == right.status == "ok" and len(left.samples) != len(right.samples):
        here, there = (f"{len(unit.samples)} samples" for unit in (left, right))
        yield OperatorDifference(name, "result", here, there)
    for number, (mine, other) in enumerate(zip(left.samples, right.samples, strict=False)):
        if (mine.inputs, mine.given) != (other.inputs, other.given):
            # What follows from them is no further difference.
            here, there = (f"{sample.inputs}: {sample.given}" for sample in (mine, other))
            yield OperatorDifference(name, "inputs", here, there, number, mine.inputs)
            continue
        for part in ("forward", "backward"):
            here, there = getattr(mine, part), getattr(other, part)
            if here != there:
                yield OperatorDifference(name, part, str(here), str(there), number, mine.inputs)


def _ends_otherwise(
    name: str, first: UnitResult, second: UnitResult, slim: UnitResult
) -> list[OperatorDifference]:
    """Where upstream varies: what ends in the slim torch as it never does in upstream's."""
    if slim.status not in (first.status, second.status):
        return [OperatorDifference(name, "result", _whole(first), _whole(slim))]
    wrong = []
    for number, samples in enumerate(
        zip(first.samples, second.samples, slim.samples, strict=False)
    ):
        for part in ("forward", "backward"):
            one, two, mine = (_kind(sample, part) for sample in samples)
            if mine not in (one, two):
                here, there = (str(getattr(samples[index], part)) for index in (0, 2))
                inputs = samples[0].inputs
                wrong.append(OperatorDifference(name, part, here, there, number, inputs))
    return wrong


def _kind(sample: Sample, part: str) -> str:
    text = str(getattr(sample, part))
    # Hashes vary; that there is one does not.
    return "sha256" if text.startswith("sha256 ") else text


def _count(found: OperatorComparison, name: str, unit: UnitResult) -> None:
    found.samples += len(unit.samples)
    for number, sample in enumerate(unit.samples):
        for part in ("forward", "backward"):
            kind, _, text = (getattr(sample, part) or "").partition(" ")
            if kind == "skipped":
                found.skipped[f"{name}, sample {number}, {part}"] = text
            elif kind:
                setattr(found, part, getattr(found, part) + 1)
            if kind == "raised":
                found.raised[text] = found.raised.get(text, 0) + 1
