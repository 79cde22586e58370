"""The contents of wheels: sums are exact, and nothing that is damaged is counted as sound."""

import zipfile
from pathlib import Path

import pytest

from slimwheel.contents import (
    Breakdown,
    Kind,
    by_directory,
    by_kind,
    by_section,
    by_target,
    contents_of,
    library_contents,
)
from slimwheel.errors import ElfError, WheelError
from tests.support.fatbins import HandMade, container, image
from tests.support.native import native_members
from tests.support.upstream import make_torch_wheel, make_wheel

DEVICE = "torch/lib/libtorch_cuda.so"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    code = [container([image(80, payload=b"8" * 5000), image(90, payload=b"9" * 3000)])]
    members: dict[str, bytes | str] = {
        DEVICE: HandMade({".nv_fatbin": code}).build(),
        "torch/lib/libodd.so": b"\x7fELF and no more",
        "torch/empty.txt": "",
    }
    return make_torch_wheel(tmp_path_factory.mktemp("wheel"), members=members)


@pytest.fixture(scope="module")
def breakdown(wheel: Path) -> Breakdown:
    return contents_of(wheel)


def test_sums_are_exact(wheel: Path, breakdown: Breakdown) -> None:
    with zipfile.ZipFile(wheel) as archive:
        infos = {info.filename: info for info in archive.infolist()}
    assert breakdown.size == wheel.stat().st_size
    assert breakdown.installed == sum(info.file_size for info in infos.values())
    assert {member.name for member in breakdown.members} == set(infos)
    for member in breakdown.members:
        assert member.installed == infos[member.name].file_size
        assert member.download == infos[member.name].compress_size
        assert sum(share[2] for share in member.shares) == member.installed
        assert sum(share[3] for share in member.shares) == member.download
    for tallies in (by_kind(breakdown.members), by_directory(breakdown.members)):
        sums = [sum(column) for column in zip(*tallies.values(), strict=True)]
        assert sums[0] == breakdown.installed
        assert sums[1] + breakdown.overhead == breakdown.size
    assert breakdown.overhead > 0


def test_kinds_and_targets(breakdown: Breakdown) -> None:
    kinds = by_kind(breakdown.members)
    for kind in (Kind.HOST_CODE, Kind.PYTHON, Kind.HEADERS, Kind.CMAKE, Kind.LICENCES, Kind.DEBUG):
        assert kinds[kind].installed > 0
    programs = ("torch/bin/test_api", "torch/test/basic", "torch/lib/libtorchbind_test.so")
    sizes = [len(native_members()[name]) for name in programs]
    assert (kinds[Kind.TEST_PROGRAMS].installed, kinds[Kind.TEST_PROGRAMS].members) == (
        sum(sizes),
        len(programs),
    )
    targets = by_target(breakdown.members)
    assert list(targets)[:2] == ["sm_80", "sm_90"]
    assert targets["sm_80"].installed == 64 + 5000
    assert sum(tally.installed for tally in targets.values()) == kinds[Kind.DEVICE_CODE].installed


def test_sections_count_over_all_libraries(breakdown: Breakdown) -> None:
    sections = by_section(breakdown.members)
    assert sections[".nv_fatbin"].members == 1
    assert sections[".text"].members == len(native_members())


def test_directories_by_depth(breakdown: Breakdown) -> None:
    assert list(by_directory(breakdown.members, depth=0)) == ["(top)"]
    tops = by_directory(breakdown.members, depth=1)
    assert set(tops) == {"torch/", "functorch/", "torchgen/", "torch-2.13.0+cpu.dist-info/"}
    assert "torch/lib/" in by_directory(breakdown.members)


def test_an_elf_file_that_is_damaged_is_named(breakdown: Breakdown) -> None:
    odd = breakdown.member("torch/lib/libodd.so")
    assert odd is not None
    assert (odd.kind, odd.parts) == (Kind.OTHER, ())
    assert "libodd.so" in str(odd.trouble)
    assert [m.name for m in breakdown.members if m.trouble] == ["torch/lib/libodd.so"]


def test_progress_reaches_the_end(wheel: Path) -> None:
    told: list[tuple[int, int]] = []
    breakdown = contents_of(wheel, lambda done, total: told.append((done, total)))
    assert told[-1] == (breakdown.installed, breakdown.installed)
    assert told == sorted(told)


def test_nothing_is_left_behind(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    contents_of(wheel)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_member_is_an_error(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, {"torch/lib/libc10.so": native_members()["torch/lib/libc10.so"]})
    with zipfile.ZipFile(wheel) as archive:
        info = archive.getinfo("torch/lib/libc10.so")
    data = bytearray(wheel.read_bytes())
    data[info.header_offset + 200] ^= 0xFF
    wheel.write_bytes(data)
    with pytest.raises(WheelError, match="libc10"):
        contents_of(wheel)


def test_one_library(tmp_path: Path) -> None:
    path = tmp_path / "libc10.so"
    path.write_bytes(native_members()["torch/lib/libc10.so"])
    library = library_contents(path)
    assert library.installed == path.stat().st_size == sum(part.size for part in library.parts)
    path.write_bytes(b"\x7fELF")
    with pytest.raises(ElfError):
        library_contents(path)
