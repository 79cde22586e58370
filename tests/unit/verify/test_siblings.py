"""Wheels that are installed with a slim one are found beside it, and nowhere else."""

from pathlib import Path

import pytest

from slimwheel.errors import UsageError
from slimwheel.verify.siblings import with_siblings
from tests.support.upstream import make_wheel


def wheel(folder: Path, name: str, version: str, *requires: str) -> Path:
    folder.mkdir(exist_ok=True)
    extra = [f"Requires-Dist: {text}" for text in requires]
    return make_wheel(
        folder, {f"{name}.py": ""}, name=name, version=version, metadata_extra=extra,
        tags=["py3-none-any"],
    )  # fmt: skip


def names(found: list[Path]) -> list[str]:
    return [path.name.split("-")[0] for path in found]


def test_the_companion_and_what_it_leads_to(tmp_path: Path) -> None:
    requires = ("torch-cpu==2.0", "pillow", "vision==0.1+slim.cpu")
    vision = wheel(tmp_path, "vision_cpu", "0.1", *requires)
    wheel(tmp_path, "torch_cpu", "2.0", "torch==2.0+slim.cpu", "numpy>=1")
    wheel(tmp_path, "torch_cpu", "1.0", "torch==1.0+slim.cpu")
    wheel(tmp_path, "torch", "2.0+slim.cpu")
    wheel(tmp_path, "vision", "0.1+slim.cpu")
    wheel(tmp_path, "numpy", "2.0")
    assert names(with_siblings(vision)) == ["vision_cpu", "torch_cpu", "vision", "torch"]


def test_other_directories_are_looked_through(tmp_path: Path) -> None:
    slim = wheel(tmp_path / "a", "torch_cpu", "2.0", "torch==2.0+slim.cpu")
    wheel(tmp_path / "b", "torch", "2.0+slim.cpu")
    with pytest.raises(UsageError, match=r"torch==2\.0\+slim\.cpu, which is not beside it"):
        with_siblings(slim)
    assert names(with_siblings(slim, [tmp_path / "b"])) == ["torch_cpu", "torch"]


def test_a_wheel_without_siblings(tmp_path: Path) -> None:
    plain = wheel(tmp_path, "plain", "1.0", "numpy==2.0", 'extra==1; extra == "more"')
    wheel(tmp_path, "extra", "1")
    assert with_siblings(plain) == [plain]
