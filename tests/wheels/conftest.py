"""What the cpu recipe makes of real upstream wheels, and environments with the one and the other.

Session fixtures are made once in each worker: what shares them shares a group of xdist.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.upstream_environment import upstream_environment as untouched
from slimwheel.verify.environments import Environment, create_environment, find_python
from tests.support.real import Built, build, plan

EXTRAS = ("numpy",)
# What torch's operator database imports besides.
DATABASE = ("expecttest",)
# What C++ extensions are built with.
COMPILING = ("ninja", "setuptools")


@pytest.fixture(scope="session")
def built(torch_cpu_upstream: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The slim wheels of 2.13.0, the official CPU build."""
    return build(torch_cpu_upstream, tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="session")
def planned(torch_cpu_upstream: Path) -> dict[str, Any]:
    """What `slimwheel plan --json` says of 2.13.0."""
    return plan(torch_cpu_upstream, "--recipe", "cpu")


@pytest.fixture(scope="session")
def built_from_cuda(torch_cuda_upstream: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The slim wheels of 2.14.1, built for CUDA 13."""
    return build(torch_cuda_upstream, tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="session")
def planned_from_cuda(torch_cuda_upstream: Path) -> dict[str, Any]:
    """What `slimwheel plan --json` says of 2.14.1."""
    return plan(torch_cuda_upstream, "--recipe", "cpu")


@pytest.fixture(scope="session")
def renamed_100(torch_100_upstream: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """torch 1.0.0 for CUDA 9.0 under a name that people give it."""
    wheel = tmp_path_factory.mktemp("renamed") / "torch-1.0.0.whl"
    wheel.symlink_to(torch_100_upstream)
    return wheel


@pytest.fixture(scope="session")
def built_100(renamed_100: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The slim wheels of 1.0.0."""
    return build(renamed_100, tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="session")
def planned_100(renamed_100: Path) -> dict[str, Any]:
    """What `slimwheel plan --json` says of 1.0.0."""
    return plan(renamed_100, "--recipe", "cpu")


@pytest.fixture(scope="session")
def built_gpu(torch_cuda_upstream: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """2.14.1 for H100s. Importing it takes 4.4 GB of dependencies, which slow tests have."""
    options = ("--device", "h100", "--no-smoke")
    return build(torch_cuda_upstream, tmp_path_factory.mktemp("built"), *options, recipe="gpu")


@pytest.fixture(scope="session")
def built_gpu_100(renamed_100: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """1.0.0 for V100s."""
    options = ("--device", "7.0", "--no-smoke")
    return build(renamed_100, tmp_path_factory.mktemp("built"), *options, recipe="gpu")


@pytest.fixture(scope="session")
def planned_gpu_100(renamed_100: Path) -> dict[str, Any]:
    """What `slimwheel plan --json` says of 1.0.0 for V100s."""
    return plan(renamed_100, "--recipe", "gpu", "--device", "7.0")


@pytest.fixture(scope="session")
def python36() -> Path:
    """The Python that 1.0.0 is for."""
    found = find_python("3.6")
    if found is None:
        pytest.skip("torch 1.0.0 is for Python 3.6, and no python3.6 that runs is on PATH")
    return found


@pytest.fixture(scope="session")
def python311() -> Path:
    """The Python that 2.13.0 and 2.14.1 are for."""
    found = find_python("3.11")
    if found is None:
        pytest.skip("the wheel is for Python 3.11, which is not here")
    return found


def _environment(
    factory: pytest.TempPathFactory, python: Path, wheels: Sequence[Path], *more: str
) -> Environment:
    environment = create_environment(factory.mktemp("environment") / "env", python)
    environment.install(*wheels, *more, *EXTRAS, *DATABASE)
    return environment


@pytest.fixture(scope="session")
def upstream_environment(
    torch_cpu_upstream: Path, python311: Path, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """A fresh environment with 2.13.0, the official CPU build."""
    return _environment(tmp_path_factory, python311, [torch_cpu_upstream])


@pytest.fixture(scope="session")
def slim_environment(
    built: Built, python311: Path, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """A fresh environment with slim 2.13.0. Tests that install more make one of their own."""
    return _environment(tmp_path_factory, python311, [built.slim, built.companion])


@pytest.fixture(scope="session")
def dev_environment(
    built: Built, python311: Path, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """A fresh environment with slim 2.13.0 and its dev wheel, and what C++ extensions need."""
    wheels = [built.slim, built.companion, built.dev]
    return _environment(tmp_path_factory, python311, wheels, *COMPILING)


@pytest.fixture(scope="session")
def from_cuda_environment(
    built_from_cuda: Built, python311: Path, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """A fresh environment with slim 2.14.1. Tests that install more make one of their own."""
    wheels = [built_from_cuda.slim, built_from_cuda.companion]
    return _environment(tmp_path_factory, python311, wheels)


@pytest.fixture(scope="session")
def from_cuda_dev_environment(
    built_from_cuda: Built, python311: Path, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """A fresh environment with slim 2.14.1 and its dev wheel, and what C++ extensions need."""
    wheels = [built_from_cuda.slim, built_from_cuda.companion, built_from_cuda.dev]
    return _environment(tmp_path_factory, python311, wheels, *COMPILING)


@pytest.fixture(scope="session")
def environment_100(
    built_100: Built,
    python36: Path,
    torchvision_021: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Environment:
    """A fresh environment with slim 1.0.0, what caffe2 imports, and torchvision."""
    directory = tmp_path_factory.mktemp("environment") / "env"
    environment = create_environment(directory, python36, installer="pip")
    # The pip that Python 3.6 brings takes the versions of files from a constraint, if there is one.
    files = [built_100.slim, built_100.companion, torchvision_021]
    environment.install(*files, deps=False, offline=True)
    environment.install(*EXTRAS, "protobuf", "future", "six", "pillow")
    return environment


@pytest.fixture(scope="session")
def gpu_environment_100(
    built_gpu_100: Built, python36: Path, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """A fresh environment with 1.0.0 for 7.0, and what caffe2 imports."""
    directory = tmp_path_factory.mktemp("environment") / "env"
    environment = create_environment(directory, python36, installer="pip")
    environment.install(built_gpu_100.slim, built_gpu_100.companion, deps=False, offline=True)
    environment.install(*EXTRAS, "protobuf", "future", "six", "pillow")
    return environment


@pytest.fixture(scope="session")
def untouched_214(torch_cuda_upstream: Path, python311: Path) -> Environment:
    """2.14.1 as upstream has it, with its 4.4 GB of dependencies; shared, so left as it is."""
    return untouched(torch_cuda_upstream, python311)


@pytest.fixture
def caches(tmp_path: Path) -> dict[str, str]:
    """Caches of compiled code, fresh for each test."""
    return {
        "TORCH_EXTENSIONS_DIR": str(tmp_path / "extensions"),
        "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "inductor"),
    }
