"""Where the bytes of real wheels are: sums are exact, and some figures that are known otherwise."""

import zipfile
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from slimwheel.contents import Breakdown, Kind, by_kind, by_section, by_target, contents_of
from tests.support.pages import needs_browser, opened
from tests.support.real import slimwheel

pytestmark = [pytest.mark.wheels, pytest.mark.xdist_group("inspect")]


@pytest.fixture(
    scope="module", params=["torch_cpu_upstream", "torch_cuda_upstream", "torch_100_upstream"]
)
def looked_at(request: pytest.FixtureRequest) -> tuple[Path, Breakdown]:
    path: Path = request.getfixturevalue(request.param)
    return path, contents_of(path)


def test_sums_are_exact(looked_at: tuple[Path, Breakdown]) -> None:
    path, breakdown = looked_at
    with zipfile.ZipFile(path) as archive:
        assert breakdown.installed == sum(info.file_size for info in archive.infolist())
    assert breakdown.size == path.stat().st_size
    kinds = by_kind(breakdown.members).values()
    assert sum(tally.installed for tally in kinds) == breakdown.installed
    assert sum(tally.download for tally in kinds) + breakdown.overhead == breakdown.size
    for member in breakdown.members:
        assert member.trouble is None, member.name
        if member.parts:
            assert sum(part.size for part in member.parts) == member.installed, member.name


def test_sections_are_those_that_pyelftools_finds(
    looked_at: tuple[Path, Breakdown], tmp_path: Path
) -> None:
    path, breakdown = looked_at
    largest = max((m for m in breakdown.members if m.parts), key=lambda m: m.installed)
    with zipfile.ZipFile(path) as archive:
        file = Path(archive.extract(largest.name, tmp_path))
    with file.open("rb") as stream:
        sections = {
            section.name: section["sh_size"]
            for section in ELFFile(stream).iter_sections()
            if section["sh_type"] not in ("SHT_NOBITS", "SHT_NULL")
        }
    found: dict[str, int] = {}
    for part in largest.parts:
        found[part.section] = found.get(part.section, 0) + part.size
    for name, size in sections.items():
        assert found.get(name, 0) == size, name
    file.unlink()


def test_torch_213(torch_cpu_upstream: Path) -> None:
    breakdown = contents_of(torch_cpu_upstream)
    sections, kinds = by_section(breakdown.members), by_kind(breakdown.members)
    symbols = sections[".symtab"].installed + sections[".strtab"].installed
    assert symbols == pytest.approx(134e6, rel=0.01)
    assert kinds[Kind.HEADERS].installed == pytest.approx(39e6, rel=0.02)
    assert Kind.DEVICE_CODE not in kinds
    assert kinds[Kind.TEST_PROGRAMS].members > 100


def test_torch_214(torch_cuda_upstream: Path) -> None:
    breakdown = contents_of(torch_cuda_upstream)
    kinds, targets = by_kind(breakdown.members), by_target(breakdown.members)
    assert sum(tally.installed for tally in targets.values()) == kinds[Kind.DEVICE_CODE].installed
    assert {"sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"} <= set(targets)
    assert kinds[Kind.DEVICE_CODE].installed == pytest.approx(369e6, rel=0.01)


@needs_browser
def test_the_page_of_13_000_files_draws_some_hundred_tiles(
    torch_cuda_upstream: Path, tmp_path: Path
) -> None:
    place = tmp_path / "page.html"
    slimwheel("inspect", "--recipe", "cpu", "--html", place, torch_cuda_upstream)
    assert place.stat().st_size < 3e6
    with opened(tmp_path / "profile") as page:
        page.open(place)
        assert page.console() == []
        assert 100 < page.tiles < 1000
        page.open(place, "torch/include/ATen/ops")
        assert 100 < page.tiles < 1100
        assert page.console() == []
