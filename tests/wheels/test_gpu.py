"""What the gpu recipe makes of real CUDA wheels, read by code that shares none with slimwheel."""

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from slimwheel.cuda import ComputeCapability, kept, prune
from slimwheel.elf import ElfFile, check_layout, find_patchelf, shorten, slim
from slimwheel.verify.static import check_wheel
from tests.support.device_images import counts, is_pruned_from, read_sections, read_wrappers
from tests.support.real import Built, slimwheel

pytestmark = [pytest.mark.wheels, pytest.mark.xdist_group("torch-gpu")]

LIBRARIES_214 = ("libtorch_cuda.so", "libtorch_cuda_linalg.so", "libtorch_nvshmem.so")
LIBRARIES_100 = ("libcaffe2_gpu.so", "libcaffe2_detectron_ops_gpu.so")


@pytest.fixture(scope="module")
def libraries(
    built_gpu: Built,
    torch_cuda_upstream: Path,
    built_gpu_100: Built,
    torch_100_upstream: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, tuple[Path, Path]]:
    """Every library with device code, before and after, by name."""
    found = {}
    for upstream, built, names in (
        (torch_cuda_upstream, built_gpu.slim, LIBRARIES_214),
        (torch_100_upstream, built_gpu_100.slim, LIBRARIES_100),
    ):
        for name in names:
            before, after = (
                unpacked(wheel, f"torch/lib/{name}", tmp_path_factory.mktemp(name))
                for wheel in (upstream, built)
            )
            found[name] = before, after
    return found


def unpacked(wheel: Path, member: str, directory: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(member, directory))


@pytest.mark.parametrize(
    ("built", "wheel", "installed"),
    [("built_gpu", 216e6, 602e6), ("built_gpu_100", 236e6, 560e6)],
)
def test_sizes(built: str, wheel: float, installed: float, request: pytest.FixtureRequest) -> None:
    (slim, *_) = request.getfixturevalue(built).report["outputs"]
    assert slim["download"] <= wheel
    assert slim["installed"] <= installed


def test_nothing_is_left_as_it_was(built_gpu: Built, built_gpu_100: Built) -> None:
    for built in (built_gpu, built_gpu_100):
        assert not [w for w in built.report["warnings"] if "device code" in w or "headers" in w]


@pytest.mark.parametrize("name", [*LIBRARIES_214, *LIBRARIES_100])
def test_kept_images_are_upstreams_and_every_wrapper_finds_its_own(
    libraries: dict[str, tuple[Path, Path]], name: str
) -> None:
    wanted = {"sm_90", "sm_90a"} if name in LIBRARIES_214 else {"sm_70"}
    before, after = (read_wrappers(path, hashed=True) for path in libraries[name])
    assert len(before) == len(after) > 0
    for old, new in zip(before, after, strict=True):
        assert (new.address, new.version) == (old.address, old.version)
        assert new.pointer == new.loaded == new.container.address
        assert is_pruned_from(new.container.images, old.container.images)
        kept = [image for image in old.container.images if image.target[1] in wanted]
        assert list(new.container.images) == [i for i in kept if i.kind == "elf"]


@pytest.mark.parametrize("name", [*LIBRARIES_214, *LIBRARIES_100])
def test_inspect_counts_what_is_there(libraries: dict[str, tuple[Path, Path]], name: str) -> None:
    for path in libraries[name]:
        report = json.loads(slimwheel("inspect", "--cuda", "--json", path).stdout)["libraries"][0]
        sections = read_sections(path)
        assert report["containers"] == {name: len(found) for name, found in sections.items()}
        expected = counts([container for found in sections.values() for container in found])
        told = {target: part["images"] for target, part in report["targets"].items()}
        words = {"elf": "sm", "ptx": "compute", "lto": "lto"}
        assert told == {
            target.replace("sm", words[kind]): count for (kind, target), count in expected.items()
        }


@pytest.mark.parametrize("name", ["libtorch_cuda_linalg.so", "libtorch_nvshmem.so"])
def test_pruning_and_patchelf_in_any_order(
    libraries: dict[str, tuple[Path, Path]], name: str, tmp_path: Path
) -> None:
    """Twice is once, and a library that patchelf has changed can be pruned, before and after."""
    long = ":".join(f"$ORIGIN/{number:080}" for number in range(60))
    found = {}
    for order in ("prune patch prune", "patch prune", "prune prune"):
        path = tmp_path / f"{order}.so"
        shutil.copy(libraries[name][0], path)
        steps: list[str] = []
        for step in order.split():
            if step == "patch":
                subprocess.run([find_patchelf(), "--set-rpath", long, path], check=True)
            else:
                first = step not in steps
                assert prune_file(path) == first
            steps.append(step)
        found[order] = [w.container.images for w in read_wrappers(path, hashed=True)]
    assert found["prune patch prune"] == found["patch prune"] == found["prune prune"]


def prune_file(path: Path) -> bool:
    """Prune a library for 9.0; return whether that changed it."""
    data = path.read_bytes()
    elf = ElfFile.parse(data, str(path))
    pruning = prune(elf, lambda images: kept(images, [ComputeCapability(9, 0)]))
    shortened = shorten(elf, pruning.sizes) if pruning.sizes else None
    edits = slim(elf, patches=pruning.patches, shortened=shortened)
    new = b"".join(map(bytes, edits.chunks(data)))
    assert check_layout(ElfFile.parse(new, "new")) == []
    path.write_bytes(new)
    return bool(pruning.patches)


def test_findings_are_upstreams(built_gpu: Built, torch_cuda_upstream: Path) -> None:
    upstream, slim = (
        {(f.code, f.member, f.subject) for f in check_wheel(wheel)}
        for wheel in (torch_cuda_upstream, built_gpu.slim)
    )
    assert slim <= upstream


def test_the_dev_wheel_has_the_headers(built_gpu: Built) -> None:
    with zipfile.ZipFile(built_gpu.dev) as archive:
        names = archive.namelist()
    assert "torch/include/ATen/cuda/CUDAContext.h" in names
    assert built_gpu.dev.name.startswith("torch_gpu_dev-2.14.1+sm90-")


def test_what_it_requires(built_gpu: Built, torch_cuda_upstream: Path) -> None:
    upstream, slim = (requirements(wheel) for wheel in (torch_cuda_upstream, built_gpu.slim))
    assert slim - upstream == {"torch==2.14.1+slim.gpu"}
    assert upstream <= slim


def requirements(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        lines = archive.read(name).decode().partition("\n\n")[0].splitlines()
    key = "Requires-Dist: "
    return {line.removeprefix(key) for line in lines if line.startswith(key)}
