"""Portable models from one torch to another, and archives of released formats.

tests/data/portable has archives that upstream's own torches wrote with `across.py save`, and what
these networks gave there. They are never written anew: whoever has such an archive must be able to
load it.
"""

import json
import shutil
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from slimwheel.shim import ergonomics_files
from slimwheel.verify.environments import Environment
from tests.unit.shim.conftest import write

PROGRAM = Path(__file__).parents[1] / "support/portable/across.py"
DATA = Path(__file__).parents[1] / "data/portable"
RELEASED = sorted(path for path in DATA.glob("format-*/*") if path.is_dir())
OLD = "torch-1.0.0"

pytestmark = pytest.mark.wheels


def load(environment: Environment, archives: Path, scratch: Path) -> Any:
    """What the networks of some archives give, where their source is not on the path of modules."""
    program = scratch / PROGRAM.name
    shutil.copy(PROGRAM, program)
    command: list[str | Path] = [environment.python, "-W", "ignore", program, "load", archives]
    return json.loads(environment.run(command, cwd=scratch, check=True).stdout.splitlines()[-1])


def flat(rows: list[list[float]]) -> list[float]:
    return list(chain.from_iterable(rows))


def check(environment: Environment, version: str, scratch: Path) -> None:
    """Every archive gives on this torch what it gave where it was saved.

    Whole numbers in every bit. The others too, unless 1.0 is on one side alone: its convolutions
    add in another order.
    """
    assert {path.name for path in RELEASED} >= {OLD, "torch-2.13.0"}
    for archives in RELEASED:
        there = json.loads((archives / "outputs.json").read_text())
        here = load(environment, archives, scratch)
        assert here["exact"] == there["exact"], archives
        if (archives.name == OLD) == (version == OLD):
            assert here["general"] == there["general"], archives
        else:
            expected = pytest.approx(flat(there["general"]), rel=1e-5, abs=1e-6)
            assert flat(here["general"]) == expected, archives


@pytest.mark.xdist_group("torch-cpu")
def test_released_archives_on_2_13(slim_environment: Environment, tmp_path: Path) -> None:
    check(slim_environment, "torch-2.13.0", tmp_path)


@pytest.mark.xdist_group("torch-cuda")
def test_released_archives_on_2_14(from_cuda_environment: Environment, tmp_path: Path) -> None:
    check(from_cuda_environment, "torch-2.14.1", tmp_path)


@pytest.mark.xdist_group("torch-1.0")
def test_released_archives_on_1_0(environment_100: Environment, tmp_path: Path) -> None:
    check(environment_100, OLD, tmp_path)


@pytest.mark.xdist_group("torch-cpu")
def test_saved_on_upstream_loaded_on_slim(
    upstream_environment: Environment, slim_environment: Environment, tmp_path: Path
) -> None:
    """As a model that is trained with upstream's torch, and served with the slim one."""
    site, archives, scratch = (tmp_path / name for name in ("site", "archives", "scratch"))
    archives.mkdir()
    scratch.mkdir()
    write(site, ergonomics_files())
    command: list[str | Path] = [upstream_environment.python, PROGRAM, "save", archives]
    upstream_environment.run(command, {"PYTHONPATH": str(site)}, check=True)
    saved = json.loads((archives / "outputs.json").read_text())
    assert load(slim_environment, archives, scratch) == saved
