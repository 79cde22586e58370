"""The smoke import of a torchvision, which requires a slim torch that no index has."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.upstream import TAG, make_torch_wheel
from tests.support.vision_native import make_vision

HERE = f"cp{sys.version_info.major}{sys.version_info.minor}"
THIS_PYTHON = TAG.replace("cp311", HERE)
FAILED_CHECKS = 7


def build(recipe: str, wheel: Path, output: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "slimwheel", "build", "--recipe", recipe, "--no-network"]
    return subprocess.run(
        [*command, *more, "--output-dir", str(output), str(wheel)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def torch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a slim torch and its companion."""
    directory = tmp_path_factory.mktemp("torch")
    wheel = make_torch_wheel(directory, tags=[THIS_PYTHON])
    done = build("cpu", wheel, directory / "dist")
    assert done.returncode == 0, done.stderr
    return directory / "dist"


def test_it_is_found_where_the_result_goes(torch: Path, tmp_path: Path) -> None:
    done = build("torchvision-cpu", make_vision(tmp_path, tag=THIS_PYTHON), torch)
    assert done.returncode == 0, done.stderr
    assert "smoke import passed" in done.stderr


def test_it_is_found_where_the_user_says(torch: Path, tmp_path: Path) -> None:
    wheel = make_vision(tmp_path, tag=THIS_PYTHON)
    done = build("torchvision-cpu", wheel, tmp_path / "dist", "--find-links", str(torch))
    assert done.returncode == 0, done.stderr
    assert "smoke import passed" in done.stderr


def test_without_it_nothing_is_imported_and_no_index_asked(tmp_path: Path) -> None:
    done = build("torchvision-cpu", make_vision(tmp_path, tag=THIS_PYTHON), tmp_path / "dist")
    assert done.returncode == 0, done.stderr
    assert "smoke import skipped" in done.stderr
    assert "--find-links says where slim wheels are that it requires" in done.stderr


def test_a_library_that_cannot_be_loaded_fails_the_build(torch: Path, tmp_path: Path) -> None:
    """Also where importing the package itself says nothing."""
    wheel = make_vision(tmp_path, tag=THIS_PYTHON, undefined=True)
    done = build("torchvision-cpu", wheel, tmp_path / "dist", "--find-links", str(torch))
    assert done.returncode == FAILED_CHECKS, done.stderr
    assert "undefined symbol: nowhere_at_all" in done.stderr
    assert not list((tmp_path / "dist").glob("*.whl"))
