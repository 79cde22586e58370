"""Portable models on real torches: what is promised, tried in each of them."""

import json
from pathlib import Path

import pytest

from slimwheel.verify.environments import Environment

PROGRAMS = Path(__file__).parents[1] / "support/portable"
SCENARIOS = PROGRAMS / "scenarios.py"
HOSTILE = PROGRAMS / "hostile.py"

pytestmark = pytest.mark.wheels


def try_all(environment: Environment, folder: Path) -> None:
    done = environment.run([environment.python, "-W", "ignore", SCENARIOS, folder], cwd=folder)
    failed = json.loads(done.stdout.splitlines()[-1])
    assert len(failed) > 20
    assert not any(failed.values()), "\n".join(
        f"{name}: {text}" for name, text in failed.items() if text
    )


def try_hostile(environment: Environment, folder: Path, count: int, seed: int) -> None:
    arguments = [str(HOSTILE), str(folder), str(count), str(seed)]
    done = environment.run([environment.python, "-W", "ignore", *arguments], cwd=folder, check=True)
    failed = json.loads(done.stdout.splitlines()[-1])
    assert not failed, "\n".join(f"{name}: {text}" for name, text in failed.items())


@pytest.mark.xdist_group("torch-cpu")
def test_hostile_archives(slim_environment: Environment, tmp_path: Path) -> None:
    try_hostile(slim_environment, tmp_path, 500, 1)


@pytest.mark.xdist_group("torch-1.0")
def test_hostile_archives_on_1_0(environment_100: Environment, tmp_path: Path) -> None:
    try_hostile(environment_100, tmp_path, 500, 2)


@pytest.mark.slow
@pytest.mark.xdist_group("torch-cpu")
@pytest.mark.parametrize("seed", [3, 4])
def test_more_hostile_archives(slim_environment: Environment, tmp_path: Path, seed: int) -> None:
    try_hostile(slim_environment, tmp_path, 10_000, seed)


@pytest.mark.xdist_group("torch-cpu")
def test_on_2_13(slim_environment: Environment, tmp_path: Path) -> None:
    try_all(slim_environment, tmp_path)


@pytest.mark.xdist_group("torch-cuda")
def test_on_2_14(from_cuda_environment: Environment, tmp_path: Path) -> None:
    try_all(from_cuda_environment, tmp_path)


@pytest.mark.xdist_group("torch-1.0")
def test_on_1_0(environment_100: Environment, tmp_path: Path) -> None:
    try_all(environment_100, tmp_path)
