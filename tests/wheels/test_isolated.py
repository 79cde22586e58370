"""Isolated execution with the torch of real slim wheels, from 1.0 to 2.14."""

from pathlib import Path

import pytest

from slimwheel.verify.environments import Environment
from slimwheel.verify.measure import measured
from tests.support.real import script_says

pytestmark = pytest.mark.wheels

MB = 10**6
ENVIRONMENTS = [
    pytest.param("slim_environment", marks=pytest.mark.xdist_group("torch-cpu")),
    pytest.param("from_cuda_environment", marks=pytest.mark.xdist_group("torch-cuda")),
    pytest.param("environment_100", marks=pytest.mark.xdist_group("torch-1.0")),
]
SCRIPT = "isolated_uses.py"


@pytest.fixture
def environment(request: pytest.FixtureRequest) -> Environment:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Environment)
    return found


@pytest.mark.parametrize("environment", ENVIRONMENTS, indirect=True)
@pytest.mark.parametrize("use", ["refused", "many", "threads", "errors"])
def test_with_torch(environment: Environment, use: str) -> None:
    script_says(environment, SCRIPT, use)


@pytest.mark.parametrize("environment", ENVIRONMENTS, indirect=True)
def test_tensors(environment: Environment, request: pytest.FixtureRequest) -> None:
    types = script_says(environment, SCRIPT, "tensors").split()
    if request.node.callspec.params["environment"] != "environment_100":
        assert {"bool", "bfloat16", "complex64", "complex128", "float8_e5m2"} <= set(types)


@pytest.mark.xdist_group("torch-cpu")
def test_large_results_are_in_memory_once(
    slim_environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """512 MB: once where they are made, once where they arrive, and nowhere else."""
    script = Path(__file__).parents[1] / "support" / SCRIPT
    small, large = (
        measured(
            [slim_environment.python, script, use], scratch=tmp_path_factory.mktemp("measure")
        ).peak_anonymous
        for use in ("small_result", "large_result")
    )
    assert 1.5 * 512 * MB < large - small < (2 * 512 + 100) * MB
