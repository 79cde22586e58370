"""What judges pruned device code, held to upstream's libraries and to NVIDIA's own tools.

Most of it needs wheels of NVIDIA's (80 MB) besides torch's; what is slow also an environment with
all that torch requires, or gigabytes of memory.
"""

import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from benchmarks.upstream_environment import upstream_environment as untouched
from tests.support import nvidia_tools
from tests.support.cuobjdump import called, extracted, listed
from tests.support.device_images import (
    Container,
    counts,
    read_sections,
    read_wrappers,
)
from tests.support.live_wrappers import Count, count, live_wrappers
from tests.support.multi_arch import multi_arch_library
from tests.support.nvjitlink import FOUND, NONE, REFUSED, Question, accepted, device_name
from tests.support.registration_spy import of_library, spied_torch

pytestmark = [pytest.mark.wheels, pytest.mark.xdist_group("device-oracles")]

Unpack = Callable[[str], Path]


def _unpacking(wheel: Path, folder: Path) -> Unpack:
    def unpacked(name: str) -> Path:
        place = folder / "torch" / "lib" / name
        if not place.exists():
            with zipfile.ZipFile(wheel) as archive:
                archive.extract(f"torch/lib/{name}", folder)
        return place

    return unpacked


@pytest.fixture(scope="module")
def of_214(torch_cuda_upstream: Path, tmp_path_factory: pytest.TempPathFactory) -> Unpack:
    """Libraries of 2.14.1, by name."""
    return _unpacking(torch_cuda_upstream, tmp_path_factory.mktemp("upstream"))


@pytest.fixture(scope="module")
def of_100(torch_100_upstream: Path, tmp_path_factory: pytest.TempPathFactory) -> Unpack:
    """Libraries of 1.0.0, by name."""
    return _unpacking(torch_100_upstream, tmp_path_factory.mktemp("upstream"))


def _by_architecture(containers: Sequence[Container]) -> dict[str, int]:
    return {
        ("ptx " if kind == "ptx" else "") + device[3:]: number
        for (kind, device), number in counts(list(containers)).items()
    }


def test_what_2_14_has(of_214: Unpack) -> None:
    (found,) = read_sections(of_214("libtorch_cuda.so")).values()
    assert len(found) == 475
    assert _by_architecture(found) == {
        **dict.fromkeys(("75", "80", "86", "90", "100", "120"), 475),
        **dict.fromkeys(("100a", "103f"), 59),
        **dict.fromkeys(("89", "120a", "121a"), 1),
        "90a": 4,
    }
    (found,) = read_sections(of_214("libtorch_cuda_linalg.so")).values()
    assert _by_architecture(found) == dict.fromkeys(("80", "86", "90", "100", "120"), 65)
    both = read_sections(of_214("libtorch_nvshmem.so"))
    assert _by_architecture(both[".nv_fatbin"]) == dict.fromkeys(
        ("75", "80", "86", "90", "100", "120"), 1
    )
    assert _by_architecture(both["__nv_relfatbin"]) == {
        **dict.fromkeys(("75", "80", "90", "100", "120"), 3),
        **dict.fromkeys(("89", "ptx 120"), 2),
        "86": 1,
    }


def test_what_1_0_has(of_100: Unpack) -> None:
    both = read_sections(of_100("libcaffe2_gpu.so"))
    assert [sum(not each.images for each in found) for found in both.values()] == [4, 0]
    linked, relinkable = both[".nv_fatbin"], both["__nv_relfatbin"]
    assert (len(linked), len(relinkable)) == (848, 183)
    cubins = {"35": 796, "50": 762, "60": 766, "61": 344, "70": 773}
    few = dict.fromkeys(("37", "52", "53"), 60)
    assert _by_architecture(linked) == cubins | few | {"ptx 50": 309}
    assert _by_architecture(relinkable) == {"35": 181, "50": 181, "60": 183, "61": 21, "70": 183}


LIBRARIES = [
    ("of_214", "libtorch_cuda.so", Counter({1: 475})),
    ("of_214", "libtorch_cuda_linalg.so", Counter({1: 65})),
    ("of_214", "libtorch_nvshmem.so", Counter({1: 3, 2: 1})),
    ("of_100", "libcaffe2_gpu.so", Counter({1: 1029, 2: 2})),
]


@pytest.mark.parametrize(
    ("release", "name", "versions"), LIBRARIES, ids=[name for _, name, _ in LIBRARIES]
)
def test_each_container_has_one_wrapper(
    release: str, name: str, versions: Counter[int], request: pytest.FixtureRequest
) -> None:
    library = request.getfixturevalue(release)(name)
    wrappers = read_wrappers(library)
    containers = [each for found in read_sections(library).values() for each in found]
    assert sorted(each.container.start for each in wrappers) == sorted(
        each.start for each in containers
    )
    assert Counter(each.version for each in wrappers) == versions
    # What the file has at the pointer's place is what the loader writes there.
    assert {each.loaded for each in wrappers if each.loaded != each.pointer} == set()


def _ask(nvjitlink: Path, library: Path, devices: Sequence[str]) -> dict[str, Counter[str]]:
    containers = [each for found in read_sections(library).values() for each in found]
    asked = [
        Question(library, each.start, each.end, device) for device in devices for each in containers
    ]
    answers: dict[str, Counter[str]] = {device: Counter() for device in devices}
    for question, answer in zip(asked, accepted(nvjitlink, asked), strict=True):
        answers[question.device][answer] += 1
    return answers


def test_nvidias_linker_takes_what_torch_has_for_a_device(of_214: Unpack) -> None:
    cuda = of_214("libtorch_cuda.so")
    capabilities = ((7, 5), (8, 0), (8, 6), (8, 9), (9, 0), (10, 0), (12, 0))
    for_these = [device_name(*each) for each in capabilities]
    assert _ask(nvidia_tools.nvjitlink(), cuda, for_these) == {
        device: {FOUND: 475} for device in for_these
    }
    others = ["sm_70", "sm_103a", "sm_110a", "sm_121a"]
    assert _ask(nvidia_tools.nvjitlink(), cuda, others) == {
        "sm_70": {"unknown device": 475},
        "sm_103a": {FOUND: 144, REFUSED: 331},
        "sm_110a": {NONE: 475},
        "sm_121a": {FOUND: 433, REFUSED: 42},
    }
    linalg = of_214("libtorch_cuda_linalg.so")
    assert _ask(nvidia_tools.nvjitlink(), linalg, ["sm_75", "sm_86", "sm_103a"]) == {
        "sm_75": {NONE: 65},
        "sm_86": {FOUND: 65},
        "sm_103a": {FOUND: 42, REFUSED: 23},
    }


def test_an_older_linker_takes_what_1_0_has(of_100: Unpack) -> None:
    library = of_100("libcaffe2_gpu.so")
    # For none of these PTX has to be compiled, which takes seconds for each container.
    assert _ask(nvidia_tools.nvjitlink_12(), library, ["sm_50", "sm_60", "sm_61", "sm_70"]) == {
        "sm_50": {FOUND: 943, NONE: 88},
        "sm_60": {FOUND: 949, NONE: 82},
        "sm_61": {FOUND: 952, NONE: 79},
        "sm_70": {FOUND: 956, NONE: 75},
    }


# Which images libnvJitLink takes for a device, if it has one of them alone. A GPU is its most
# specific name: sm_90 does not take images for sm_90a, which a GPU of 9.0 does.
TAKES = {
    "sm_75": "75",
    "sm_80": "80 ptx80",
    "sm_86": "80 86 ptx80",
    "sm_87": "80 86 ptx80",
    "sm_89": "80 86 89 ptx80",
    "sm_90": "90 ptx80",
    "sm_90a": "90 90a ptx80 ptx90a",
    "sm_100a": "100 100a ptx80",
    "sm_103a": "100 103 ptx80",
    "sm_110a": "ptx80",
    "sm_120a": "120 ptx80",
    "sm_121a": "120 ptx80",
}
FAMILIES = {"sm_100a": "100f", "sm_103a": "100f 103f", "sm_120a": "120f", "sm_121a": "120f"}
# 5.3, 6.2 and 7.2 are parts of a processor.
OLD = {
    "sm_50": "50",
    "sm_52": "50 52",
    "sm_53": "53",
    "sm_60": "60",
    "sm_61": "60 61",
    "sm_62": "",
    "sm_70": "70",
    "sm_72": "",
    "sm_75": "70",
}


def _taken(
    nvjitlink: Path, library: Path, container: Container, folder: Path, devices: Sequence[str]
) -> dict[str, str]:
    """Ask about each image of a container alone."""
    data = library.read_bytes()[container.start : container.end]
    place, files = 16, {}
    for image in container.images:
        name = ("ptx" if image.kind == "ptx" else "") + image.target[1][3:]
        files[name] = folder / f"{name}.fatbin"
        head = data[:8] + image.size.to_bytes(8, "little")
        files[name].write_bytes(head + data[place : place + image.size])
        place += image.size
    assert place == len(data)
    pairs = [(device, name) for device in devices for name in files]
    asked = [Question(files[name], 0, files[name].stat().st_size, of) for of, name in pairs]
    answers = zip(pairs, accepted(nvjitlink, asked), strict=True)
    found = [pair for pair, answer in answers if answer == FOUND]
    return {device: " ".join(sorted(_names(device, found), key=_numbers)) for device in devices}


def _names(device: str, pairs: Sequence[tuple[str, str]]) -> list[str]:
    return [name for of, name in pairs if of == device]


def _numbers(name: str) -> tuple[bool, int, str]:
    return name.startswith("ptx"), int("".join(filter(str.isdigit, name))), name


def test_which_image_a_device_takes(tmp_path: Path) -> None:
    cubins = ("75", "80", "86", "89", "90", "90a", "100", "100a", "103", "120")
    library = multi_arch_library(tmp_path, cubins=cubins, ptx=("80", "90a"))
    container = read_sections(library)[".nv_fatbin"][-1]
    nvjitlink = nvidia_tools.nvjitlink()
    assert _taken(nvjitlink, library, container, tmp_path, list(TAKES)) == TAKES


def test_which_image_of_a_family_a_device_takes(tmp_path: Path) -> None:
    library = multi_arch_library(tmp_path, cubins=("100f", "103f", "120f"), ptx=())
    container = read_sections(library)[".nv_fatbin"][-1]
    nvjitlink = nvidia_tools.nvjitlink()
    assert _taken(nvjitlink, library, container, tmp_path, list(FAMILIES)) == FAMILIES


def test_which_image_an_older_device_takes(of_100: Unpack, tmp_path: Path) -> None:
    library = of_100("libcaffe2_gpu.so")
    container = next(each for each in read_sections(library)[".nv_fatbin"] if len(each.images) == 8)
    assert "ptx" not in {image.kind for image in container.images}
    nvjitlink = nvidia_tools.nvjitlink_12()
    assert _taken(nvjitlink, library, container, tmp_path, list(OLD)) == OLD


def _in_order(library: Path) -> list[tuple[str, str]]:
    both = read_sections(library)
    containers = [*both[".nv_fatbin"], *both.get("__nv_relfatbin", [])]
    return [called(image) for container in containers for image in container.images]


@pytest.mark.parametrize("name", ["libtorch_cuda_linalg.so", "libtorch_nvshmem.so"])
def test_cuobjdump_sees_the_same_images(of_214: Unpack, tmp_path: Path, name: str) -> None:
    library, program = of_214(name), nvidia_tools.cuobjdump()
    order = _in_order(library)
    assert listed(program, library, everything=True) == order
    for kind in ("elf", "ptx"):
        images = extracted(program, library, tmp_path, kind=kind, everything=True)
        assert [device for device, _ in images] == [device for is_, device in order if is_ == kind]
        assert len(set(images)) == len(images)
    one = [image for image in extracted(program, library, tmp_path) if image[0] == "sm_80"]
    assert extracted(program, library, tmp_path, "sm_80") == one != []


@pytest.mark.slow
def test_cuobjdump_sees_the_same_images_in_the_largest(of_214: Unpack, tmp_path: Path) -> None:
    library, program = of_214("libtorch_cuda.so"), nvidia_tools.cuobjdump()
    assert listed(program, library, everything=True) == _in_order(library)
    assert len(set(extracted(program, library, tmp_path, "sm_75"))) == 475


@pytest.mark.slow
def test_an_older_cuobjdump_sees_the_same_images_in_1_0(of_100: Unpack) -> None:
    library, program = of_100("libcaffe2_gpu.so"), nvidia_tools.old_cuobjdump()
    assert listed(program, library, everything=True) == _in_order(library)


@pytest.mark.slow
def test_what_2_14_tells_the_runtime(
    torch_cuda_upstream: Path, python311: Path, tmp_path: Path
) -> None:
    environment = untouched(torch_cuda_upstream, python311)
    counted = {
        "libtorch_cuda.so": (475, 23708),
        "libtorch_cuda_linalg.so": (65, 1387),
        "libtorch_nvshmem.so": (1, 10),
    }
    found = spied_torch(environment, tmp_path, *counted)
    assert all(each.ended for each in found)
    for name, (registered, kernels) in counted.items():
        library = environment.site_packages / "torch" / "lib" / name
        own = of_library(found, name)
        assert (len(own), sum(len(each.functions) for each in own)) == (registered, kernels)
        read = {wrapper.address: wrapper for wrapper in read_wrappers(library)}
        for each in own:
            wrapper = read[each.wrapper]
            assert (each.version, each.address) == (wrapper.version, wrapper.loaded)
            assert each.size == wrapper.container.size
        # All the others are what those with version 2 were linked from.
        addresses = [each.address for each in own] + [
            place for each in own for place in each.linked
        ]
        assert sorted(addresses) == sorted(each.container.address for each in read.values())


@pytest.mark.slow
def test_what_is_in_memory_of_2_14(torch_cuda_upstream: Path, python311: Path) -> None:
    environment = untouched(torch_cuda_upstream, python311)
    library = environment.site_packages / "torch" / "lib" / "libtorch_cuda.so"
    found = live_wrappers(environment.python, library, imports=["torch"])
    assert count(found) == Count(wrappers=475, valid=475, empty=0, images=2975)


@pytest.mark.slow
def test_what_is_in_memory_of_1_0(torch_100_upstream: Path, python36: Path) -> None:
    """It has a runtime of its own, so that nothing between the two can be watched."""
    environment = untouched(torch_100_upstream, python36)
    library = environment.site_packages / "torch" / "lib" / "libcaffe2_gpu.so"
    found = live_wrappers(environment.python, library, imports=["torch"])
    assert count(found) == Count(wrappers=1031, valid=1031, empty=4, images=4679)
