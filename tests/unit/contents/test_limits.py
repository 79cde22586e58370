"""Limits of platforms, budgets, and whose bytes count."""

import shutil
from pathlib import Path

import pytest

from slimwheel.contents import LIMITS, Budget, excesses, required_by, verdicts_on
from slimwheel.contents.beside import find_beside
from slimwheel.errors import UsageError
from tests.support.upstream import make_wheel

DOCS = Path(__file__).parents[3] / "docs" / "inspect.md"


def test_a_limit_is_met_by_its_last_byte() -> None:
    fits = {v.limit.name: v.fits for v in verdicts_on(262_144_000, 104_857_600)}
    assert fits == dict.fromkeys(fits, True)
    over = {v.limit.name: v.fits for v in verdicts_on(262_144_001, 104_857_601)}
    assert over == {"AWS Lambda, zip": False, "AWS Lambda, image": True, "PyPI, one file": False}


def test_limits_are_documented_with_their_sources() -> None:
    text = DOCS.read_text("utf-8")
    for limit in LIMITS:
        assert f"{limit.bytes:,}" in text
        assert limit.source in text


def test_budgets() -> None:
    assert excesses("w", 100, 50, Budget()) == []
    assert excesses("w", 100, 50, Budget(installed=100, wheel=50)) == []
    (one,) = excesses("w", 100, 50, Budget(installed=99, wheel=50))
    assert one.to_json() == {
        "file": "w", "counts": "installed", "size": 100, "budget": 99, "excess": 1,
    }  # fmt: skip
    assert len(excesses("w", 100, 50, Budget(0, 0))) == 2


def test_what_is_required() -> None:
    requirements = [
        "typing_extensions>=4.10.0",
        'optree>=0.13; extra == "optree"',
        'triton==3.8; platform_system == "Linux"',
        'pywin32; sys_platform == "win32"',
        'dataclasses; python_version < "3.7"',
        "Typing-Extensions",
    ]
    assert required_by(requirements, ["cp311"]) == ["typing-extensions", "triton"]
    assert required_by(requirements, ["cp36"]) == ["typing-extensions", "triton", "dataclasses"]


def test_wheels_beside(tmp_path: Path) -> None:
    own = make_wheel(tmp_path, {"p/a.py": "a"}, name="p", version="1.0")
    other = make_wheel(tmp_path, {"q/a.py": "a" * 1000}, name="Q-q", version="1.0")
    (tmp_path / "elsewhere").mkdir()
    moved = own.rename(tmp_path / "elsewhere" / own.name)
    shutil.copy(moved, own)
    beside = find_beside([tmp_path], moved)
    assert beside.files == (other.name,)
    assert beside.projects == {"q-q"}
    assert 1000 < beside.installed < 2000
    assert find_beside([tmp_path, other], own) == beside, "named twice, counted once"
    make_wheel(tmp_path, {"q/a.py": "a"}, name="Q-q", version="2.0")
    with pytest.raises(UsageError, match="one more wheel of q-q"):
        find_beside([tmp_path], own)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no wheels"):
        find_beside([tmp_path / "empty"], own)
