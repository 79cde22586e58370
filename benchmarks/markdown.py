"""Results as the README quotes them. Tables: medians; MB = 10^6 bytes."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from benchmarks import baseline
from benchmarks.results import Results
from slimwheel.report.sizes import megabytes
from slimwheel.verify.measure import Cost

_Rows = Iterable[Sequence[str]]
_Text = Callable[[float], str]
_BOTH = ("upstream", "slimwheel")


def render(results: Results) -> str:
    """Return the whole page: the tables, the promises, all that was measured, the machine."""
    return "\n\n".join(
        [
            f"# {results.requirement}: before and after",
            *results.left_out,
            _before_and_after(results),
            _how_before_and_after(results),
            *_section("Cost of a build", _build_cost(results)),
            *_section("Taking device code out", _pruning(results)),
            *_section("Dependencies", _dependencies(results) if results.spared() else ""),
            *_section("Promises", _promises(results) if results.promised else ""),
            "## Rounds",
            _all_rounds(results),
            "## Measured on",
            table(("", ""), [*results.machine.items(), *results.tools.items()]),
            f"Upstream's sha256: `{results.upstream_sha256}`.\n",
        ]
    )


def _section(title: str, text: str) -> list[str]:
    return [f"## {title}", text] if text else []


def _before_and_after(results: Results) -> str:
    before, after = (results.sizes[name] for name in _BOTH)
    rows = [
        compared("download", before.download, after.download, megabytes),
        compared("installed", before.installed, after.installed, megabytes),
    ]
    if results.spared():
        all_before, all_after = (results.with_dependencies(name) for name in _BOTH)
        rows.append(compared("installed, with dependencies", all_before, all_after, megabytes))
    for installer, costs in results.installs.items():
        rows += compared_costs(f"`{installer} install`", costs)
    if results.imports:
        statement = f"`import {results.module}`"
        rows += compared_costs(statement, results.imports)
        one, other = (Cost.median(results.imports[name]) for name in _BOTH)
        anonymous = one.peak_anonymous, other.peak_anonymous
        rows += [
            compared(f"{statement}, peak anonymous memory", *anonymous, megabytes),
            compared(f"{statement}, peak RSS", one.peak_rss, other.peak_rss, megabytes),
        ]
    return table(
        (
            results.requirement,
            "upstream",
            f"slimwheel, {how_slimmed(results.recipe, results.devices)}",
            "change",
        ),
        rows,
    )


def how_slimmed(recipe: str, devices: Sequence[str]) -> str:
    """Return a recipe and the GPUs that its result is for, in words."""
    return f"`{recipe}`" + (f" for {' and '.join(devices)}" if devices else "")


def _how_before_and_after(results: Results) -> str:
    text = (
        "Installed: the files of the wheel, bytecode not counted; the companion is in both sizes."
    )
    if results.spared():
        text += (
            " With dependencies: and what pip installed besides by the metadata of each, and numpy."
        )
    if not results.installs:
        return text
    imports = f"{_rounds(results.imports)} imports and " if results.imports else ""
    text += (
        f" Medians of {imports}{_rounds(results.installs['pip'])} installs, in turn with "
        "upstream's. pip compiles bytecode, uv does not: each does as it does by default."
    )
    if results.spared():
        text += (
            " Installs are of the wheels alone: what upstream requires besides, "
            f"{megabytes(sum(found.installed for found in results.spared().values()))} more than "
            "the slim wheel does, would be fetched and written anew each time. Imports are with "
            "all that each requires."
        )
    return text


def _build_cost(results: Results) -> str:
    if "alternative" not in results.builds:
        return ""
    ours, others = (Cost.median(results.builds[name]) for name in ("slimwheel", "alternative"))
    size, other_size = (results.sizes[name] for name in ("slimwheel", "alternative"))
    rows = [
        _ratio("CPU", ours.cpu, others.cpu, _seconds),
        _ratio("time", ours.wall, others.wall, _seconds),
        _ratio("peak anonymous memory", ours.peak_anonymous, others.peak_anonymous, megabytes),
        _ratio("result, download", size.download, other_size.download, megabytes),
        _ratio("result, installed", size.installed, other_size.installed, megabytes),
    ]
    if results.alternative_import is not None:
        other = "**fails**" if results.alternative_import else "works"
        rows.append((f"result, `import {results.module}`", "works", other, ""))
    how = (
        f"Medians of {_rounds(results.builds)}, in turn. The alternative is given the list of "
        "what to delete, does not check what it makes, and writes no shadow library, shim, "
        "companion or SBOM."
    )
    if results.prunings:
        how += " It cannot take device code out: all of that is still in its result."
    ratios = table(("", "`slimwheel build`", baseline.NAME, "ratio"), rows)
    return f"{ratios}\n\n{how}{_what_fails(results)}"


def _pruning(results: Results) -> str:
    if not results.prunings:
        return ""
    rows = []
    for member, pruned in results.prunings.items():
        cost = Cost.median(pruned.costs)
        rows.append(
            (
                member,
                megabytes(pruned.before),
                megabytes(pruned.after),
                _seconds(cost.cpu),
                _seconds(cost.wall),
                megabytes(cost.peak_anonymous),
            )
        )
    rounds = len(next(iter(results.prunings.values())).costs)
    how = (
        f"Every library with device code by itself, by a process that maps it, takes the images "
        f"out, cuts the file and writes it; the start of Python is in it. Medians of {rounds}."
    )
    head = ("library", "before", "after", "CPU", "time", "peak anonymous memory")
    return f"{table(head, rows)}\n\n{how}"


def _what_fails(results: Results) -> str:
    if not results.alternative_import:
        return ""
    return (
        " **What it makes cannot be imported**, with all that upstream requires beside it: "
        f"`{results.alternative_import}`."
    )


def _dependencies(results: Results) -> str:
    before, after = (results.dependencies[name] for name in _BOTH)
    rows = [
        (
            f"{name} {(before.get(name) or after[name]).version}",
            *(megabytes(side[name].installed) if name in side else "" for side in (before, after)),
        )
        for name in sorted(before | after)
    ]
    return table(("installed besides", "upstream", "slimwheel"), rows)


def _promises(results: Results) -> str:
    rows = [
        (
            limit.what,
            f"at most {limit.text(limit.limit)}",
            limit.text(limit.measured),
            limit.verdict if limit.held else f"**{limit.verdict}**",
        )
        for limit in results.limits()
    ]
    return table(("", "promise", "measured", ""), rows)


def _all_rounds(results: Results) -> str:
    series = {f"build, {name}": costs for name, costs in results.builds.items()}
    for installer, installs in results.installs.items():
        series |= {f"{installer} install, {name}": costs for name, costs in installs.items()}
    series |= {f"import, {name}": costs for name, costs in results.imports.items()}
    series |= {f"device code, {name}": pruned.costs for name, pruned in results.prunings.items()}
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
    return table(("", "CPU, s", "time, s", "peak anonymous, MB", "peak RSS, MB"), rows)


def compared(what: str, before: float, after: float, text: _Text) -> tuple[str, ...]:
    """Return a row: what it was, what it is, and the change in percent."""
    change = f"{100 * (after / before - 1):+.0f} %".replace("-", "\N{MINUS SIGN}")
    return what, text(before), text(after), change


def compared_costs(what: str, costs: Mapping[str, Sequence[Cost]]) -> list[tuple[str, ...]]:
    """Return the rows of CPU and time, of `upstream` and `slimwheel`."""
    one, other = (Cost.median(costs[name]) for name in _BOTH)
    return [
        compared(f"{what}, CPU", one.cpu, other.cpu, _seconds),
        compared(f"{what}, time", one.wall, other.wall, _seconds),
    ]


def _ratio(what: str, ours: float, others: float, text: _Text) -> tuple[str, ...]:
    return what, text(ours), text(others), f"{ours / others:.2f}"


def _seconds(value: float) -> str:
    return f"{value:.2f} s"


def _rounds(costs: dict[str, list[Cost]]) -> int:
    return len(next(iter(costs.values())))


def table(head: Sequence[str], rows: _Rows) -> str:
    """Return a table as Markdown has it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
