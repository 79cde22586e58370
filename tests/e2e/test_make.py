"""`make wheels` and `make publish`, with make itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.golden.cases import look_alike

PROJECT = Path(__file__).parents[2]
MATRIX = """\
schema = 1

[defaults]
pythons = ["3.11"]
platforms = ["manylinux_2_28_x86_64"]
find_links = ["wheels"]

[[build]]
upstreams = ["torch==2.13.0+cpu"]
recipes = ["cpu"]

[[build]]
upstreams = ["torch==2.13.0+cpu"]
recipes = ["cpu"]
keep = ["headers"]
local = "headers"
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("PIP_", "MAKE"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("SLIMWHEEL_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "wheels").mkdir()
    look_alike(tmp_path / "wheels")
    (tmp_path / "matrix.toml").write_text(MATRIX)
    # An environment that make takes for installed: this one, without what cannot run.
    program = tmp_path / "venv" / "bin" / "slimwheel"
    program.parent.mkdir(parents=True)
    program.write_text(
        '#!/bin/sh\ncase $1 in build) shift; set -- build --no-smoke "$@";;\n'
        '  publish) shift; set -- publish --ignore SW211 "$@";; esac\n'
        f'exec {sys.executable} -m slimwheel "$@"\n'
    )
    program.chmod(0o755)
    (tmp_path / "venv" / ".installed").touch()
    return tmp_path


def make(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    given = [f"VENV={place / 'venv'}", f"MATRIX={place / 'matrix.toml'}", f"DIST={place / 'dist'}"]
    command = ["make", "-C", str(PROJECT), *given, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_wheels_are_built_side_by_side_published_and_not_built_again(place: Path) -> None:
    done = make(place, "-j2", "wheels")
    assert done.returncode == 0, done.stderr
    assert "jobserver" not in done.stderr
    names = sorted(path.name for path in (place / "dist").glob("*.whl"))
    tag = "cp311-cp311-manylinux_2_28_x86_64.whl"
    assert names == [
        "torch-2.13.0+slim.cpu-py3-none-any.whl",
        f"torch_cpu-2.13.0+cpu-{tag}",
        f"torch_cpu-2.13.0+cpu.headers-{tag}",
    ]
    index = (place / "index").as_uri()
    done = make(place, "publish", f"TO={index}")
    assert done.returncode == 0, done.stderr
    assert (place / "index/simple/torch-cpu" / names[1]).exists()
    for path in (place / "dist").iterdir():
        path.unlink()
    done = make(place, "wheels", f"PUBLISHED={index}/simple/")
    assert done.returncode == 0, done.stderr
    assert "0 of 2 to build" in done.stderr
    assert not list((place / "dist").glob("*.whl"))


def test_a_build_that_fails_fails_make(place: Path) -> None:
    matrix = place / "matrix.toml"
    matrix.write_text(matrix.read_text() + 'max_wheel = "1 kB"\n')
    done = make(place, "--keep-going", "wheels")
    assert done.returncode == 2
    assert "over budget" in done.stderr
    # What can be built is built all the same.
    assert len(list((place / "dist").glob("torch_cpu-*.whl"))) == 2


def test_publish_wants_to_know_where_to(place: Path) -> None:
    done = make(place, "publish")
    assert done.returncode == 2
    assert "TO= has to say where to" in done.stderr
