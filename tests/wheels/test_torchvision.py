"""torchvision-cpu and torchvision-gpu, made of real wheels, against upstream's torchvision."""

import json
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from slimwheel.elf import ElfFile
from slimwheel.fetch import fetch
from slimwheel.verify.environments import Environment, create_environment, find_python
from slimwheel.wheelfile.wheel import Wheel
from tests.support.cuobjdump import extracted, listed
from tests.support.nvidia_tools import cuobjdump
from tests.support.real import SLIMWHEEL, Built, python_says, script_says, slimwheel
from tests.support.stand_ins import make_stand_ins

pytestmark = [pytest.mark.wheels, pytest.mark.xdist_group("torch-cuda")]

MESSAGE = "CUDA is not available: this torchvision was made for the CPU, without CUDA's libraries"
# What depends on whether there is a GPU is not upstream's result on the CPU.
ON_CUDA = "decode_jpeg on CUDA"


@dataclass(frozen=True)
class Pair:
    """A slim torchvision, its companion, the build's report, and the slim torch beside them."""

    slim: Path
    companion: Path
    report: dict[str, Any]
    torch: Built


def make_pair(torch: Built, vision: Path) -> Pair:
    """Build a torchvision where the torch that it requires is."""
    output = torch.slim.parent
    words = ("build", "--recipe", "torchvision-cpu", "--json", "--output-dir")
    (report,) = json.loads(slimwheel(*words, output, vision).stdout)["builds"]
    slim, companion = (Path(made["path"]) for made in report["outputs"])
    return Pair(slim, companion, report, torch)


def environment_with(
    factory: pytest.TempPathFactory, python: Path, *wheels: Path, deps: bool = True
) -> Environment:
    environment = create_environment(factory.mktemp("vision") / "env", python)
    environment.install(*wheels, deps=deps)
    if not deps:
        environment.install("sympy", "networkx", "jinja2", "fsspec", "filelock", "pillow")
        environment.install("typing-extensions", "setuptools")
    environment.install("numpy")
    return environment


@pytest.fixture(scope="module")
def official(built: Built, torchvision_cuda_028: Path) -> Pair:
    """0.28.0, for a torch_cpu that was made from the official CPU build."""
    return make_pair(built, torchvision_cuda_028)


@pytest.fixture(scope="module")
def from_cuda(built_from_cuda: Built, torchvision_cuda: Path) -> Pair:
    """0.29.1, for a torch_cpu that was made from a CUDA build, with stand-ins of its own."""
    return make_pair(built_from_cuda, torchvision_cuda)


@pytest.fixture(scope="module")
def official_environment(
    official: Pair, python311: Path, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    wheels = (official.slim, official.companion, official.torch.slim, official.torch.companion)
    return environment_with(tmp_path_factory, python311, *wheels)


@pytest.fixture(scope="module")
def from_cuda_vision(
    from_cuda: Pair, python311: Path, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    wheels = (from_cuda.slim, from_cuda.companion, from_cuda.torch.slim, from_cuda.torch.companion)
    return environment_with(tmp_path_factory, python311, *wheels)


def vision(environment: Environment) -> dict[str, str]:
    results: dict[str, str] = json.loads(script_says(environment, "vision.py"))
    return results


def on_cpu(results: dict[str, str]) -> dict[str, str]:
    return {name: digest for name, digest in results.items() if name != ON_CUDA}


@pytest.fixture(scope="module")
def untouched_on_official(
    torch_cpu_upstream: Path,
    torchvision_cuda_028: Path,
    python311: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """What upstream's 0.28.0 computes, byte for byte as published, on the official torch.

    It is built for CUDA, so that it takes stand-ins to load it; they compute nothing.
    """
    wheels = (torch_cpu_upstream, torchvision_cuda_028)
    environment = environment_with(tmp_path_factory, python311, *wheels, deps=False)
    site = environment.site_packages
    libraries = list((site / "torchvision").glob("*.so"))
    stand_ins = make_stand_ins(libraries, site / "torch/lib", tmp_path_factory.mktemp("stand-ins"))
    program = """
import ctypes, runpy, sys
script, *libraries = sys.argv[1:]
for library in libraries:
    ctypes.CDLL(library)
runpy.run_path(script, run_name="__main__")
"""
    script = Path(__file__).parents[1] / "support/vision.py"
    results: dict[str, str] = json.loads(python_says(environment, program, script, *stand_ins))
    return results


def test_the_build_imports_its_result_beside_torch_cpu(official: Pair, from_cuda: Pair) -> None:
    for pair in (official, from_cuda):
        assert pair.report["smoke"] == {
            "ran": True,
            "detail": "smoke import passed with Python 3.11",
        }
        assert pair.report["warnings"] == []


def test_what_they_are(official: Pair, from_cuda: Pair) -> None:
    assert official.slim.name.startswith("torchvision_cpu-0.28.0-cp311-")
    assert official.companion.name == "torchvision-0.28.0+slim.cpu-py3-none-any.whl"
    torch = {"0.28.0": "torch-cpu (==2.13.0)", "0.29.1": "torch-cpu (>=2.14.0)"}
    for pair in (official, from_cuda):
        with Wheel.open(pair.slim) as wheel:
            required = wheel.metadata.get_all("Requires-Dist")
            assert torch[wheel.version] in required
            assert f"torchvision=={wheel.version}+slim.cpu" in required
            assert not [value for value in required if value.startswith("torch ")]
            assert "torchvision/_slimwheel/manifest.json" in wheel.members
            assert not [name for name in wheel.members if name.startswith("torch_ergonomics")]
            stand_in = wheel.read(wheel.members["torchvision.libs/libtvnocuda.so"])
            assert MESSAGE.encode() in stand_in
            assert not [name for name in wheel.members if "cudart" in name or "nvjpeg" in name]


def test_sizes(official: Pair, from_cuda: Pair) -> None:
    for pair in (official, from_cuda):
        upstream, slim = pair.report["upstream"], pair.report["outputs"][0]
        assert slim["download"] < 0.3 * upstream["download"]
        assert slim["installed"] < 0.35 * upstream["installed"]


def test_beside_torch_of_an_official_cpu_build(
    official_environment: Environment, untouched_on_official: dict[str, str]
) -> None:
    results = vision(official_environment)
    assert on_cpu(results) == on_cpu(untouched_on_official)
    assert results[ON_CUDA] == f"RuntimeError: nvjpegGetProperty: {MESSAGE}"


def test_beside_torch_of_a_cuda_build(
    from_cuda_vision: Environment,
    built_from_cuda: Built,
    torchvision_cuda: Path,
    python311: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Against upstream's own wheel on the same torch, whose stand-ins serve that one too."""
    wheels = (built_from_cuda.slim, built_from_cuda.companion, torchvision_cuda)
    untouched = environment_with(tmp_path_factory, python311, *wheels)
    results = vision(from_cuda_vision)
    assert on_cpu(results) == on_cpu(vision(untouched))
    assert "Cannot access accelerator device when none is available" in results[ON_CUDA]


ABOUT = """
import json, sys, torchvision, torch
from torchvision import version
maps = open("/proc/self/maps").read().split()
loaded = sorted({path.rpartition("/")[2] for path in maps if "/torchvision" in path})
print(json.dumps([torchvision.__version__, hasattr(version, "cuda"), loaded]))
"""


def test_what_it_says_of_itself(
    official_environment: Environment, from_cuda_vision: Environment
) -> None:
    for environment, release in ((official_environment, "0.28.0"), (from_cuda_vision, "0.29.1")):
        version, has_cuda, loaded = json.loads(python_says(environment, ABOUT))
        assert (version, has_cuda) == (f"{release}+cpu", False)
        assert "libtvnocuda.so" in loaded
        done = environment.run([environment.python, "-m", "torch_ergonomics"], check=True)
        assert f"torchvision_cpu {release}, a slim build of torchvision {release}" in done.stdout
        assert "! " not in done.stdout


def test_nobody_else_gets_its_stand_in(official_environment: Environment) -> None:
    """Who asks for CUDA's libraries by their names finds what was there before."""
    program = """
import ctypes, json, os, torchvision
found = []
for name in ("libtvnocuda.so", "libcudart.so.13", "libc10_cuda.so", "libtorch_cuda.so"):
    try:
        ctypes.CDLL(name, mode=os.RTLD_NOLOAD)
        found.append(name)
    except OSError:
        pass
print(json.dumps(found))
"""
    assert json.loads(python_says(official_environment, program)) == ["libtvnocuda.so"]


def refused(recipe: str, wheel: Path, output: Path) -> subprocess.CompletedProcess[str]:
    command = [str(SLIMWHEEL), "build", "--recipe", recipe, "--output-dir", str(output), str(wheel)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("recipe", ["cpu", "gpu"])
def test_recipes_for_torch_name_those_for_torchvision(
    recipe: str, torchvision_cuda: Path, tmp_path: Path
) -> None:
    done = refused(recipe, torchvision_cuda, tmp_path)
    assert done.returncode == 4
    assert f"the distribution that recipe {recipe} is for" in done.stderr
    assert "torchvision-cpu or torchvision-gpu" in done.stderr


def test_a_torchvision_of_python_alone(torchvision_021: Path, tmp_path: Path) -> None:
    done = refused("torchvision-cpu", torchvision_021, tmp_path)
    assert done.returncode == 3
    assert "holds nothing that this recipe removes" in done.stderr


@pytest.fixture(scope="module")
def for_h100(torchvision_cuda: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("built")
    words = ("build", "--recipe", "torchvision-gpu", "--device", "h100", "--no-smoke", "--json")
    done = slimwheel(*words, "--output-dir", output, torchvision_cuda)
    (report,) = json.loads(done.stdout)["builds"]
    slim, companion = (Path(made["path"]) for made in report["outputs"])
    assert companion.name == "torchvision-0.29.1+slim.gpu-py3-none-any.whl"
    return slim


def test_for_a_gpu(for_h100: Path, torchvision_cuda: Path) -> None:
    assert for_h100.name.startswith("torchvision_gpu-0.29.1+sm90-cp311-")
    with Wheel.open(for_h100) as slim, zipfile.ZipFile(torchvision_cuda) as upstream:
        assert "torch-gpu (>=2.14.0)" in slim.metadata.get_all("Requires-Dist")
        inspected = json.loads(slimwheel("inspect", "--cuda", "--json", for_h100).stdout)
        (library,) = (each for each in inspected["libraries"] if "_C_stable" in each["name"])
        assert set(library["targets"]) == {"sm_90"}
        nvidias = [name for name in slim.members if "cudart" in name or "nvjpeg" in name]
        assert len(nvidias) == 2
        for name in nvidias:
            assert slim.read(slim.members[name]) == upstream.read(name)
        # What they need is found as in upstream's: torch brings it.
        for name in ("torchvision/_C_stable.so", "torchvision/image_stable.so"):
            new = ElfFile.parse(slim.read(slim.members[name]), name)
            assert new.needed == ElfFile.parse(upstream.read(name), name).needed


@pytest.mark.slow
def test_for_a_gpu_nvidias_tool_finds_the_images_of_upstream(
    for_h100: Path, torchvision_cuda: Path, tmp_path: Path
) -> None:
    """Every image for 9.0, and no other, uncompressed the same."""
    tool, images = cuobjdump(), []
    for number, wheel in enumerate((for_h100, torchvision_cuda)):
        path, scratch = tmp_path / f"{number}.so", tmp_path / str(number)
        scratch.mkdir()
        with zipfile.ZipFile(wheel) as archive:
            path.write_bytes(archive.read("torchvision/_C_stable.so"))
        images.append(extracted(tool, path, scratch, "sm_90"))
    assert images[0] == images[1] != []
    assert {device for _, device in listed(tool, tmp_path / "0.so")} == {"sm_90"}


@pytest.mark.slow
def test_against_upstreams_torch_and_torchvision(
    from_cuda_vision: Environment,
    untouched_214: Environment,
    torchvision_cuda: Path,
    tmp_path: Path,
) -> None:
    """Everything as published, with NVIDIA's 4.4 GB; nothing is installed into what is shared."""
    words = ("-m", "pip", "install", "--quiet", "--no-deps", "--target", tmp_path)
    untouched_214.run([untouched_214.python, *words, torchvision_cuda, "pillow"], check=True)
    said = script_says(untouched_214, "vision.py", variables={"PYTHONPATH": str(tmp_path)})
    assert on_cpu(json.loads(said)) == on_cpu(vision(from_cuda_vision))


@pytest.mark.slow
def test_one_wheel_beside_both_kinds_of_torch_cpu(
    official: Pair,
    untouched_on_official: dict[str, str],
    python311: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """The same torchvision_cpu 0.28.0, beside a torch_cpu 2.13.0 made from the CUDA build."""
    upstream = fetch("torch===2.13.0", python="3.11", platform="manylinux_2_28_x86_64").path
    output = tmp_path_factory.mktemp("built")
    words = ("build", "--recipe", "cpu", "--no-smoke", "--json", "--output-dir")
    (report,) = json.loads(slimwheel(*words, output, upstream).stdout)["builds"]
    torch = [Path(made["path"]) for made in report["outputs"]]
    wheels = (official.slim, official.companion, *torch)
    environment = environment_with(tmp_path_factory, python311, *wheels)
    assert on_cpu(vision(environment)) == on_cpu(untouched_on_official)


OLD = "manylinux1_x86_64"
RELEASES = [
    ("torch==1.4.0", "torchvision==0.5.0", "3.7"),
    ("torch==1.7.1", "torchvision==0.8.2", "3.8"),
    ("torch==1.11.0", "torchvision==0.12.0", "3.9"),
    ("torch==2.0.1", "torchvision==0.15.2", "3.10"),
    ("torch==2.6.0", "torchvision==0.21.0", "3.13"),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("torch", "torchvision", "python"), RELEASES, ids=[row[1] for row in RELEASES]
)
def test_other_releases(torch: str, torchvision: str, python: str, tmp_path: Path) -> None:
    """The build imports the result beside its torch_cpu, and loads every library of it."""
    for requirement, *options in ((torch, "cpu", "--no-smoke"), (torchvision, "torchvision-cpu")):
        upstream = fetch(requirement, python=python, platform=OLD).path
        words = ("--json", "--output-dir", tmp_path, upstream)
        (report,) = json.loads(slimwheel("build", "--recipe", *options, *words).stdout)["builds"]
    assert report["smoke"]["ran"] == (find_python(python) is not None), report["smoke"]["detail"]
    assert report["outputs"][0]["download"] < 0.4 * report["upstream"]["download"]
