"""The Dockerfiles: as a linter wants them, on a base by digest, and not as root."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
DOCKERFILES = sorted((PROJECT / "docker").glob("*.Dockerfile"))
HADOLINT = Path(sys.executable).parent / "hadolint"


def lint(path: Path) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [HADOLINT, "--no-color", path]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_linter_finds_nothing(tmp_path: Path) -> None:
    assert [path.name for path in DOCKERFILES] == ["build.Dockerfile", "serve.Dockerfile"]
    for path in DOCKERFILES:
        done = lint(path)
        assert (done.returncode, done.stdout) == (0, ""), done.stdout
    wrong = tmp_path / "Dockerfile"
    wrong.write_text("FROM debian:latest\nRUN cd /tmp && sudo pip install torch\n")
    assert lint(wrong).returncode == 1


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_the_base_is_one_image_and_can_be_another(path: Path) -> None:
    text = path.read_text()
    assert re.findall(r"^ARG BASE=\S+@sha256:[0-9a-f]{64}$", text, re.MULTILINE)
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"${BASE}"}
    assert re.findall(r"^USER (\S+)$", text, re.MULTILINE) == ["1000"]


def test_both_are_on_the_same_base() -> None:
    bases = {re.findall(r"^ARG BASE=(\S+)$", path.read_text(), re.M)[0] for path in DOCKERFILES}
    assert len(bases) == 1


def test_the_build_context_has_what_the_images_copy_and_no_more() -> None:
    kept = [
        line.removeprefix("!")
        for line in (PROJECT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    for name in kept:
        assert name == "dist/*.whl" or (PROJECT / name).exists(), name
    # What `pip install .` reads: setup.cfg names them.
    assert {"setup.cfg", "pyproject.toml", "README.md", "LICENSE", "slimwheel", "recipes"} <= {
        *kept
    }
