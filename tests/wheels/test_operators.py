"""torch's own operator database under real slim wheels and their upstreams."""

from pathlib import Path

import pytest

from slimwheel.verify.against import Options, verify_against
from slimwheel.verify.environments import Environment, create_environment
from slimwheel.verify.operator_comparison import OperatorComparison
from slimwheel.verify.operator_levels import Level
from tests.support.real import Built
from tests.wheels.conftest import DATABASE

pytestmark = pytest.mark.wheels

# They take no dtype on the CPU.
FOR_GPUS = {
    "torch.ops.aten._flash_attention_forward",
    "torch.ops.aten._efficient_attention_forward",
    "nn.functional.batch_norm.without_cudnn",
}


def compared(
    built: Built, upstream: Path, pythons: tuple[Path, Path], level: Level
) -> OperatorComparison:
    """The comparison; that nothing differs, and what is left out, is asserted."""
    options = Options(battery=False, ops=level, rounds=0, jobs=2, env_pythons=pythons)
    report = verify_against([built.slim, built.companion], upstream, options)
    assert report.differences == []
    found = report.operators
    assert found is not None
    assert not found.unavailable
    assert found.mounted == ()
    assert (found.errors, found.crashed) == ({}, {})
    assert {name for name, verdict in found.operators.items() if verdict == "skipped"} == FOR_GPUS
    # Memory that nobody wrote, and nothing else.
    unstable = {name for name, verdict in found.operators.items() if verdict == "unstable"}
    assert unstable
    assert all("empty" in name for name in unstable)
    return found


@pytest.mark.xdist_group("torch-cpu")
def test_first_samples_of_every_operator(
    built: Built,
    torch_cpu_upstream: Path,
    upstream_environment: Environment,
    slim_environment: Environment,
) -> None:
    pythons = (upstream_environment.python, slim_environment.python)
    found = compared(built, torch_cpu_upstream, pythons, "quick")
    assert len(found.operators) == 702
    assert found.forward >= 4500
    assert found.backward >= 3000


@pytest.mark.slow
@pytest.mark.xdist_group("torch-cpu")
def test_every_operator_in_every_dtype(
    built: Built,
    torch_cpu_upstream: Path,
    upstream_environment: Environment,
    slim_environment: Environment,
) -> None:
    pythons = (upstream_environment.python, slim_environment.python)
    found = compared(built, torch_cpu_upstream, pythons, "all")
    assert len(found.operators) == 702
    assert found.forward >= 34000
    assert found.backward >= 15000


@pytest.mark.slow
@pytest.mark.xdist_group("torch-cuda")
def test_every_operator_of_a_cpu_torch_out_of_a_cuda_wheel(
    built_from_cuda: Built,
    torch_cuda_upstream: Path,
    untouched_214: Environment,
    from_cuda_environment: Environment,
    python311: Path,
    tmp_path: Path,
) -> None:
    # The untouched environment is shared and stays as it is: one that sees it has the rest.
    beside = create_environment(tmp_path / "env", python311)
    beside.install(*DATABASE)
    (beside.site_packages / "upstream.pth").write_text(f"{untouched_214.site_packages}\n")
    pythons = (beside.python, from_cuda_environment.python)
    found = compared(built_from_cuda, torch_cuda_upstream, pythons, "all")
    assert len(found.operators) >= 702
