"""Slim wheels made of CUDA wheels, against these themselves, untouched, with all they require.

Both on a machine without a GPU, or with its GPUs hidden. The environments of the untouched ones
are kept in slimwheel's cache, where the benchmarks find them too.
"""

import json
import re
from pathlib import Path

import pytest

from benchmarks.upstream_environment import upstream_environment as untouched
from slimwheel.build.origin import origin_of
from slimwheel.verify.compare import Comparison, compare, run_battery
from slimwheel.verify.environments import Environment, create_environment
from tests.support.real import Built, python_says, script_says

pytestmark = [pytest.mark.wheels, pytest.mark.slow]


def _compared(upstream: Environment, slim: Environment, wheel: Path) -> Comparison:
    origin = origin_of(wheel)
    assert origin
    return compare(run_battery(upstream.python), run_battery(slim.python), origin.differing())


@pytest.mark.xdist_group("torch-cuda")
def test_results_of_2_14_are_the_same_bit_for_bit(
    untouched_214: Environment, from_cuda_environment: Environment, built_from_cuda: Built
) -> None:
    comparison = _compared(untouched_214, from_cuda_environment, built_from_cuda.slim)
    assert comparison.different == []
    assert set(comparison.by_design) == {"error.cuda", "error.operator"}
    assert list(comparison.unstable) == ["linalg.lstsq"]
    assert (comparison.skipped, comparison.errors, comparison.crashed) == ({}, {}, {})
    assert len(comparison.equal) >= 370


@pytest.mark.xdist_group("torch-cuda")
def test_the_message_for_operators_lacks_the_backends_of_cuda_and_nothing_else(
    untouched_214: Environment, from_cuda_environment: Environment
) -> None:
    program = """
import json, torch
try:
    torch.ops.aten.relu(torch.ones(2).to_mkldnn().to(torch.int8))
except NotImplementedError as error:
    print(json.dumps(str(error)))
"""
    upstream, slim = (
        json.loads(python_says(environment, program))
        for environment in (untouched_214, from_cuda_environment)
    )
    assert upstream != slim
    without = re.sub(r"\b(Quantized)?CUDA, ", "", upstream)
    without = re.sub(r"^(Quantized)?CUDA: registered at .*\n", "", without, flags=re.MULTILINE)
    assert without == slim


@pytest.mark.xdist_group("torch-cuda")
def test_results_of_torchvision_are_the_same(
    untouched_214: Environment,
    from_cuda_environment: Environment,
    torchvision_cuda: Path,
    python311: Path,
    tmp_path: Path,
) -> None:
    # Beside the environments: the untouched one is shared, and stays as it is.
    beside = create_environment(tmp_path / "beside", python311)
    beside.install(torchvision_cuda, deps=False, offline=True)
    beside.install("pillow")
    path = {"PYTHONPATH": str(beside.site_packages)}
    upstream, slim = (
        json.loads(script_says(environment, "vision.py", variables=path))
        for environment in (untouched_214, from_cuda_environment)
    )
    assert upstream.pop("decode_jpeg on CUDA") != slim.pop("decode_jpeg on CUDA")
    assert upstream == slim


@pytest.mark.xdist_group("torch-1.0")
def test_results_of_1_0_are_the_same_bit_for_bit(
    torch_100_upstream: Path, python36: Path, environment_100: Environment, built_100: Built
) -> None:
    comparison = _compared(untouched(torch_100_upstream, python36), environment_100, built_100.slim)
    assert comparison.different == []
    by_manager = {"sharing.queue.file_system", "sharing.spawn.file_system"}
    assert set(comparison.by_design) == {"error.cuda", *by_manager}
    assert (comparison.unstable, comparison.errors, comparison.crashed) == ({}, {}, {})
    assert len(comparison.equal) >= 180
