"""The cpu recipe on torch 1.0.0, built for CUDA 9.0, for Python 3.6.

What runs it is skipped where there is no Python 3.6; that it is built and right is not.
"""

import ast
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from slimwheel.elf import ElfFile
from slimwheel.verify.environments import Environment, find_python
from slimwheel.verify.static import check_wheel
from tests.support.real import Built, python_says, script_says
from tests.support.same_code import same_code

pytestmark = [pytest.mark.wheels, pytest.mark.xdist_group("torch-1.0")]

MB = 10**6
SHADOWS = {
    # Upstream's names no library that has what it takes of these families.
    "libcaffe2_gpu.so": {"libcaffe2_gpu.so", "driver", "nvrtc"},
    "libcudart-f7fdd8d7.so.9.0": {"cudart"},
    "libnvToolsExt-3965bdd0.so.1": {"nvtx"},
}
MESSAGE = "Torch not compiled with CUDA enabled"


def test_sizes_stay_below_the_limits(built_100: Built) -> None:
    with zipfile.ZipFile(built_100.slim) as wheel:
        installed = sum(info.file_size for info in wheel.infolist())
    assert built_100.slim.stat().st_size <= 58 * MB
    assert installed <= 192 * MB
    assert built_100.report["outputs"][0]["installed"] == installed


def test_names_and_messages(built_100: Built) -> None:
    assert re.fullmatch(r"torch_cpu-1\.0\.0-cp36-cp36m-\w+\.whl", built_100.slim.name)
    assert built_100.companion.name == "torch-1.0.0+slim.cpu-py3-none-any.whl"
    if find_python("3.6") is None:
        assert "smoke import skipped: Python 3.6 was not found" in built_100.messages
    else:
        assert "smoke import passed with Python 3.6" in built_100.messages


def test_the_plan_says_what_the_build_does(built_100: Built, planned_100: dict[str, Any]) -> None:
    assert planned_100["rules"] == built_100.report["rules"]
    assert planned_100["installed"]["after"] == built_100.report["outputs"][0]["installed"]
    shadows = {Path(entry["member"]).name: entry for entry in planned_100["cuda"]["shadows"]}
    assert {name: set(shadow["symbols"]) for name, shadow in shadows.items()} == SHADOWS
    gone = {
        Path(entry["member"]).name for entry in planned_100["cuda"]["libraries"] if entry["goes"]
    }
    assert gone == {
        "_nvrtc.cpython-36m-x86_64-linux-gnu.so",
        "caffe2_pybind11_state_gpu.cpython-36m-x86_64-linux-gnu.so",
        "libc10_cuda.so",
        "libcaffe2_detectron_ops_gpu.so",
        "libcaffe2_gpu.so",
        "libcudart-f7fdd8d7.so.9.0",
        "libnvToolsExt-3965bdd0.so.1",
        "libnvrtc-007d19c9.so.9.0",
        "libnvrtc-builtins.so",
    }
    with zipfile.ZipFile(built_100.slim) as wheel:
        sizes = {Path(info.filename).name: info.file_size for info in wheel.infolist()}
    assert not (gone - set(SHADOWS)) & set(sizes)
    assert {name: sizes[name] for name in SHADOWS} == {
        name: shadow["bytes"] for name, shadow in shadows.items()
    }
    assert sum(shadow["bytes"] for shadow in shadows.values()) < 400_000


def test_static_checks_find_nothing_that_upstream_has_not(
    built_100: Built, torch_100_upstream: Path
) -> None:
    known = {(found.code, found.member, found.subject) for found in check_wheel(torch_100_upstream)}
    found = check_wheel(built_100.slim)
    assert [each for each in found if (each.code, each.member, each.subject) not in known] == []
    assert check_wheel(built_100.companion) == []


def test_the_code_is_upstreams(built_100: Built, torch_100_upstream: Path) -> None:
    # patchelf moved the start of this one: it had no room for another name in DT_NEEDED.
    without = {*SHADOWS, "torch_shm_manager"}
    compared = same_code(torch_100_upstream, built_100.slim, without=without)
    assert compared["torch/lib/libcaffe2.so"] > 30 * MB
    assert compared["torch/lib/libtorch.so.1"] > 10 * MB


def test_the_manager_of_shared_memory_needs_its_threads(built_100: Built) -> None:
    """Upstream's asks for versions of libpthread without naming it: the loader ends it."""
    with zipfile.ZipFile(built_100.slim) as wheel:
        manager = ElfFile.parse(wheel.read("torch/lib/torch_shm_manager"), "torch_shm_manager")
    assert "libpthread.so.0" in manager.needed


def test_what_is_written_into_it_is_python_3_5(built_100: Built) -> None:
    with zipfile.ZipFile(built_100.slim) as wheel:
        ours = [
            name
            for name in wheel.namelist()
            if name.startswith(("torch/_slimwheel/", "torch_ergonomics/")) and name.endswith(".py")
        ]
        edited = ["torch/__init__.py", "torch/version.py", "torch/distributed/__init__.py"]
        assert len(ours) >= 10
        for name in ours + edited:
            ast.parse(wheel.read(name), name, feature_version=(3, 5))


def test_it_imports_and_says_that_it_is_for_the_cpu(environment_100: Environment) -> None:
    program = """
import json, torch
error = None
try:
    torch.ones(2).cuda()
except AssertionError as caught:
    error = str(caught)
print(json.dumps([
    torch.__version__, torch.version.cuda, torch.cuda.is_available(), torch.cuda.device_count(),
    error, torch.mm(torch.ones(3, 3), torch.ones(3, 3)).sum().item(),
]))
"""
    said = json.loads(python_says(environment_100, program))
    assert said == ["1.0.0+cpu", None, False, 0, MESSAGE, 27]


def test_no_probe_takes_the_process_down(environment_100: Environment) -> None:
    probes = json.loads(script_says(environment_100, "probes.py"))["probes"]
    assert {name: text for name, text in probes.items() if re.match("signal|exit", text)} == {}
    for name in ("tensor_cuda", "zeros_on_cuda", "module_cuda", "cuda_init", "cuda_synchronize"):
        assert probes[name] == f"AssertionError: {MESSAGE}", name
    assert probes["process_group_nccl"] == (
        "RuntimeError: Distributed package doesn't have NCCL built in"
    )
    assert probes["load_checkpoint_to_cpu"] == "{'weight': tensor([0., 1., 2.])}"


@pytest.mark.parametrize(
    "name", ["caffe2_operators", "caffe2_training", "sharing_by_file_system", "vision"]
)
def test_what_people_did_with_it(environment_100: Environment, name: str) -> None:
    script_says(environment_100, "uses_1_0.py", name)
