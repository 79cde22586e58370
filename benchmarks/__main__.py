"""`python -m benchmarks`: measure everything in one run and write it down."""

import functools
import json
import sys
import tempfile
from pathlib import Path

import click
from packaging.version import Version

from benchmarks.building import measure_builds
from benchmarks.importing import measure_imports, requirements_of
from benchmarks.installing import measure_installs
from benchmarks.machine import describe_machine, describe_tools, load
from benchmarks.markdown import render
from benchmarks.results import Results
from benchmarks.sizes import sizes_of
from slimwheel.build.pipeline import file_sha256
from slimwheel.errors import SlimwheelError, ToolError
from slimwheel.fetch import IndexOptions, fetch
from slimwheel.verify.environments import create_environment, find_python
from slimwheel.wheelfile.wheel import Wheel

_note = functools.partial(click.echo, err=True)


@click.command()
@click.option("--upstream", required=True, metavar="REQUIREMENT", help="Such as torch==2.13.0.")
@click.option("--python", "version", required=True, metavar="3.11", help="The wheel's Python.")
@click.option("--platform", required=True, metavar="TAG", help="Such as manylinux_2_28_x86_64.")
@click.option("--extra-index-url", multiple=True, metavar="URL", help="Passed to pip.")
@click.option("--recipe", default="cpu", show_default=True, help="How it is slimmed.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("benchmarks/results"),
    show_default=True,
    help="Where the results go.",
)
@click.option("--rounds", default=3, show_default=True, help="Of builds and installs.")
@click.option("--import-rounds", default=7, show_default=True, help="Of imports.")
@click.option("--quick", is_flag=True, help="One round of each, to try it out.")
@click.option(
    "--scratch",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Where there are 4 GB to work in; the system's temporary directory if not given.",
)
def main(
    upstream: str,
    version: str,
    platform: str,
    extra_index_url: tuple[str, ...],
    recipe: str,
    output: Path,
    rounds: int,
    import_rounds: int,
    quick: bool,
    scratch: Path | None,
) -> None:
    """Measure slimwheel against upstream's wheel and against the usual tools.

    Exits with 1 where a promise is broken; the results are written all the same.
    """
    if quick:
        rounds = import_rounds = 1
    python = find_python(version)
    if python is None:
        raise ToolError(f"there is no Python {version} to install and import with")
    _note(f"fetch {upstream}")
    index = IndexOptions(extra_index_url=extra_index_url)
    fetched = fetch(upstream, python=version, platform=platform, index=index)
    with tempfile.TemporaryDirectory(prefix="slimwheel-bench-", dir=scratch) as directory:
        results = _measured(
            upstream, fetched.path, recipe, python, Path(directory).resolve(), rounds, import_rounds
        )
    output.mkdir(parents=True, exist_ok=True)
    page, data = (output / f"{results.name}.{suffix}" for suffix in ("md", "json"))
    page.write_text(render(results), encoding="utf-8")
    data.write_text(json.dumps(results.to_json(), indent=1) + "\n", encoding="utf-8")
    click.echo(page)
    click.echo(data)
    for limit in results.limits():
        _note(f"{'kept' if limit.held else 'BROKEN'}: {limit.sentence}")
    sys.exit(0 if all(limit.held for limit in results.limits()) else 1)


def _measured(
    requirement: str,
    upstream: Path,
    recipe: str,
    python: Path,
    scratch: Path,
    rounds: int,
    import_rounds: int,
) -> Results:
    with Wheel.open(upstream) as wheel:
        module, release = wheel.project, Version(wheel.version).public
    load_before = load()
    environment = create_environment(scratch / "tools", python, installer="pip")
    tools = describe_tools(environment)
    builds = measure_builds(upstream, recipe, scratch, rounds, lambda text: _note(f"build, {text}"))
    wheels = {"upstream": (upstream,), "slimwheel": builds.slim}
    installs = measure_installs(wheels, python, scratch, rounds, _note)
    imports = measure_imports(
        module, wheels, requirements_of(upstream), python, scratch, import_rounds, _note
    )
    sizes = {name: sizes_of(files) for name, files in wheels.items()}
    return Results(
        name=f"{recipe}-{release}",
        requirement=requirement,
        recipe=recipe,
        module=module,
        upstream_sha256=file_sha256(upstream),
        machine=describe_machine() | {"load before": load_before, "load after": load()},
        tools=tools,
        sizes=sizes | {"alternative": sizes_of([builds.alternative])},
        builds=builds.costs,
        installs=installs,
        imports=imports,
    )


if __name__ == "__main__":
    try:
        main(prog_name="python -m benchmarks")
    except SlimwheelError as error:
        sys.exit(f"{error}\n  {error.hint}" if error.hint else str(error))
