"""Slim wheels of real upstream wheels, made again by a slimwheel that is installed elsewhere."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from slimwheel.build.rebuilding import check, slim_origin
from slimwheel.verify.environments import Environment, create_environment
from tests.support.altered import altered
from tests.support.real import Built

pytestmark = [pytest.mark.wheels, pytest.mark.xdist_group("torch-cpu")]

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A fresh environment with slimwheel as whoever gets the wheel has it: not a checkout."""
    wheels = tmp_path_factory.mktemp("own")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(wheels), str(PROJECT)]
    subprocess.run(command, check=True, capture_output=True)
    environment = create_environment(wheels / "env", Path(sys.executable))
    environment.install(*wheels.glob("slimwheel-*.whl"))
    return environment


def rebuild(
    environment: Environment, folder: Path, *words: str | Path
) -> subprocess.CompletedProcess[str]:
    command = [environment.python.parent / "slimwheel", "rebuild", "--check", *words]
    return environment.run(command, cwd=folder, timeout=300)


def test_a_real_wheel_is_reproduced(built: Built, torch_cpu_upstream: Path, tmp_path: Path) -> None:
    rebuilt = check(slim_origin(built.slim), torch_cpu_upstream, work_dir=tmp_path)
    assert rebuilt.same
    assert not list(tmp_path.iterdir())


def test_somebody_else_reproduces_it(built: Built, elsewhere: Environment, tmp_path: Path) -> None:
    """Upstream's wheel is found by its hash, in the cache of whoever fetched it."""
    done = rebuild(elsewhere, tmp_path, "--no-network", built.slim)
    assert done.returncode == 0, done.stderr + done.stdout
    sha256 = built.report["outputs"][0]["sha256"]
    assert done.stdout == f"{built.slim.name}: the same bytes, sha256 {sha256}\n"
    assert not list(tmp_path.iterdir())


def test_somebody_else_sees_what_was_changed(
    built: Built, torch_cpu_upstream: Path, elsewhere: Environment, tmp_path: Path
) -> None:
    other = altered(built.slim, tmp_path, contents={"torch/version.py": b"__version__ = '0'\n"})
    done = rebuild(elsewhere, tmp_path, "--json", "--upstream", torch_cpu_upstream, other)
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    changed = [entry["member"] for entry in report["difference"]["members"]]
    assert changed == ["torch/version.py", "torch_cpu-2.13.0+cpu.dist-info/RECORD"]
    assert report["environment"] == []
