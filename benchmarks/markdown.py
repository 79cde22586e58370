"""Results as the README quotes them. Tables: medians; MB = 10^6 bytes."""

from collections.abc import Callable, Iterable, Sequence

from benchmarks import baseline
from benchmarks.measure import Cost
from benchmarks.results import Results
from slimwheel.report.sizes import megabytes

_Rows = Iterable[Sequence[str]]
_Text = Callable[[float], str]


def render(results: Results) -> str:
    """Return the whole page: the two tables, the promises, all that was measured, the machine."""
    return "\n\n".join(
        [
            f"# {results.requirement}: before and after",
            _before_and_after(results),
            "Installed: the files of the wheel, bytecode not counted; the companion is in both "
            f"sizes. Medians of {_rounds(results.imports)} imports and "
            f"{_rounds(results.installs['pip'])} installs, in turn with upstream's. pip compiles "
            "bytecode, uv does not: each does as it does by default.",
            "## Cost of a build",
            _build_cost(results),
            f"Medians of {_rounds(results.builds)}, in turn. The alternative is given the list of "
            "what to delete, checks nothing, and writes no shim, companion or SBOM.",
            "## Promises",
            _promises(results),
            "## Rounds",
            _all_rounds(results),
            "## Measured on",
            _table(("", ""), [*results.machine.items(), *results.tools.items()]),
            f"Upstream's sha256: `{results.upstream_sha256}`.\n",
        ]
    )


def _before_and_after(results: Results) -> str:
    before, after = (results.sizes[name] for name in ("upstream", "slimwheel"))
    rows = [
        _compared("download", before.download, after.download, megabytes),
        _compared("installed", before.installed, after.installed, megabytes),
    ]
    for installer, costs in results.installs.items():
        one, other = (Cost.median(costs[name]) for name in ("upstream", "slimwheel"))
        rows.append(_compared(f"`{installer} install`, CPU", one.cpu, other.cpu, _seconds))
        rows.append(_compared(f"`{installer} install`, time", one.wall, other.wall, _seconds))
    one, other = (Cost.median(results.imports[name]) for name in ("upstream", "slimwheel"))
    statement = f"`import {results.module}`"
    rows += [
        _compared(f"{statement}, CPU", one.cpu, other.cpu, _seconds),
        _compared(f"{statement}, time", one.wall, other.wall, _seconds),
        _compared(
            f"{statement}, peak anonymous memory",
            one.peak_anonymous,
            other.peak_anonymous,
            megabytes,
        ),
        _compared(f"{statement}, peak RSS", one.peak_rss, other.peak_rss, megabytes),
    ]
    return _table(
        (results.requirement, "upstream", f"slimwheel, `{results.recipe}`", "change"), rows
    )


def _build_cost(results: Results) -> str:
    ours, others = (Cost.median(results.builds[name]) for name in ("slimwheel", "alternative"))
    size, other_size = (results.sizes[name] for name in ("slimwheel", "alternative"))
    rows = [
        _ratio("CPU", ours.cpu, others.cpu, _seconds),
        _ratio("time", ours.wall, others.wall, _seconds),
        _ratio("peak anonymous memory", ours.peak_anonymous, others.peak_anonymous, megabytes),
        _ratio("result, download", size.download, other_size.download, megabytes),
        _ratio("result, installed", size.installed, other_size.installed, megabytes),
    ]
    return _table(("", "`slimwheel build`", baseline.NAME, "ratio"), rows)


def _promises(results: Results) -> str:
    rows = [
        (
            limit.what,
            f"at most {limit.text(limit.limit)}",
            limit.text(limit.measured),
            "kept" if limit.held else "**broken**",
        )
        for limit in results.limits()
    ]
    return _table(("", "promise", "measured", ""), rows)


def _all_rounds(results: Results) -> str:
    series = {f"build, {name}": costs for name, costs in results.builds.items()}
    for installer, installs in results.installs.items():
        series |= {f"{installer} install, {name}": costs for name, costs in installs.items()}
    series |= {f"import, {name}": costs for name, costs in results.imports.items()}
    rows = [
        (
            name,
            " ".join(f"{cost.cpu:.2f}" for cost in costs),
            " ".join(f"{cost.wall:.2f}" for cost in costs),
            " ".join(f"{cost.peak_anonymous / 1e6:.0f}" for cost in costs),
            " ".join(f"{cost.peak_rss / 1e6:.0f}" for cost in costs),
        )
        for name, costs in series.items()
    ]
    return _table(("", "CPU, s", "time, s", "peak anonymous, MB", "peak RSS, MB"), rows)


def _compared(what: str, before: float, after: float, text: _Text) -> tuple[str, ...]:
    change = f"{100 * (after / before - 1):+.0f} %".replace("-", "\N{MINUS SIGN}")
    return what, text(before), text(after), change


def _ratio(what: str, ours: float, others: float, text: _Text) -> tuple[str, ...]:
    return what, text(ours), text(others), f"{ours / others:.2f}"


def _seconds(value: float) -> str:
    return f"{value:.2f} s"


def _rounds(costs: dict[str, list[Cost]]) -> int:
    return len(next(iter(costs.values())))


def _table(head: Sequence[str], rows: _Rows) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
