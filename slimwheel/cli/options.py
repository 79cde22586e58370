"""Options that several commands share.

What their values are made into is imported where that is done, for every command imports this.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from slimwheel.contents import Budget, Excess
    from slimwheel.fetch import FetchedWheel
    from slimwheel.plan import Targets
    from slimwheel.report.progress import ProgressDisplay

FINDINGS = 1
"""The exit code of a command that did its work and has something to say (docs/exit-codes.md)."""

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _stacked(*decorators: Decorator) -> Decorator:
    def apply(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


def _size(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    from slimwheel.recipe.sizes import parse_size

    try:
        return parse_size(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


recipe_option = click.option(
    "--recipe",
    required=True,
    metavar="NAME|FILE",
    help="A recipe that comes with slimwheel, or a .toml file.",
)

output_options = _stacked(
    click.option(
        "--output-dir",
        type=click.Path(path_type=Path),
        default=Path("dist"),
        show_default=True,
        help="Where the wheels go.",
    ),
    click.option("--force", is_flag=True, help="Replace outputs that exist and differ."),
)

build_number_option = click.option(
    "--build-number", type=click.IntRange(min=0), help="The result's build tag."
)

rule_options = _stacked(
    click.option("--keep", multiple=True, metavar="RULE", help="Switch a rule off. Repeatable."),
    click.option("--drop", multiple=True, metavar="RULE", help="Switch a rule on. Repeatable."),
)

switch_options = _stacked(
    rule_options,
    click.option("--local", metavar="NAME", help="A segment for the result's local version."),
    build_number_option,
)

target_options = _stacked(
    click.option(
        "--device",
        multiple=True,
        metavar="8.6|NAME",
        help="A GPU that the result is for: a compute capability, a name such as a100, `native` "
        "for those of this machine, `majors` for all that upstream serves. Repeatable.",
    ),
    click.option(
        "--ptx/--no-ptx", default=None, help="Keep the newest PTX, for GPUs to come, or not."
    ),
)

index_options = _stacked(
    click.option("--index-url", metavar="URL", help="Passed to pip."),
    click.option("--extra-index-url", multiple=True, metavar="URL", help="Passed to pip."),
    click.option("--find-links", multiple=True, metavar="PLACE", help="Passed to pip."),
    click.option("--no-network", is_flag=True, help="Use only what the cache has."),
)

fetch_options = _stacked(
    click.option("--python", metavar="3.11", help="For a requirement: the wheel's Python."),
    click.option(
        "--platform",
        metavar="TAG",
        help="For a requirement: the wheel's platform, such as manylinux_2_28_x86_64.",
    ),
    index_options,
)

budget_options = _stacked(
    click.option(
        "--max-installed",
        callback=_size,
        metavar="SIZE",
        help="Exit with 1 where it takes more, installed: 250MB, 240MiB or bytes.",
    ),
    click.option(
        "--max-wheel",
        callback=_size,
        metavar="SIZE",
        help="Exit with 1 where the wheel file is larger.",
    ),
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print a report as JSON.")


def targets(options: dict[str, Any]) -> "Targets":
    """Return what `target_options` say."""
    from slimwheel.plan import Targets

    return Targets(options["device"], options["ptx"])


def budget(options: dict[str, Any]) -> "Budget":
    """Return what `budget_options` say."""
    from slimwheel.contents import Budget

    return Budget(options["max_installed"], options["max_wheel"])


def end_with(found: Sequence["Excess"]) -> None:
    """Say which budgets are exceeded, if any, and end the command as for findings."""
    if not found:
        return
    from slimwheel.report.contents import excess_text

    for excess in found:
        click.echo(f"slimwheel: over budget: {excess_text(excess)}", err=True)
    sys.exit(FINDINGS)


def fetched(source: str, display: "ProgressDisplay", **options: Any) -> "FetchedWheel":
    """Find or fetch the wheel that a command was given, with `fetch_options`' values.

    A `sha256` among the options is what the wheel is known to have.
    """
    from slimwheel.fetch import IndexOptions, fetch

    return fetch(
        source,
        python=options["python"],
        platform=options["platform"],
        index=IndexOptions(
            index_url=options["index_url"],
            extra_index_url=tuple(options["extra_index_url"]),
            find_links=tuple(options["find_links"]),
        ),
        network=not options["no_network"],
        cache_dir=None,
        sha256=options.get("sha256"),
        progress=display.fetching(source),
    )
