"""Facts about members, each found once, with scratch files that keep out of each other's way."""

from pathlib import Path

import pytest

from slimwheel.elf import ElfShapeError
from slimwheel.plan import Facts
from slimwheel.recipe import ContentKind
from slimwheel.wheelfile.wheel import Wheel
from tests.support.native import native_members
from tests.support.upstream import make_wheel

LIBRARIES = {name: data for name, data in native_members().items() if name.endswith(".so")}


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    members = {**LIBRARIES, "lib.a": b"!<arch>\n...", "empty": b"", "text.so": b"INPUT(-lc)\n"}
    return make_wheel(tmp_path_factory.mktemp("facts"), members)


def test_kinds_are_told_from_contents(upstream: Path, tmp_path: Path) -> None:
    with Wheel.open(upstream) as wheel, Facts(wheel, tmp_path) as facts:
        assert {facts.kind(name) for name in LIBRARIES} == {ContentKind.ELF}
        assert facts.kind("lib.a") is ContentKind.STATIC_ARCHIVE
        assert facts.kind("empty") is None
        assert facts.kind("text.so") is None


def test_a_file_that_is_released_leaves_the_others_alone(upstream: Path, tmp_path: Path) -> None:
    """One that comes later must not be unpacked over one that is still mapped."""
    first, second, third, *_ = sorted(LIBRARIES)
    with Wheel.open(upstream) as wheel, Facts(wheel, tmp_path) as facts:
        facts.elf(first)
        held = facts.elf(second)
        facts.release(first)
        facts.elf(third)
        assert held.mapped[:] == LIBRARIES[second]
        assert facts.elf(third).mapped[:] == LIBRARIES[third]


def test_a_file_of_unknown_shape_is_unpacked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    upstream = make_wheel(tmp_path, {"arm.so": b"\x7fELF\x01\x01\x01".ljust(64, b"\0")})
    with Wheel.open(upstream) as wheel, Facts(wheel, scratch) as facts:
        assert facts.known_elf("arm.so") is None
        assert list(scratch.iterdir()) == []
        monkeypatch.setattr(wheel, "walk", None)
        assert facts.known_elf("arm.so") is None
        with pytest.raises(ElfShapeError, match="32-bit"):
            facts.elf("arm.so")


def test_scratch_files_are_freed(upstream: Path, tmp_path: Path) -> None:
    name = min(LIBRARIES)
    with Wheel.open(upstream) as wheel, Facts(wheel, tmp_path) as facts:
        found = facts.elf(name)
        assert facts.elf(name) is found
        facts.release(name)
        facts.release(name)
        assert list(tmp_path.iterdir()) == []
