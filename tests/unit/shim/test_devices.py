"""Builds with the device code of some GPUs, run by every Python that is found."""

from pathlib import Path

import pytest

from slimwheel.pysource import insert
from slimwheel.recipe import load_recipe
from slimwheel.shim import Manifest, boot_files
from slimwheel.shim.manifest import DeviceCode
from tests.unit.shim.conftest import write, write_package
from tests.unit.shim.test_boot import run as run_scenario

SCENARIOS = Path(__file__).with_name("device_scenarios.py")

NATIVE = """\
FLAGS = "sm_75 sm_80 sm_90"
def _cuda_getArchFlags():
    return FLAGS
"""
# As torch does it: the check is queued until CUDA is initialized, and initializes it itself.
CUDA = """\
import torch
DEVICES = ()
CHECKS = 0
_initialized = _is_initializing = False
_queued = []
def _lazy_call(function):
    function() if _initialized else _queued.append(function)
def device_count():
    return len(DEVICES)
def get_device_capability(index):
    init()
    return _given(DEVICES[index][1])
def get_device_name(index):
    return _given(DEVICES[index][0])
def _given(value):
    if isinstance(value, Exception):
        raise value
    return value
def get_arch_list():
    flags = torch._C._cuda_getArchFlags()
    return [] if flags is None else flags.split()
def _check_capability():
    global CHECKS
    CHECKS += 1
    return min([int(flag.split("_")[1]) for flag in get_arch_list()] or [35])
def init():
    global _initialized, _is_initializing
    if _initialized or _is_initializing:
        return
    _is_initializing = True
    try:
        _check_capability()
        for function in _queued:
            function()
    finally:
        _is_initializing = False
    _initialized = True
"""
PLACE = "function:_check_capability"
CODE = "from torch._slimwheel import check_devices as _check_devices; _check_devices()"


@pytest.fixture
def code() -> DeviceCode:
    return {
        "rule": "device-code",
        "devices": ["8.0", "9.0"],
        "ptx": False,
        "architectures": ["sm_80", "sm_90a", "compute_70", "compute_90a"],
        "served": ["8.0", "8.6", "9.0"],
    }


@pytest.fixture
def gpu(tmp_path: Path, manifest: Manifest, code: DeviceCode) -> Path:
    """The package as a build for two GPUs has it; other manifests may be written over it."""
    manifest |= {
        "distribution": "torch_gpu",
        "version": "2.14.1+sm80.sm90",
        "recipe": {"name": "gpu", "text": ""},
        "upstream": manifest["upstream"] | {"version": "2.14.1"},
        "removed": [
            {
                "rule": "device-code",
                "files": 1,
                "bytes": 1,
                "reason": "a GPU runs what was made for it",
                "loses": "running on other GPUs",
                "dev": False,
                "modules": [],
                "paths": [],
            }
        ],
        "guards": [],
        "environment": {},
        "device_code": code,
    }
    root = tmp_path / "site"
    write_package(root, manifest)
    write(root, {"torch/_C.py": NATIVE.encode()})
    cuda = insert(CUDA.encode(), PLACE, CODE, "torch/cuda/__init__.py")
    write(root, {"torch/cuda/__init__.py": cuda})
    return root


def run(python: str, site: Path, scenario: str) -> str:
    return run_scenario(python, site, scenario, SCENARIOS)


@pytest.mark.parametrize(
    "scenario",
    [
        "lists_what_is_left",
        "replaces_the_function_once",
        "warns_once_when_the_check_starts_it_all",
        "warns_of_a_device_without_a_name",
        "goes_on_after_a_device_that_does_not_answer",
        "never_raises",
        "obeys_a_filter_that_makes_errors_of_warnings",
    ],
)
def test_devices(python: str, gpu: Path, scenario: str) -> None:
    run(python, gpu, scenario)


def test_warnings(python: str, gpu: Path) -> None:
    first, second, third = run(python, gpu, "warns_of_each_device_once").split("\n\n")
    assert first == second.replace("GPU3", "GPU1")
    assert first.splitlines() == [
        "GPU1, Tesla T4, has compute capability 7.5. torch_gpu 2.14.1+sm80.sm90 was made for "
        "8.0, 9.0, and has code for 8.0, 8.6, 9.0 only.",
        'Kernels fail on it with "no kernel image is available for execution on the device".',
        "Lost: running on other GPUs",
        "Ways out: upstream's build, if that serves this GPU: "
        "pip uninstall -y torch_gpu torch && pip install torch==2.14.1",
        "or a build of your own for it: slimwheel build --recipe gpu --device 7.5 torch==2.14.1",
    ]
    assert third.startswith("GPU4, NVIDIA Thor, has compute capability 11.0.")
    assert "PTX" not in third


def test_warnings_where_ptx_is_kept(
    python: str, gpu: Path, manifest: Manifest, code: DeviceCode
) -> None:
    code["ptx"] = True
    write(gpu, boot_files("torch", manifest))
    first, _, third = run(python, gpu, "warns_of_each_device_once").split("\n\n")
    assert "PTX" not in first
    assert "Kernels fail on it" in first
    assert "Kernels that upstream has as PTX are compiled for it" in third, "11.0 is more than 9.0"


def test_warnings_where_there_is_code_for_older_gpus_of_the_generation(
    python: str, gpu: Path, manifest: Manifest, code: DeviceCode
) -> None:
    code["served"] = ["7.0", "8.0", "9.0"]
    write(gpu, boot_files("torch", manifest))
    first, *_ = run(python, gpu, "warns_of_each_device_once").split("\n\n")
    assert "It runs code for older GPUs of its generation" in first
    assert "Kernels fail on it" not in first


def test_another_package_asks_when_cuda_is_initialized(
    python: str, gpu: Path, manifest: Manifest, code: DeviceCode
) -> None:
    """torchvision has device code of its own, and torch knows the GPUs."""
    write(gpu, boot_files("torch", manifest))
    code |= {"devices": ["9.0"], "architectures": ["sm_90"], "served": ["9.0"]}
    manifest |= {
        "distribution": "torchvision_gpu",
        "version": "0.29.1+sm90",
        "upstream": manifest["upstream"] | {"name": "torchvision", "version": "0.29.1"},
        "recipe": {"name": "torchvision-gpu", "text": ""},
    }
    write(gpu, boot_files("torchvision", manifest))
    (edit,) = load_recipe("torchvision-gpu").recipe.python
    source = insert(b"from . import extension\n", edit.place, edit.code, edit.file)
    write(gpu, {edit.file: source, "torchvision/extension.py": b"import torch.cuda\n"})
    said = run(python, gpu, "warns_for_another_package")
    assert "torchvision_gpu 0.29.1+sm90 was made for 9.0" in said
    assert "slimwheel build --recipe torchvision-gpu --device 8.0 torchvision==0.29.1" in said


def test_libraries_that_do_not_say_what_they_were_compiled_for(python: str, gpu: Path) -> None:
    write(gpu, {"torch/_C.py": b""})
    run(python, gpu, "does_without_the_function")


def test_builds_that_leave_device_code_alone(python: str, gpu: Path, manifest: Manifest) -> None:
    manifest["device_code"] = None
    write(gpu, boot_files("torch", manifest))
    run(python, gpu, "leaves_other_builds_alone")
