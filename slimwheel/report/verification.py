"""What verifying a wheel found, for a terminal and as a page."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from jinja2 import Environment, StrictUndefined
from rich.table import Table

from slimwheel.report.findings import running_design, verdict
from slimwheel.report.page_files import page_file, style
from slimwheel.report.sizes import megabytes
from slimwheel.verify.against import SIDES, RunningReport
from slimwheel.verify.findings import Severity
from slimwheel.verify.measure import Cost
from slimwheel.verify.verification import Verification

_DOCUMENTATION = "https://github.com/slimwheel/slimwheel/blob/main/docs/findings"


def running_tables(running: RunningReport) -> Iterator[Table]:
    """Yield what was compared, and what both sides cost."""
    compared = Table("compared", *_VERDICTS, box=None, pad_edge=False, header_style="bold")
    for column in compared.columns[1:]:
        column.justify = "right"
    for name, counts in comparisons(running).items():
        compared.add_row(name, *(f"{counts.get(verdict, 0):,}" for verdict in _VERDICTS))
    yield compared
    costs = Table("", *SIDES, "change", box=None, pad_edge=False, header_style="bold")
    for column in costs.columns[1:]:
        column.justify = "right"
    for row in cost_rows(running):
        costs.add_row(*row)
    yield costs


_VERDICTS = ("equal", "different", "by design", "unstable", "skipped", "error", "crashed")


def comparisons(running: RunningReport) -> dict[str, Mapping[str, int]]:
    """Return how many records, and how many operators, are equal, different and so on."""
    found: dict[str, Mapping[str, int]] = {}
    if running.battery is not None:
        found["battery, records"] = {
            "equal": len(running.battery.equal),
            "different": len(running.battery.different),
            "by design": len(running.battery.by_design),
            "unstable": len(running.battery.unstable),
            "skipped": len(running.battery.skipped),
            "error": len(running.battery.errors),
            "crashed": len(running.battery.crashed),
        }
    if running.operators is not None:
        found[f"operators ({running.level})"] = running.operators.counts
    return found


def cost_rows(running: RunningReport) -> Iterator[tuple[str, str, str, str]]:
    """Yield sizes and what `import torch` costs: what it is, upstream's, the slim one's, change."""
    if running.sizes:
        for what in ("download", "installed"):
            yield _row(what, [getattr(running.sizes[side], what) for side in SIDES], megabytes)
    if len(running.with_dependencies) == len(SIDES):
        pair = [running.with_dependencies[side] for side in SIDES]
        yield _row("installed, with dependencies", pair, megabytes)
    if running.imports:
        medians = [running.medians[side] for side in SIDES]
        for what, field in _COSTS.items():
            unit = megabytes if field.startswith("peak") else _seconds
            yield _row(what, [getattr(cost, field) for cost in medians], unit)


_COSTS = {
    "import torch, CPU": "cpu",
    "import torch, time": "wall",
    "import torch, peak anonymous memory": "peak_anonymous",
    "import torch, peak RSS": "peak_rss",
}
assert set(_COSTS.values()) == set(Cost.__dataclass_fields__)


def verification_page(result: Verification) -> str:
    """Return the report as one HTML page that needs nothing else."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["megabytes"] = megabytes
    template = environment.from_string(page_file("verification.html"))
    running = result.running
    return template.render(
        result=result,
        verdict=verdict(result),
        style=style("verification.css"),
        documentation=_DOCUMENTATION,
        running=running,
        verdicts=_VERDICTS,
        comparisons=comparisons(running) if running else {},
        costs=list(cost_rows(running)) if running else [],
        reasons=reasons(running) if running else {},
        design=running_design(running) if running else {},
        errors=[g for g in result.groups if g.code.severity is Severity.ERROR],
        notes=[g for g in result.groups if g.code.severity is Severity.NOTE],
    )


def reasons(running: RunningReport) -> dict[str, dict[str, list[str]]]:
    """Return what was not compared, and why: names by reason, by a title."""
    found: dict[str, dict[str, list[str]]] = {}
    battery, operators = running.battery, running.operators
    if battery is not None:
        found["Records that were skipped"] = _by_reason(battery.skipped)
        found["Records that vary from run to run"] = _by_reason(battery.unstable)
        found["Records that raise on both sides"] = _by_reason(battery.errors)
        found["Records that crash on both sides"] = _by_reason(battery.crashed)
    if operators is not None:
        unstable = {unit: "; ".join(parts) for unit, parts in operators.unstable.items()}
        found["Operators in which upstream differs from itself"] = _by_reason(unstable)
        found["Operators and samples that were skipped"] = _by_reason(operators.skipped)
        found["Operators whose samples cannot be made"] = _by_reason(operators.errors)
        found["Operators that crash on both sides"] = _by_reason(operators.crashed)
    if running.absent:
        found["Packages that could not be installed beside torch"] = _by_reason(running.absent)
    return {title: names for title, names in found.items() if names}


def _by_reason(reasons_by_name: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name, reason in reasons_by_name.items():
        found[reason or "no reason is given"].append(name)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def _row(
    what: str, pair: Sequence[float], unit: Callable[[float], str]
) -> tuple[str, str, str, str]:
    before, after = pair
    change = f"{100 * (after - before) / before:+.0f} %" if before else "-"
    change = change.replace("-", "\N{MINUS SIGN}")
    return what, unit(before), unit(after), change


def _seconds(count: float) -> str:
    return f"{count:.2f} s"
