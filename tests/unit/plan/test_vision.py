"""What becomes of a torchvision look-alike: one stand-in of its own, and libraries that load."""

import ctypes
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from slimwheel.build import BuildOptions, BuildReport, build_wheel
from slimwheel.elf import ElfFile
from slimwheel.errors import NothingToDo, WheelError
from slimwheel.plan import Switches
from slimwheel.plan.answers import is_variable
from slimwheel.recipe import load_recipe
from slimwheel.wheelfile.wheel import Wheel
from tests.support.upstream import make_wheel
from tests.support.vision_native import make_vision

MESSAGE = "CUDA is not available: this torchvision was made for the CPU, without CUDA's libraries"
STAND_IN = "torchvision.libs/libtvnocuda.so"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> BuildReport:
    directory = tmp_path_factory.mktemp("vision")
    options = BuildOptions(directory / "dist")
    return build_wheel(make_vision(directory), load_recipe("torchvision-cpu"), options)


@pytest.fixture(scope="module")
def unpacked(report: BuildReport, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(report.slim.path) as archive:
        archive.extractall(directory)
    return directory


def elf(path: Path) -> ElfFile:
    return ElfFile.parse(path.read_bytes(), path.name)


def test_one_library_stands_in_for_all(unpacked: Path) -> None:
    found = {path.name for path in unpacked.glob("torchvision.libs/*")}
    assert found == {"libtvnocuda.so", "libjpeg.12345678.so.8"}
    stand_in = elf(unpacked / STAND_IN)
    assert stand_in.soname == "libtvnocuda.so"
    assert {"libcudart.so.13", "libnvjpeg.so.13"} <= set(stand_in.version_definitions)


@pytest.mark.parametrize("name", ["_C.so", "image.so"])
def test_libraries_need_it_in_place_of_cudas(unpacked: Path, name: str) -> None:
    library = elf(unpacked / "torchvision" / name)
    assert "libtvnocuda.so" in library.needed
    named = {*library.needed, *library.version_needs}
    assert not [each for each in named if "cudart" in each or "nvjpeg" in each or "c10" in each]
    assert "$ORIGIN/../torchvision.libs" in (library.rpath or library.runpath or "")
    assert "conda" not in (library.rpath or library.runpath or "")


CALLS = """
import ctypes, json, sys
ops, image = (ctypes.CDLL(path) for path in sys.argv[1:])
ops.ops_call.restype = image.image_decode_cuda.restype = ctypes.c_char_p
said = [ops.ops_call(number).decode() for number in range(4)]
print(json.dumps([*said, image.image_decode(6), image.image_decode_cuda(1).decode()]))
"""


def test_what_calls_answer(unpacked: Path) -> None:
    libraries = [unpacked / "torchvision" / name for name in ("_C.so", "image.so")]
    done = subprocess.run(
        [sys.executable, "-c", CALLS, *libraries], capture_output=True, text=True, check=True
    )
    cpu, devices, function, variable, decoded, nvjpeg = json.loads(done.stdout)
    assert (cpu, decoded) == ("42", 7)
    assert devices == "0"  # success, and none
    back = "pip uninstall -y torchvision_cpu torchvision && pip install torchvision==0.28.0"
    names = ("c10::cuda::device_count", "c10::cuda::Caching::allocator", "nvjpegDecode")
    for said, name in zip((function, variable, nvjpeg), names, strict=True):
        assert said.splitlines()[0] == f"{name}: {MESSAGE}"
        assert "Lost: running torchvision's operators" in said
        assert said.endswith(back)


def test_what_is_written_in(report: BuildReport, unpacked: Path) -> None:
    assert report.outputs[1].filename == "torchvision-0.28.0+slim.cpu-py3-none-any.whl"
    with Wheel.open(report.slim.path) as wheel:
        required = wheel.metadata.get_all("Requires-Dist")
    assert required == ["torch-cpu (==2.13.0)", "torchvision==0.28.0+slim.cpu"]
    assert not (unpacked / "torch_ergonomics").exists()
    manifest = json.loads((unpacked / "torchvision/_slimwheel/manifest.json").read_text())
    assert (manifest["distribution"], manifest["upstream"]["name"]) == (
        "torchvision_cpu",
        "torchvision",
    )
    assert manifest["dev"] is None
    assert (
        "RIVALS = ['torchvision_gpu']" in (unpacked / "torchvision/_slimwheel/build.py").read_text()
    )
    first = (unpacked / "torchvision/__init__.py").read_text().splitlines()[0]
    assert first.startswith("from torchvision._slimwheel import before")
    assert "'0.28.0+cpu'" in (unpacked / "torchvision/version.py").read_text()
    assert "return -1" in (unpacked / "torchvision/extension.py").read_text()


def test_the_loader_finds_nothing_by_cudas_names(unpacked: Path) -> None:
    """What another library asks for under these names is not ours to answer."""
    program = """
import ctypes, os, sys
ctypes.CDLL(sys.argv[1])
for name in ("libcudart.so.13", "libc10_cuda.so", "libnvjpeg.so.13"):
    try:
        ctypes.CDLL(name, mode=os.RTLD_NOLOAD)
        print(name)
    except OSError:
        pass
"""
    library = unpacked / "torchvision/image.so"
    done = subprocess.run(
        [sys.executable, "-c", program, library], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""


def test_of_an_official_cpu_build_symbols_and_rpaths_go(tmp_path: Path) -> None:
    wheel = make_vision(tmp_path, cuda=False)
    report = build_wheel(wheel, load_recipe("torchvision-cpu"), BuildOptions(tmp_path / "dist"))
    assert report.slim.filename.startswith("torchvision_cpu-0.28.0+cpu-")
    assert {s.rule.id for s in report.summaries if s.members} == {"symbols", "rpath"}
    with zipfile.ZipFile(report.slim.path) as archive:
        assert not [name for name in archive.namelist() if "nocuda" in name]
        assert archive.read("torchvision/version.py") == b"__version__ = '0.28.0+cpu'\n"
        metadata = archive.read("torchvision_cpu-0.28.0+cpu.dist-info/METADATA").decode()
        archive.extractall(tmp_path / "new")
    assert "Requires-Dist: torch-cpu (==2.13.0)\n" in metadata
    assert ctypes.CDLL(str(tmp_path / "new/torchvision/_C.so")).ops() == 42


def test_requirements_keep_their_markers(tmp_path: Path) -> None:
    wheel = make_vision(tmp_path, torch='Torch[opt]>=2.0,<3; python_version >= "3.8"')
    report = build_wheel(wheel, load_recipe("torchvision-cpu"), BuildOptions(tmp_path / "dist"))
    with Wheel.open(report.slim.path) as slim:
        required = slim.metadata.get_all("Requires-Dist")
    assert required[0] == 'torch-cpu[opt]>=2.0,<3; python_version >= "3.8"'


def test_without_the_rule_cuda_nothing_is_renamed(tmp_path: Path) -> None:
    options = BuildOptions(tmp_path / "dist", switches=Switches(keep=("cuda",)), local="whole")
    report = build_wheel(make_vision(tmp_path), load_recipe("torchvision-cpu"), options)
    with zipfile.ZipFile(report.slim.path) as archive:
        library = ElfFile.parse(archive.read("torchvision/_C.so"), "_C.so")
        assert {"libcudart.so.13", "libc10_cuda.so"} <= set(library.needed)
        assert b"13000" in archive.read("torchvision/extension.py")


def test_python_alone_has_nothing_to_remove(tmp_path: Path) -> None:
    members = {"torchvision/__init__.py": "from torchvision import models\n"}
    tags = ["py2-none-any", "py3-none-any"]
    wheel = make_wheel(
        tmp_path, members, name="torchvision", version="0.2.2", tags=tags, purelib=True
    )
    with pytest.raises(NothingToDo):
        build_wheel(wheel, load_recipe("torchvision-cpu"), BuildOptions(tmp_path / "dist"))


@pytest.mark.parametrize("recipe", ["cpu", "gpu"])
def test_recipes_for_torch_name_those_for_it(tmp_path: Path, recipe: str) -> None:
    with pytest.raises(WheelError, match="not torch, the distribution that recipe") as caught:
        build_wheel(make_vision(tmp_path), load_recipe(recipe), BuildOptions(tmp_path / "dist"))
    assert caught.value.hint == "Choose one that is for it: torchvision-cpu or torchvision-gpu."


def test_a_distribution_without_a_recipe(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, {"torchaudio/__init__.py": ""}, name="torchaudio", version="2.0")
    with pytest.raises(WheelError) as caught:
        build_wheel(wheel, load_recipe("cpu"), BuildOptions(tmp_path / "dist"))
    assert "No recipe that comes with slimwheel is for torchaudio" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("symbol", "variable"),
    [
        ("_ZN3c104cuda20CUDACachingAllocator9allocatorE", True),
        ("_ZN3c104cuda12device_countEv", False),
        ("_ZNK3c104cuda10CUDAStream5queryEv", False),
        ("_ZTVN3c104cuda4impl13CUDAGuardImplE", False),
        ("cudaMalloc", False),
        ("_ZN9broken", False),
        ("_ZGVZN3c104cuda13warning_stateEvE14warning_state_", False),
    ],
)
def test_variables_are_told_by_their_names(symbol: str, variable: bool) -> None:
    assert is_variable(symbol) is variable
