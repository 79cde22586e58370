"""Other people's packages for CUDA, in one environment or one process with slim torch 2.14.1."""

import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from slimwheel.fetch import fetch
from slimwheel.verify.environments import Environment, create_environment
from tests.support.real import Built, python_says, script_says

pytestmark = [pytest.mark.wheels, pytest.mark.xdist_group("torch-cuda")]


@pytest.fixture(scope="module")
def vision_environment(
    built_from_cuda: Built,
    torchvision_cuda: Path,
    python311: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Environment:
    environment = create_environment(tmp_path_factory.mktemp("vision") / "env", python311)
    environment.install(built_from_cuda.slim, built_from_cuda.companion, "numpy")
    # It requires torch==2.14.1, which the companion is.
    environment.install(torchvision_cuda)
    return environment


def test_torchvision_for_cuda_installs_beside_it(vision_environment: Environment) -> None:
    program = """
import importlib.metadata, json
found = importlib.metadata.distributions()
print(json.dumps({each.metadata["Name"].lower(): each.version for each in found}))
"""
    versions = json.loads(python_says(vision_environment, program))
    assert versions["torch"] == "2.14.1+slim.cpu"
    assert versions["torchvision"] == "0.29.1"
    assert [name for name in versions if name.startswith(("nvidia", "cuda", "triton"))] == []


def test_torchvision_for_cuda_works(vision_environment: Environment) -> None:
    results = json.loads(script_says(vision_environment, "vision.py"))
    assert {"nms", "roi_align", "decode_jpeg", "resnet18"} < set(results)
    assert results["decode_jpeg on CUDA"].startswith(
        "RuntimeError: Cannot access accelerator device when none is available."
    )


@pytest.fixture(scope="module")
def cudart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CUDA's own runtime library, of the release that torch 2.14.1 is built for."""
    wheel = fetch(
        "nvidia-cuda-runtime==13.0.96", python="3.11", platform="manylinux_2_28_x86_64"
    ).path
    path = tmp_path_factory.mktemp("cudart") / "libcudart.so.13"
    with zipfile.ZipFile(wheel) as archive:
        path.write_bytes(archive.read("nvidia/cu13/lib/libcudart.so.13"))
    return path


# Where the runtime library says how many devices there are, NVIDIA's own looks for a driver first.
COMMON = """
import ctypes, json, sys
def loaded():
    maps = open("/proc/self/maps").read().split()
    return sorted({path for path in maps if "libcudart" in path})
def ask(library):
    count, version = ctypes.c_int(-1), ctypes.c_int(-1)
    error = library.cudaGetDeviceCount(ctypes.byref(count))
    library.cudaRuntimeGetVersion(ctypes.byref(version))
    return error, count.value, version.value
def torch_works():
    import torch
    with torch.profiler.profile():
        total = (torch.ones(9, 9) @ torch.ones(9, 9)).sum().item()
    try:
        torch.ones(2).cuda()
    except AssertionError as error:
        return torch.cuda.is_available(), torch.cuda.device_count(), total, str(error)
"""
WORKS = [False, 0, 729.0, "Torch not compiled with CUDA enabled"]
NO_DRIVER, NVIDIAS_VERSION = 35, 13000
SHADOW = [0, 0, 0]


def test_cuda_runtime_that_was_there_before(
    from_cuda_environment: Environment, cudart: Path
) -> None:
    program = (
        COMMON
        + """
real = ctypes.CDLL(sys.argv[1], mode=ctypes.RTLD_GLOBAL)
before = ask(real)
works = torch_works()
print(json.dumps([before, works, ask(real), loaded()]))
"""
    )
    before, works, after, loaded = json.loads(python_says(from_cuda_environment, program, cudart))
    assert works == WORKS
    assert before[0] == NO_DRIVER
    assert before == after
    assert loaded == [str(cudart)]  # it serves torch, too


def test_cuda_runtime_that_is_loaded_later(
    from_cuda_environment: Environment, cudart: Path, tmp_path: Path
) -> None:
    """By its path it is NVIDIA's; who asks for it by name, as libraries do, gets the shadow."""
    source, user = tmp_path / "user.c", tmp_path / "user.so"
    source.write_text("""
int cudaGetDeviceCount(int *), cudaRuntimeGetVersion(int *), cudaMalloc(void **, unsigned long);
int count(void) { int n = -1, e = cudaGetDeviceCount(&n); return 100 * e + n; }
int allocate(void) { void *p; return cudaMalloc(&p, 16); }
""")
    options = ["-shared", "-fPIC", f"-Wl,-rpath,{cudart.parent}"]
    subprocess.run(["gcc", *options, "-o", user, source, cudart], check=True)
    program = (
        COMMON
        + """
works = torch_works()
by_path, by_name = ask(ctypes.CDLL(sys.argv[1])), ask(ctypes.CDLL("libcudart.so.13"))
user = ctypes.CDLL(sys.argv[2])
print(json.dumps([works, by_path, by_name, user.count(), user.allocate(), torch_works()]))
"""
    )
    said = json.loads(python_says(from_cuda_environment, program, cudart, user))
    works, by_path, by_name, count, error, works_still = said
    assert works == works_still == WORKS
    assert by_path[0] == NO_DRIVER
    assert by_path[2] == NVIDIAS_VERSION
    assert by_name == SHADOW
    assert (count, error) == (0, 100)  # no devices; and to all else, cudaErrorNoDevice


def test_functions_that_a_shadow_lacks(from_cuda_environment: Environment, tmp_path: Path) -> None:
    """A library that needs more of cuDNN is refused by the loader, unless cuDNN came first."""
    cudnn, user = tmp_path / "libcudnn.so.9", tmp_path / "user.so"
    source = tmp_path / "source.c"
    # The second is what torch asks for, and NVIDIA's has.
    source.write_text(
        "int cudnnCreate(void) { return 3; }\nint cudnnGetProperty(void) { return 4; }"
    )
    versions = tmp_path / "versions"
    versions.write_text("libcudnn.so.9 { global: cudnn*; };")
    options = ["gcc", "-shared", "-fPIC", f"-Wl,-rpath,{tmp_path}"]
    named = ["-Wl,-soname,libcudnn.so.9", f"-Wl,--version-script={versions}"]
    subprocess.run([*options, *named, "-o", cudnn, source], check=True)
    source.write_text("int cudnnCreate(void); int use(void) { return cudnnCreate(); }")
    subprocess.run([*options, "-o", user, source, cudnn], check=True)
    program = """
import ctypes, os, sys
user, order = sys.argv[1:]
if order == "first":
    ctypes.CDLL(user, mode=os.RTLD_NOW)
import torch
try:
    print(ctypes.CDLL(user, mode=os.RTLD_NOW).use())
except OSError as error:
    print(error)
"""
    said = python_says(from_cuda_environment, program, user, "later")
    assert said == f"{user}: undefined symbol: cudnnCreate, version libcudnn.so.9"
    assert python_says(from_cuda_environment, program, user, "first") == "3"
