"""Environments with the real upstream wheel and with what the cpu recipe makes of it."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from slimwheel.verify.environments import Environment, create_environment, find_python
from tests.support.real import Built, slimwheel

EXTRAS = ("numpy",)


@pytest.fixture(scope="session")
def built(torch_cpu_upstream: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build the slim wheels of the official CPU build once for all tests."""
    output = tmp_path_factory.mktemp("built")
    done = slimwheel(
        "build", "--recipe", "cpu", "--dev", "--json", "--output-dir", output, torch_cpu_upstream
    )
    report = json.loads(done.stdout)["builds"][0]
    slim, companion, dev = (Path(made["path"]) for made in report["outputs"])
    return Built(slim, companion, dev, report, done.stderr)


@pytest.fixture(scope="session")
def python311() -> Path:
    """The Python that the CPU build is for."""
    found = find_python("3.11")
    if found is None:
        pytest.skip("the wheel is for Python 3.11, which is not here")
    return found


def _environment(where: Path, python: Path, wheels: Sequence[Path | str]) -> Environment:
    environment = create_environment(where, python)
    environment.install(*wheels, *EXTRAS)
    return environment


@pytest.fixture(scope="session")
def upstream_environment(
    torch_cpu_upstream: Path, python311: Path, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """A fresh environment with upstream torch."""
    directory = tmp_path_factory.mktemp("upstream") / "env"
    return _environment(directory, python311, [torch_cpu_upstream])


@pytest.fixture(scope="session")
def slim_environment(
    built: Built, python311: Path, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """A fresh environment with slim torch. Tests that install more make one of their own."""
    directory = tmp_path_factory.mktemp("slim") / "env"
    return _environment(directory, python311, [built.slim, built.companion])


@pytest.fixture(scope="session")
def dev_environment(
    built: Built, python311: Path, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """A fresh environment with slim torch and its dev wheel, and what C++ extensions need."""
    directory = tmp_path_factory.mktemp("dev") / "env"
    return _environment(
        directory, python311, [built.slim, built.companion, built.dev, "ninja", "setuptools"]
    )
