"""The smoke import at the end of a build passes, fails the build, or says why it did not run."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.upstream import TAG, make_torch_wheel

HERE = f"cp{sys.version_info.major}{sys.version_info.minor}"
THIS_PYTHON = TAG.replace("cp311", HERE)


def build(wheel: Path, output: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "slimwheel", "build", "--recipe", "cpu", *more]
    return subprocess.run(
        [*command, "--output-dir", str(output), str(wheel)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_passes(tmp_path: Path) -> None:
    wheel = make_torch_wheel(tmp_path, tags=[THIS_PYTHON])
    done = build(wheel, tmp_path / "dist")
    assert done.returncode == 0, done.stderr
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"smoke import passed with Python {version}" in done.stderr


def test_a_result_that_cannot_be_imported_is_removed(tmp_path: Path) -> None:
    broken = {"torch/functional.py": "raise ImportError('no such luck')\n"}
    with_it = make_torch_wheel(tmp_path, members=broken, tags=[THIS_PYTHON])
    recipe = tmp_path / "strict.toml"
    recipe.write_text('extends = "cpu"\n[expect]\nimports = ["torch", "torch.functional"]\n')
    output = tmp_path / "dist"
    command = [sys.executable, "-m", "slimwheel", "build", "--recipe", str(recipe)]
    done = subprocess.run(
        [*command, "--output-dir", str(output), str(with_it)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    assert "no such luck" in done.stderr
    assert list(output.iterdir()) == []


def test_it_says_when_there_is_no_python_for_the_wheel(tmp_path: Path) -> None:
    wheel = make_torch_wheel(tmp_path, tags=[TAG.replace("cp311", "cp399")])
    done = build(wheel, tmp_path / "dist")
    assert done.returncode == 0, done.stderr
    assert "smoke import skipped: Python 3.99 was not found" in done.stderr


@pytest.mark.parametrize(
    ("choice", "code", "word"),
    [("3.99", 2, "--python-for"), ("3.99=/nowhere/python", 5, "/nowhere/python")],
)
def test_a_python_that_was_named_wrongly(tmp_path: Path, choice: str, code: int, word: str) -> None:
    wheel = make_torch_wheel(tmp_path, tags=[TAG.replace("cp311", "cp399")])
    done = build(wheel, tmp_path / "dist", "--python-for", choice)
    assert done.returncode == code, done.stderr
    assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "dist").exists() or not list((tmp_path / "dist").iterdir())


def test_a_budget_that_is_exceeded(tmp_path: Path) -> None:
    recipe = tmp_path / "small.toml"
    recipe.write_text('extends = "cpu"\n[expect]\nmax_installed = "10 kB"\n')
    command = [sys.executable, "-m", "slimwheel", "build", "--recipe", str(recipe), "--no-smoke"]
    wheel = make_torch_wheel(tmp_path)
    done = subprocess.run(
        [*command, "--output-dir", str(tmp_path / "dist"), str(wheel)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7
    assert "10,000 at most" in done.stderr


def test_a_result_that_is_refused_by_installers(tmp_path: Path) -> None:
    recipe = tmp_path / "odd.toml"
    recipe.write_text('extends = "cpu"\n[requires]\nadd = ["not a requirement!!"]\n')
    wheel = make_torch_wheel(tmp_path, tags=[THIS_PYTHON])
    command = [sys.executable, "-m", "slimwheel", "build", "--recipe", str(recipe)]
    done = subprocess.run(
        [*command, "--output-dir", str(tmp_path / "dist"), str(wheel)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (2, 7), done.stderr
    assert "not a requirement!!" in done.stderr
    assert not list((tmp_path).glob("dist/*"))


def test_without_network_no_index_is_asked(tmp_path: Path) -> None:
    requires = ["Requires-Dist: no-such-distribution-anywhere"]
    wheel = make_torch_wheel(tmp_path, tags=[THIS_PYTHON], metadata_extra=requires)
    done = build(wheel, tmp_path / "dist", "--no-network")
    assert done.returncode == 0, done.stderr
    assert "smoke import skipped: no dependencies" in done.stderr
    assert "no-such-distribution-anywhere" in done.stderr
