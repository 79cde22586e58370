"""From a matrix to an index and back: what was published is not built again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.golden.cases import look_alike

MATRIX = """\
schema = 1

[[build]]
upstreams = ["torch==2.13.0+cpu"]
pythons = ["3.11"]
platforms = ["manylinux_2_28_x86_64"]
recipes = ["own.toml"]
find_links = ["wheels"]
max_wheel = "{budget}"
"""


def run(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "slimwheel", *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def matrix(place: Path) -> subprocess.CompletedProcess[str]:
    return run("matrix", "matrix.toml", "--index", (place / "index/simple").as_uri(), cwd=place)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLIMWHEEL_CACHE_DIR", str(tmp_path / "cache"))
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "wheels").mkdir()
    look_alike(tmp_path / "wheels")
    (tmp_path / "own.toml").write_text('extends = "cpu"\nname = "own"\n')
    (tmp_path / "matrix.toml").write_text(MATRIX.format(budget="10 MB"))
    return tmp_path


def test_what_was_published_is_not_built_again(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = matrix(place)
    assert done.stderr == "1 of 1 to build\n"
    (entry,) = json.loads(done.stdout)["include"]
    built = run("build", "--no-smoke", *entry["words"], cwd=place)
    assert built.returncode == 0, built.stderr
    wheels = built.stdout.split()
    # The look-alike's libraries are this machine's, newer than its platform.
    ignored = ["--ignore", "SW211"]
    published = run("publish", (place / "index").as_uri(), *ignored, *wheels, cwd=place)
    assert published.returncode == 0, published.stderr

    done = matrix(place)
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"include": []}
    name, count = done.stderr.splitlines()
    assert name == f"{entry['name']}: unchanged, published as {Path(wheels[0]).name}"
    assert count == "0 of 1 to build"

    # Another recipe makes another wheel; so does another file upstream.
    (place / "own.toml").write_text('extends = "cpu"\nname = "own"\nwithout = ["cmake"]\n')
    assert len(json.loads(matrix(place).stdout)["include"]) == 1
    (place / "own.toml").write_text('extends = "cpu"\nname = "own"\n')
    assert json.loads(matrix(place).stdout) == {"include": []}
    # A machine that has fetched nothing sees it.
    monkeypatch.setenv("SLIMWHEEL_CACHE_DIR", str(place / "another"))
    assert json.loads(matrix(place).stdout) == {"include": []}
    (upstream,) = (place / "wheels").iterdir()
    with upstream.open("ab") as stream:
        stream.write(b"\0")
    assert len(json.loads(matrix(place).stdout)["include"]) == 1


def test_a_budget_ends_the_build_of_an_entry(place: Path) -> None:
    (place / "matrix.toml").write_text(MATRIX.format(budget="1 kB"))
    (entry,) = json.loads(run("matrix", "matrix.toml", "--json", cwd=place).stdout)["include"]
    built = run("build", "--no-smoke", *entry["words"], cwd=place)
    assert built.returncode == 1
    assert "over budget" in built.stderr


def test_a_fault_as_json(place: Path) -> None:
    (place / "matrix.toml").write_text("schema = 2")
    done = run("matrix", "matrix.toml", "--json", cwd=place)
    report = json.loads(done.stdout)
    assert (done.returncode, report["error"], report["place"]) == (2, "MatrixError", "schema")
