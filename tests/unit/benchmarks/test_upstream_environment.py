"""The cache of untouched environments: found again when whole, made anew when not."""

import sys
from pathlib import Path

import pytest

from benchmarks import upstream_environment as module
from slimwheel.errors import ToolError

PYTHON = Path(sys.executable)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Make environments by writing one file; the places where that was done."""
    places: list[Path] = []

    def make(place: Path, wheels: list[Path], python: Path) -> None:
        assert not place.exists()
        place.mkdir()
        (place / "half").touch()
        places.append(place)
        if wheels[0].read_text() == "broken":
            raise ToolError("no such dependency")

    monkeypatch.setattr(module, "pip_environment", make)
    monkeypatch.setattr(module, "requirements_of", lambda wheels: ["numpy"])
    return places


def test_it_is_made_once(made: list[Path], tmp_path: Path) -> None:
    wheel = tmp_path / "a.whl"
    wheel.write_text("a")
    found = [
        module.upstream_environment(wheel, PYTHON, cache_dir=tmp_path / "cache") for _ in range(2)
    ]
    assert [environment.path for environment in found] == made * 2
    assert found[0].python == made[0] / "bin" / "python"


def test_another_wheel_of_the_same_name_has_its_own(made: list[Path], tmp_path: Path) -> None:
    wheel = tmp_path / "a.whl"
    for content in ("a", "b"):
        wheel.write_text(content)
        module.upstream_environment(wheel, PYTHON, cache_dir=tmp_path / "cache")
    assert len(set(made)) == 2


def test_what_was_left_half_made_is_made_anew(made: list[Path], tmp_path: Path) -> None:
    wheel = tmp_path / "a.whl"
    wheel.write_text("broken")
    for _ in range(2):
        with pytest.raises(ToolError):
            module.upstream_environment(wheel, PYTHON, cache_dir=tmp_path / "cache")
    assert made[0] == made[1]
    assert not (made[0] / "complete").exists()
