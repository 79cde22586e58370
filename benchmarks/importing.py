"""What `import torch` costs in trees that pip installed, with bytecode."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks.installing import Wheels
from benchmarks.measure import Cost, interleaved, measured
from slimwheel.verify.environments import Environment, create_environment
from slimwheel.wheelfile.wheel import Wheel

# torch imports it where it is there, without requiring it.
_ALSO = ["numpy"]


def measure_imports(
    module: str,
    wheels: Wheels,
    requirements: Sequence[str],
    python: Path,
    scratch: Path,
    rounds: int,
    note: Callable[[str], None],
) -> dict[str, list[Cost]]:
    """Import a module in environments that differ in the wheels alone.

    Args:
        requirements: what both have besides; from pip's configured index.

    Returns:
        Costs by subject. The first import of each, which reads from the disk, is not in them.

    Raises:
        ToolError: an installation or an import failed.
    """
    subjects: dict[str, Callable[[], Cost]] = {}
    for name, files in wheels.items():
        note(f"prepare the environment of {name}")
        environment = _prepared(scratch / f"import-{name}", files, requirements, python)
        command: list[str | Path] = [environment.python, "-c", f"import {module}"]
        run = partial(measured, command, scratch=scratch)
        run()
        subjects[name] = run
    return interleaved(subjects, rounds, lambda text: note(f"import {module}, {text}"))


def requirements_of(upstream: Path) -> list[str]:
    """Return what a wheel requires of others, and what it uses where it finds it."""
    with Wheel.open(upstream) as wheel:
        # Where a marker does not hold, pip leaves the requirement out.
        return [*wheel.metadata.get_all("Requires-Dist"), *_ALSO]


def _prepared(
    place: Path, files: Sequence[Path], requirements: Sequence[str], python: Path
) -> Environment:
    environment = create_environment(place, python, installer="pip")
    environment.install(*files, deps=False, offline=True)
    environment.install(*requirements)
    return environment
