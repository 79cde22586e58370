"""Portable models on real torches: what is promised, tried in each of them."""

import json
from pathlib import Path

import pytest

from slimwheel.verify.environments import Environment

SCENARIOS = Path(__file__).parents[1] / "support/portable/scenarios.py"

pytestmark = pytest.mark.wheels


def try_all(environment: Environment, folder: Path) -> None:
    done = environment.run([environment.python, "-W", "ignore", SCENARIOS, folder], cwd=folder)
    failed = json.loads(done.stdout.splitlines()[-1])
    assert len(failed) > 20
    assert not any(failed.values()), "\n".join(
        f"{name}: {text}" for name, text in failed.items() if text
    )


@pytest.mark.xdist_group("torch-cpu")
def test_on_2_13(slim_environment: Environment, tmp_path: Path) -> None:
    try_all(slim_environment, tmp_path)


@pytest.mark.xdist_group("torch-cuda")
def test_on_2_14(from_cuda_environment: Environment, tmp_path: Path) -> None:
    try_all(from_cuda_environment, tmp_path)


@pytest.mark.xdist_group("torch-1.0")
def test_on_1_0(environment_100: Environment, tmp_path: Path) -> None:
    try_all(environment_100, tmp_path)
