"""What `import torch` costs in trees that pip installed, with bytecode; and whether it works."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.upstream_environment import pip_environment, upstream_environment
from slimwheel.verify.environments import Environment
from slimwheel.verify.measure import Cost, interleaved, measured
from slimwheel.verify.sizes import Dependency, dependencies_in
from slimwheel.wheelfile.wheel import Wheel


@dataclass(frozen=True)
class Imports:
    """What importing found.

    Attributes:
        costs: by subject. The first import of each, which reads from the disk, is not in them.
        dependencies: by subject, what pip installed besides.
        alternative: how the import of the alternative's result fails; empty where it does not,
            None where there is no such result.
    """

    costs: dict[str, list[Cost]]
    dependencies: dict[str, dict[str, Dependency]]
    alternative: str | None


def measure_imports(
    module: str,
    upstream: Path,
    slim: Sequence[Path],
    alternative: Path | None,
    python: Path,
    scratch: Path,
    rounds: int,
    note: Callable[[str], None],
) -> Imports:
    """Import a module of upstream's untouched wheel and of the slim one, interleaved.

    Each has what its own metadata requires; what both require is of one version.

    Raises:
        ToolError: an installation or an import failed.
    """
    note("prepare the environment of upstream, or find it in the cache")
    untouched = upstream_environment(upstream, python)
    before = dependencies_in(untouched.site_packages, _projects([upstream]))
    note("prepare the environment of slimwheel")
    versions = [f"{name}=={found.version}" for name, found in before.items()]
    slimmed = pip_environment(scratch / "import-slimwheel", slim, python, versions=versions)
    after = dependencies_in(slimmed.site_packages, _projects(slim))
    failure = _failure_of(alternative, untouched, module, scratch) if alternative else None
    subjects: dict[str, Callable[[], Cost]] = {}
    for name, environment in {"upstream": untouched, "slimwheel": slimmed}.items():
        command: list[str | Path] = [environment.python, "-c", f"import {module}"]
        subjects[name] = partial(measured, command, scratch=scratch)
        subjects[name]()
    costs = interleaved(subjects, rounds, lambda text: note(f"import {module}, {text}"))
    return Imports(costs, {"upstream": before, "slimwheel": after}, failure)


def _failure_of(wheel: Path, environment: Environment, module: str, scratch: Path) -> str:
    """Import what is in a wheel beside all that an environment has."""
    place = scratch / "import-alternative"
    environment.install(wheel, deps=False, offline=True, options=["--target", str(place)])
    finished = environment.run(
        [environment.python, "-c", f"import {module}"], {"PYTHONPATH": str(place)}, cwd=scratch
    )
    if not finished.returncode:
        return ""
    said = finished.stderr.strip().splitlines()[-1:] or [f"exit code {finished.returncode}"]
    return said[0].replace(f"{place}/", "")


def _projects(wheels: Sequence[Path]) -> list[str]:
    projects = []
    for path in wheels:
        with Wheel.open(path) as wheel:
            projects.append(wheel.project)
    return projects
