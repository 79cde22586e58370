"""The cpu recipe on torch 2.14.1, built for CUDA 13, against the official CPU build and itself."""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from slimwheel.elf import ElfFile
from slimwheel.verify.compare import run_battery
from slimwheel.verify.environments import Environment, Installer, create_environment
from slimwheel.verify.measure import measured
from slimwheel.verify.static import check_wheel
from tests.support.real import (
    COMPILERS,
    SLIMWHEEL,
    Built,
    python_says,
    script_says,
)
from tests.support.same_code import same_code

pytestmark = [pytest.mark.wheels, pytest.mark.xdist_group("torch-cuda")]

MB = 10**6
SHADOWS = {
    "libc10_cuda.so": {"libc10_cuda.so"},
    "libcudart.so.13": {"cudart"},
    "libcudnn.so.9": {"cudnn"},
    "libcufile.so.0": {"cufile"},
    "libcupti.so.13": {"cupti"},
    "libnccl.so.2": {"nccl"},
    "libtorch_cuda.so": {"libtorch_cuda.so", "libtorch_nvshmem.so"},
}
GONE = {
    "libc10_cuda.so",
    "libcaffe2_nvrtc.so",
    "libtorch_cuda.so",
    "libtorch_cuda_linalg.so",
    "libtorch_nvshmem.so",
}
CUDA_PROJECT = re.compile(r"nvidia|cuda|triton|cupy", re.IGNORECASE)


def test_sizes_stay_below_the_limits(built_from_cuda: Built) -> None:
    with zipfile.ZipFile(built_from_cuda.slim) as wheel:
        installed = sum(info.file_size for info in wheel.infolist())
    assert built_from_cuda.slim.stat().st_size <= 132 * MB
    assert installed <= 442 * MB
    made = built_from_cuda.report["outputs"][0]
    assert made["installed"] == installed
    assert made["download"] == built_from_cuda.slim.stat().st_size


def test_names_and_messages(built_from_cuda: Built) -> None:
    assert built_from_cuda.slim.name == "torch_cpu-2.14.1-cp311-cp311-manylinux_2_28_x86_64.whl"
    assert built_from_cuda.companion.name == "torch-2.14.1+slim.cpu-py3-none-any.whl"
    assert "smoke import passed with Python 3.11" in built_from_cuda.messages


def test_the_plan_says_what_the_build_does(
    built_from_cuda: Built, planned_from_cuda: dict[str, Any]
) -> None:
    made = built_from_cuda.report["outputs"][0]
    assert planned_from_cuda["rules"] == built_from_cuda.report["rules"]
    assert planned_from_cuda["installed"]["after"] == made["installed"]
    assert planned_from_cuda["download"]["after"] == pytest.approx(made["download"], rel=0.05)

    libraries = {
        Path(entry["member"]).name: entry["goes"]
        for entry in planned_from_cuda["cuda"]["libraries"]
    }
    assert {name for name, goes in libraries.items() if goes} == GONE
    shadows = {Path(entry["member"]).name: entry for entry in planned_from_cuda["cuda"]["shadows"]}
    assert {name: set(shadow["symbols"]) for name, shadow in shadows.items()} == SHADOWS
    with zipfile.ZipFile(built_from_cuda.slim) as wheel:
        sizes = {info.filename: info.file_size for info in wheel.infolist()}
    for name in GONE - set(SHADOWS):
        assert f"torch/lib/{name}" not in sizes
    for name, shadow in shadows.items():
        assert sizes[f"torch/lib/{name}"] == shadow["bytes"] < 200_000

    dropped = {
        re.split(r"[^\w-]", line)[0] for line in planned_from_cuda["dropped"]["requirements"]
    }
    assert dropped == {
        "cuda-bindings",
        "cuda-toolkit",
        "nvidia-cudnn-cu13",
        "nvidia-cusparselt-cu13",
        "nvidia-nccl-cu13",
        "nvidia-nvshmem-cu13",
        "triton",
    }


def test_nothing_of_cuda_is_required(built_from_cuda: Built) -> None:
    with zipfile.ZipFile(built_from_cuda.slim) as wheel:
        metadata = wheel.read("torch_cpu-2.14.1.dist-info/METADATA").decode()
    required = re.findall(r"^Requires-Dist: (.*)$", metadata, re.MULTILINE)
    assert "torch==2.14.1+slim.cpu" in required
    assert "filelock" in required
    assert [line for line in required if CUDA_PROJECT.search(line)] == []


def test_static_checks_find_nothing(built_from_cuda: Built) -> None:
    for wheel in (built_from_cuda.slim, built_from_cuda.companion, built_from_cuda.dev):
        assert check_wheel(wheel) == []


def test_two_builds_give_the_same_bytes_in_little_memory(
    built_from_cuda: Built,
    torch_cuda_upstream: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    options: list[str | Path] = ["--recipe", "cpu", "--dev", "--no-smoke", "--output-dir", tmp_path]
    scratch = tmp_path_factory.mktemp("measure")
    cost = measured([SLIMWHEEL, "build", *options, torch_cuda_upstream], scratch=scratch)
    for first in (built_from_cuda.slim, built_from_cuda.companion, built_from_cuda.dev):
        assert first.read_bytes() == (tmp_path / first.name).read_bytes()
    assert 0 < cost.peak_anonymous < 400 * MB, cost


def test_the_code_is_upstreams(built_from_cuda: Built, torch_cuda_upstream: Path) -> None:
    """So results are the same bit for bit; `test_untouched.py`, which is slow, looks at them."""
    compared = same_code(torch_cuda_upstream, built_from_cuda.slim, without=set(SHADOWS))
    assert compared["torch/lib/libtorch_cpu.so"] > 300 * MB
    assert {Path(member).name for member in compared} == {
        "_C.cpython-311-x86_64-linux-gnu.so",
        "libc10.so",
        "libgomp.so.1",
        "libshm.so",
        "libtorch.so",
        "libtorch_cpu.so",
        "libtorch_global_deps.so",
        "libtorch_python.so",
        "torch_shm_manager",
    }


def test_shadows_hold_no_code_for_devices(built_from_cuda: Built) -> None:
    with zipfile.ZipFile(built_from_cuda.slim) as wheel:
        for name in SHADOWS:
            elf = ElfFile.parse(wheel.read(f"torch/lib/{name}"), name)
            assert elf.soname == name
            assert not [section.name for section in elf.sections if "fatbin" in section.name]


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_installing_it_installs_nothing_of_cuda(
    built_from_cuda: Built, python311: Path, tmp_path: Path, installer: Installer
) -> None:
    environment = create_environment(tmp_path / "env", python311, installer=installer)
    environment.install(built_from_cuda.slim, built_from_cuda.companion)
    program = """
import importlib.metadata as metadata, json, torch
names = [found.metadata["Name"] for found in metadata.distributions()]
print(json.dumps({
    "names": names,
    "versions": [torch.__version__, metadata.version("torch"), torch.version.cuda],
    "cuda": [torch.cuda.is_available(), torch.cuda.device_count(), torch.backends.cuda.is_built()],
    "sum": (torch.ones(9, 9) @ torch.ones(9, 9)).sum().item(),
}))
"""
    said = json.loads(python_says(environment, program))
    assert [name for name in said["names"] if CUDA_PROJECT.search(name)] == []
    assert said["versions"] == ["2.14.1+cpu", "2.14.1+slim.cpu", None]
    assert said["cuda"] == [False, 0, False]
    assert said["sum"] == 729


# What is not as in the official CPU build, 2.13.0. The texts of both, as patterns.
NOT_COMPILED = "AssertionError: Torch not compiled with CUDA enabled"
NO_TENSOR_TYPE = "TypeError: type torch.cuda.FloatTensor not available. Torch not compiled .*"
DIFFERENT = {
    # 2.14 differs from 2.13 in any build.
    "cuda_gds_is_available": ("absent", "False"),
    "autograd_profile_cuda": ("True", "TypeError: .* unexpected keyword argument 'use_cuda'"),
    # C++ code that was compiled with CUDA asks for a device, and is told in other words.
    "cuda_FloatTensor": (NO_TENSOR_TYPE, NOT_COMPILED),
    "set_default_tensor_type_cuda": (NO_TENSOR_TYPE, NOT_COMPILED),
    "storage_share_cuda": (
        "RuntimeError: CUDA is not available",
        "RuntimeError: _share_cuda_: only available on CUDA",
    ),
    "storage_new_shared_cuda": (
        "RuntimeError: CUDA is not available",
        "RuntimeError: c10::cuda::ExchangeDevice: CUDA is not available: this torch was made .*",
    ),
}


def _probes(environment: Environment) -> dict[str, str]:
    found: dict[str, str] = json.loads(script_says(environment, "probes.py"))["probes"]
    return found


def test_probes_say_what_the_official_cpu_build_says(
    upstream_environment: Environment, from_cuda_environment: Environment
) -> None:
    official, slim = _probes(upstream_environment), _probes(from_cuda_environment)
    assert len(official) >= 150
    assert {name: text for name, text in slim.items() if re.match("signal|exit", text)} == {}
    different = {
        name: (official[name], slim[name]) for name in official if official[name] != slim[name]
    }
    assert set(different) == set(DIFFERENT), different
    for name, texts in different.items():
        for text, pattern in zip(texts, DIFFERENT[name], strict=True):
            assert re.fullmatch(pattern, text), (name, text)
    assert slim["cuda_is_available"] == "False"
    assert slim["tensor_cuda"] == NOT_COMPILED
    assert slim["load_checkpoint"].startswith(
        "RuntimeError: Attempting to deserialize object on a CUDA device but "
        "torch.cuda.is_available() is False."
    )


@pytest.mark.parametrize(
    "name",
    [
        "two_processes_with_gloo_and_ddp",
        "profiler",
        "autocast",
        "export",
        "loader_with_forked_workers",
        "loader_with_spawned_workers",
        "script_and_trace",
        "save_and_load",
        "checkpoint_of_a_gpu",
    ],
)
def test_what_people_do_with_it(from_cuda_environment: Environment, name: str) -> None:
    script_says(from_cuda_environment, "uses.py", name)


def test_no_record_of_the_battery_fails(from_cuda_environment: Environment) -> None:
    records = run_battery(from_cuda_environment.python).records
    assert {name: str(found) for name, found in records.items() if found.status != "ok"} == {
        "linalg.lstsq": str(records["linalg.lstsq"])
    }
    assert records["linalg.lstsq"].status == "unstable"
    assert len(records) >= 370


@pytest.mark.parametrize(("program", "answer"), COMPILERS, ids=["inline", "compile"])
def test_with_the_dev_wheel_compilers_work(
    from_cuda_dev_environment: Environment, caches: dict[str, str], program: str, answer: str
) -> None:
    said = python_says(from_cuda_dev_environment, program, variables=caches, timeout=900)
    assert said == answer
