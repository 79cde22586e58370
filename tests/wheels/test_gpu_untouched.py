"""Wheels for some GPUs against upstream's, untouched: what they compute, register, and hold.

No GPU is needed: NVIDIA's own runtime, linker and cuobjdump are asked about the device code.
"""

import json
from pathlib import Path

import pytest

from benchmarks.upstream_environment import upstream_environment as untouched
from slimwheel.verify.compare import compare, run_battery
from slimwheel.verify.environments import Environment, create_environment
from tests.support.cuobjdump import called, extracted, listed
from tests.support.device_images import Container, read_sections
from tests.support.live_wrappers import count, live_wrappers
from tests.support.nvidia_tools import cuobjdump, nvjitlink, old_cuobjdump
from tests.support.nvjitlink import FOUND, Question, accepted, device_name
from tests.support.real import Built, python_says
from tests.support.registration_spy import of_library, spied_torch

pytestmark = [pytest.mark.wheels, pytest.mark.slow, pytest.mark.xdist_group("torch-gpu")]

LIBRARIES_214 = ("libtorch_cuda.so", "libtorch_cuda_linalg.so", "libtorch_nvshmem.so")
# Each has device code, one of them also what can be linked again.
LIBRARIES_100 = ("libcaffe2_gpu.so", "libcaffe2_detectron_ops_gpu.so")
WRAPPERS_100 = 1031
H100 = (9, 0)
# torch's libraries have code for these, and for none that is older or between them.
DEVICES = ((7, 5), (8, 0), (8, 6), (8, 9), (9, 0), (10, 0), (12, 0))


@pytest.fixture(scope="module")
def gpu_environment(
    built_gpu: Built, python311: Path, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """A fresh environment with 2.14.1 for 9.0, and the same dependencies."""
    environment = create_environment(tmp_path_factory.mktemp("environment") / "env", python311)
    environment.install(built_gpu.slim, built_gpu.companion, "numpy")
    return environment


@pytest.fixture(scope="module")
def untouched_100(torch_100_upstream: Path, python36: Path) -> Environment:
    return untouched(torch_100_upstream, python36)


def library(environment: Environment, name: str) -> Path:
    return environment.site_packages / "torch" / "lib" / name


def containers(path: Path) -> list[Container]:
    return [container for found in read_sections(path).values() for container in found]


def test_results_of_2_14_are_the_same_bit_for_bit(
    untouched_214: Environment, gpu_environment: Environment
) -> None:
    comparison = compare(run_battery(untouched_214.python), run_battery(gpu_environment.python))
    assert comparison.different == []
    assert list(comparison.unstable) == ["linalg.lstsq"]
    assert (comparison.skipped, comparison.errors, comparison.crashed) == ({}, {}, {})
    assert len(comparison.equal) >= 370


def test_results_of_1_0_are_the_same_bit_for_bit(
    untouched_100: Environment, gpu_environment_100: Environment
) -> None:
    comparison = compare(run_battery(untouched_100.python), run_battery(gpu_environment_100.python))
    # upstream's torch_shm_manager is ended by the loader, for it lacks libpthread.so.0.
    by_manager = {"sharing.queue.file_system", "sharing.spawn.file_system"}
    assert {each.name for each in comparison.different} == by_manager
    assert (comparison.unstable, comparison.errors, comparison.crashed) == ({}, {}, {})
    assert len(comparison.equal) >= 180


def test_the_cuda_runtime_is_told_the_same(
    untouched_214: Environment, gpu_environment: Environment, tmp_path: Path
) -> None:
    found = []
    for number, environment in enumerate((untouched_214, gpu_environment)):
        scratch = tmp_path / str(number)
        scratch.mkdir()
        found.append(spied_torch(environment, scratch, *LIBRARIES_214[1:]))
    kernels = 0
    for name in LIBRARIES_214:
        upstream, slim = (of_library(registrations, name) for registrations in found)
        assert len(upstream) > 0
        assert [each.told for each in slim] == [each.told for each in upstream]
        assert all(each.size <= other.size for each, other in zip(slim, upstream, strict=True))
        kernels += sum(len(each.functions) for each in slim)
    assert kernels > 20_000


@pytest.mark.parametrize("name", LIBRARIES_214)
def test_nvidias_linker_accepts_for_the_device_what_it_accepts_of_upstream(
    untouched_214: Environment, gpu_environment: Environment, name: str
) -> None:
    paths = [library(environment, name) for environment in (untouched_214, gpu_environment)]
    both = [containers(path) for path in paths]
    for device in DEVICES:
        upstream, slim = (
            accepted(
                nvjitlink(),
                [Question(path, c.start, c.end, device_name(*device)) for c in found],
            )
            for path, found in zip(paths, both, strict=True)
        )
        if device == H100:
            assert slim == upstream
            assert FOUND in slim
        else:
            assert FOUND not in slim, device


@pytest.mark.parametrize("name", LIBRARIES_214)
def test_cuobjdump_lists_what_was_planned(gpu_environment: Environment, name: str) -> None:
    path = library(gpu_environment, name)
    sections = read_sections(path)
    found = [called(image) for c in containers(path) for image in c.images]
    assert sorted(listed(cuobjdump(), path, everything=len(sections) > 1)) == sorted(found)
    assert {device for _, device in found} <= {"sm_90", "sm_90a"}


def test_cuobjdump_extracts_upstreams_cubins(
    untouched_214: Environment, gpu_environment: Environment, tmp_path: Path
) -> None:
    for name in LIBRARIES_214[1:]:
        upstream, slim = (
            extracted(cuobjdump(), library(environment, name), tmp_path, "sm_90")
            for environment in (untouched_214, gpu_environment)
        )
        assert slim == upstream != []


def test_what_is_left_of_1_0_is_what_cuobjdump_of_its_time_lists(
    gpu_environment_100: Environment,
) -> None:
    path = library(gpu_environment_100, "libcaffe2_gpu.so")
    found = [called(image) for c in containers(path) for image in c.images]
    assert sorted(listed(old_cuobjdump(), path, everything=True)) == sorted(found)
    assert set(found) == {("elf", "sm_70")}


def test_every_wrapper_of_1_0_is_valid_in_a_live_process(
    untouched_100: Environment, gpu_environment_100: Environment
) -> None:
    for name in LIBRARIES_100:
        upstream, slim = (
            live_wrappers(environment.python, library(environment, name), imports=["torch"])
            for environment in (untouched_100, gpu_environment_100)
        )
        assert not [wrapper for wrapper in slim if wrapper.problem]
        assert count(slim).valid == count(upstream).valid == len(slim)
        if name == "libcaffe2_gpu.so":
            assert len(slim) == WRAPPERS_100


def test_caffe2_loads(gpu_environment_100: Environment) -> None:
    program = "import sys; from caffe2.python import core; print(*sys.modules)"
    assert "caffe2.python.caffe2_pybind11_state_gpu" in python_says(gpu_environment_100, program)


WRONG_DEVICE = """
import json, sys, warnings, torch
torch.cuda.device_count = lambda: 1
torch.cuda.get_device_capability = lambda device=None: tuple(json.loads(sys.argv[1]))
torch.cuda.get_device_name = lambda device=None: "a GPU"
torch.cuda.is_available = lambda: True
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    torch.cuda._check_capability()
texts = [str(each.message) for each in caught]
print(json.dumps([torch.cuda.get_arch_list(), texts]))
"""


def test_the_architectures_are_told_and_another_gpu_is_warned_of(
    gpu_environment: Environment,
) -> None:
    said = {
        capability: json.loads(python_says(gpu_environment, WRONG_DEVICE, capability))
        for capability in ("[9, 0]", "[8, 0]")
    }
    assert said["[9, 0]"] == [["sm_90"], []]
    architectures, texts = said["[8, 0]"]
    assert architectures == ["sm_90"]
    assert any("torch_gpu 2.14.1+sm90 was made for 9.0" in text for text in texts)
    assert any("--device 8.0" in text for text in texts)


def test_what_it_says_of_itself(gpu_environment: Environment) -> None:
    done = gpu_environment.run([gpu_environment.python, "-m", "torch_ergonomics", "--json"])
    description = json.loads(done.stdout)
    assert (description["distribution"], description["findings"]) == ("torch_gpu", [])
    assert description["device_code"]["devices"] == ["9.0"]
    assert description["device_code"]["architectures"] == ["sm_90", "sm_90a"]
