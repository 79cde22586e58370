"""One subject from its wheel to its results."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from benchmarks.building import measure_builds
from benchmarks.importing import measure_imports
from benchmarks.installing import measure_installs
from benchmarks.machine import describe_machine, describe_tools, load
from benchmarks.results import Results
from benchmarks.sizes import sizes_of
from benchmarks.subjects import Subject
from slimwheel.build.pipeline import file_sha256
from slimwheel.fetch import IndexOptions, fetch
from slimwheel.verify.environments import create_environment
from slimwheel.wheelfile.wheel import Wheel


@dataclass(frozen=True)
class Rounds:
    """How often everything is done: `work` is builds and installs."""

    work: int
    imports: int


def measure_subject(
    subject: Subject,
    recipe: str,
    python: Path | None,
    scratch: Path,
    rounds: Rounds,
    note: Callable[[str], None],
) -> Results:
    """Measure everything about one upstream.

    Args:
        python: of the version that the subject is for; without, nothing is installed or imported.
        scratch: an existing directory for what is made.

    Raises:
        SlimwheelError: the wheel cannot be had, or a step failed.
    """
    note(f"fetch {subject.upstream}")
    upstream = fetch(
        subject.upstream,
        python=subject.python,
        platform=subject.platform,
        index=IndexOptions(extra_index_url=subject.extra_index_url),
    ).path
    with Wheel.open(upstream) as wheel:
        module, release = wheel.project, Version(wheel.version).public
    load_before = load()
    tools = describe_tools(
        create_environment(scratch / "tools", python, installer="pip") if python else None
    )
    builds = measure_builds(upstream, recipe, scratch, rounds.work, lambda s: note(f"build, {s}"))
    wheels = {"upstream": (upstream,), "slimwheel": builds.slim}
    installs, imports, left_out = {}, None, []
    if python is None:
        left_out.append(
            f"Installing and importing are left out: there was no Python {subject.python}."
        )
    else:
        installs = measure_installs(wheels, python, scratch, rounds.work, note)
        imports = measure_imports(
            module,
            upstream,
            builds.slim,
            builds.alternative,
            python,
            scratch,
            rounds.imports,
            note,
        )
    sizes = {name: sizes_of(files) for name, files in wheels.items()}
    return Results(
        name=f"{recipe}-{release}",
        requirement=subject.upstream,
        recipe=recipe,
        module=module,
        upstream_sha256=file_sha256(upstream),
        machine=describe_machine() | {"load before": load_before, "load after": load()},
        tools=tools,
        sizes=sizes | {"alternative": sizes_of([builds.alternative])},
        dependencies=imports.dependencies if imports else {},
        builds=builds.costs,
        installs=installs,
        imports=imports.costs if imports else {},
        alternative_import=imports.alternative if imports else None,
        promised=subject.limits.get(recipe, {}),
        left_out=left_out,
    )
