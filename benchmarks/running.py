"""One subject from its wheel to its results."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from benchmarks.building import measure_builds, plan_of, removed_by
from benchmarks.importing import measure_imports
from benchmarks.installing import measure_installs
from benchmarks.machine import describe_machine, describe_tools, load
from benchmarks.pruning import measure_pruning
from benchmarks.results import Results
from benchmarks.subjects import Subject, Variant
from slimwheel.files import file_sha256
from slimwheel.verify.environments import create_environment
from slimwheel.verify.sizes import sizes_of
from slimwheel.wheelfile.wheel import Wheel


@dataclass(frozen=True)
class Rounds:
    """How often everything is done: `work` is builds and installs."""

    work: int
    imports: int


def measure_subject(
    subject: Subject,
    variant: Variant,
    python: Path | None,
    scratch: Path,
    rounds: Rounds,
    note: Callable[[str], None],
) -> Results:
    """Measure one variant of one upstream.

    Args:
        python: of the version that the subject is for; without, nothing is installed or imported.
        scratch: an existing directory for what is made.

    Raises:
        SlimwheelError: the wheel cannot be had, or a step failed.
    """
    note(f"fetch {subject.upstream}")
    upstream = subject.fetched()
    with Wheel.open(upstream) as wheel:
        module, release = wheel.project, Version(wheel.version).public
    load_before = load()
    tools = describe_tools(
        create_environment(scratch / "tools", python, installer="pip") if python else None
    )
    plan = plan_of(upstream, variant.options)
    builds = measure_builds(
        upstream,
        variant.options,
        removed_by(plan) if "builds" in variant.parts else None,
        scratch,
        rounds.work if "builds" in variant.parts else 1,
        lambda text: note(f"build, {text}"),
    )
    prunings = {}
    if "pruning" in variant.parts and plan["device_code"]:
        prunings = measure_pruning(
            upstream, plan, scratch, rounds.work, lambda text: note(f"device code, {text}")
        )
    wheels = {"upstream": (upstream,), "slimwheel": builds.slim}
    left_out = [variant.why] if variant.why else []
    installs, imports = {}, None
    if python is None and {"installs", "imports"} & set(variant.parts):
        left_out.append(
            f"Installing and importing are left out: there was no Python {subject.python}."
        )
    if python and "installs" in variant.parts:
        installs = measure_installs(wheels, python, scratch, rounds.work, note)
    if python and "imports" in variant.parts:
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
    if builds.alternative:
        sizes["alternative"] = sizes_of([builds.alternative])
    return Results(
        name=variant.file_name(release),
        requirement=subject.upstream,
        recipe=variant.recipe,
        devices=variant.devices,
        module=module,
        upstream_sha256=file_sha256(upstream),
        machine=describe_machine() | {"load before": load_before, "load after": load()},
        tools=tools,
        sizes=sizes,
        dependencies=imports.dependencies if imports else {},
        builds=builds.costs,
        installs=installs,
        imports=imports.costs if imports else {},
        prunings=prunings,
        alternative_import=imports.alternative if imports else None,
        promised=variant.limits,
        left_out=left_out,
    )
