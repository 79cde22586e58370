"""What judges pruned device code, judged itself: on containers by hand, and on NVIDIA's compiler's.

`tests/wheels/test_device_oracles.py` holds it to upstream's libraries and to NVIDIA's tools.
"""

import ast
import hashlib
import struct
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support import walk_wrappers
from tests.support.compiled_fatbins import compile_library
from tests.support.device_images import counts, is_pruned_from, read_sections, read_wrappers
from tests.support.live_wrappers import Count, count, live_wrappers
from tests.support.multi_arch import CUBINS, KERNELS, multi_arch_library
from tests.support.registration_spy import of_library, spied

PYTHON = Path(sys.executable)
TARGETS = Counter({("elf", f"sm_{number}"): 1 for number in CUBINS} | {("ptx", "sm_80"): 1})


def image(kind: int, arch: int, flags: int = 0, payload: bytes = b"code" * 10) -> bytes:
    head = struct.pack(
        "<HHIQIIHHIIIQQQ", kind, 0x101, 72, len(payload), 0, 0, 0, 0, arch, 0, 0, flags, 0, 0
    )
    return head.ljust(72, b"\0") + payload


def container(*images: bytes) -> bytes:
    body = b"".join(images)
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(body)) + body


FIRST = [image(2, 75), image(1, 80), image(2, 90, 1 << 20), image(2, 103, 1 << 21), image(64, 7)]
SECTIONS = {
    ".nv_fatbin": [container(*FIRST), container(), container(image(2, 80, payload=b"8" * 24))],
    "__nv_relfatbin": [container(image(8, 90))],
}


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_library(
        tmp_path_factory.mktemp("by_hand"), SECTIONS, wrapped=[2, 0, 1, 3], versions={3: 2}
    )


def test_every_image_is_read_with_its_device_and_hash(by_hand: Path) -> None:
    found = read_sections(by_hand, hashed=True)
    assert list(found) == list(SECTIONS)
    images = [list(each.images) for each in found[".nv_fatbin"]]
    assert [read.target for read in images[0]] == [
        ("elf", "sm_75"),
        ("ptx", "sm_80"),
        ("elf", "sm_90a"),
        ("elf", "sm_103f"),
        ("64", "sm_7"),
    ]
    assert [read.sha256 for read in images[0]] == [
        hashlib.sha256(written).hexdigest() for written in FIRST
    ]
    assert images[1] == []
    assert counts(found["__nv_relfatbin"]) == {("lto", "sm_90"): 1}
    for name, containers in found.items():
        data = by_hand.read_bytes()
        assert [data[each.start : each.end] for each in containers] == SECTIONS[name]
    assert {read.sha256 for read in read_sections(by_hand)[".nv_fatbin"][0].images} == {""}


def test_wrappers_are_followed_as_the_loader_fills_them_in(by_hand: Path) -> None:
    found = read_wrappers(by_hand, hashed=True)
    in_sections = read_sections(by_hand, hashed=True)
    order = [*in_sections[".nv_fatbin"], *in_sections["__nv_relfatbin"]]
    assert [wrapper.container for wrapper in found] == [order[place] for place in (2, 0, 1, 3)]
    assert [wrapper.version for wrapper in found] == [1, 1, 1, 2]
    assert {wrapper.loaded for wrapper in found} == {each.address for each in order}


def test_what_is_kept_is_some_of_upstreams_in_its_order(by_hand: Path) -> None:
    images = read_sections(by_hand, hashed=True)[".nv_fatbin"][0].images
    assert is_pruned_from(images, images)
    assert is_pruned_from((images[0], images[2]), images)
    assert is_pruned_from((), images)
    assert not is_pruned_from((images[2], images[0]), images)
    assert not is_pruned_from((images[0], images[0]), images)
    assert not is_pruned_from((images[0]._replace(sha256="0" * 64),), images)


@pytest.mark.parametrize("at", [0, 4, 6, 8, 16 + 4, 16 + 8])
def test_damage_is_not_passed_over(by_hand: Path, tmp_path: Path, at: int) -> None:
    (first, *_) = read_sections(by_hand)[".nv_fatbin"]
    damaged = tmp_path / by_hand.name
    data = bytearray(by_hand.read_bytes())
    data[first.start + at + 1] ^= 0xFF
    damaged.write_bytes(data)
    for read in (read_sections, read_wrappers):
        with pytest.raises(AssertionError):
            read(damaged)
    assert {bool(each.problem) for each in live_wrappers(PYTHON, damaged)} == {True, False}


def test_wrappers_in_the_live_process(by_hand: Path) -> None:
    found = live_wrappers(PYTHON, by_hand)
    assert count(found) == Count(wrappers=4, valid=4, empty=1, images=7)
    for live, read in zip(found, read_wrappers(by_hand), strict=True):
        assert (live.version, live.address) == (read.version, read.loaded)
        assert (live.size, live.images) == (read.container.size, len(read.container.images))


def test_a_pointer_out_of_the_library_is_seen(by_hand: Path, tmp_path: Path) -> None:
    damaged = tmp_path / by_hand.name
    data = by_hand.read_bytes()
    (_, second, *_) = read_wrappers(by_hand)
    # The relocation: where the wrapper's pointer is, the kind, and what to write there.
    relocation = struct.pack("<QQQ", second.address + 8, 8, second.pointer)
    assert data.count(relocation) == 1
    away = struct.pack("<QQQ", second.address + 8, 8, 1 << 24)
    damaged.write_bytes(data.replace(relocation, away))
    problems = [each.problem for each in live_wrappers(PYTHON, damaged)]
    assert problems == ["", "points out of what is mapped", "", ""]
    with pytest.raises(AssertionError, match="no segment loads"):
        read_wrappers(damaged)


def test_the_walk_is_valid_python_3_5() -> None:
    ast.parse(Path(walk_wrappers.__file__).read_bytes(), feature_version=(3, 5))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return multi_arch_library(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def relocatable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    far = ":".join(f"/far/away/{number}" for number in range(200))
    folder = tmp_path_factory.mktemp("relocatable")
    return multi_arch_library(folder, relocatable=True, runpath=f"{far}:$ORIGIN")


def _spied(library: Path, scratch: Path) -> list[tuple[int, list[str], list[str], int, bool]]:
    program = f"import ctypes; ctypes.CDLL({str(library)!r})"
    found = of_library(spied([PYTHON, "-c", program], scratch), library.name)
    places = {wrapper.address: wrapper for wrapper in read_wrappers(library)}
    for each in found:
        read = places[each.wrapper]
        assert each.address == read.loaded
        assert each.size == read.container.size
        assert [arch for _, arch, _, _ in each.images] == [i.arch for i in read.container.images]
    return [(e.version, e.functions, e.variables, len(e.images), e.ended) for e in found]


def test_what_nvidias_compiler_makes(whole: Path, tmp_path: Path) -> None:
    linked, one, two = read_sections(whole)[".nv_fatbin"]
    assert counts([one]) == counts([two]) == TARGETS
    assert counts([linked]) == TARGETS - Counter({("ptx", "sm_80"): 1})
    assert [wrapper.version for wrapper in read_wrappers(whole)] == [2, 1, 1]
    assert count(live_wrappers(PYTHON, whole)) == Count(3, 3, 0, 20)
    # What there is to link again is nothing: the container that linking made is never registered.
    assert _spied(whole, tmp_path) == [
        (1, KERNELS[0], [], 7, True),
        (1, KERNELS[1], ["table"], 7, True),
    ]


def test_relocatable_device_code(relocatable: Path, tmp_path: Path) -> None:
    found = read_sections(relocatable)
    assert {name: len(containers) for name, containers in found.items()} == {
        ".nv_fatbin": 1,
        "__nv_relfatbin": 2,
    }
    assert [wrapper.version for wrapper in read_wrappers(relocatable)] == [2, 1, 1]
    kernels = [*KERNELS[0], *KERNELS[1]]
    assert _spied(relocatable, tmp_path) == [(2, kernels, ["table"], 6, True)]
    program = f"import ctypes; ctypes.CDLL({str(relocatable)!r})"
    (linked,) = spied([PYTHON, "-c", program], tmp_path)
    assert linked.linked == tuple(each.address for each in found["__nv_relfatbin"])
