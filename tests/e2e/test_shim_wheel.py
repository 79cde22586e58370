"""torch_ergonomics as a wheel of its own: installed, asked, and met by a slim torch."""

import json
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from slimwheel.build import BuildOptions, build_runtime, build_wheel
from slimwheel.recipe import load_recipe
from slimwheel.verify.environments import Environment, create_environment, find_python
from tests.support.upstream import make_torch_wheel, make_wheel

PYTHONS = [f"3.{minor}" for minor in range(6, 14)]
TAG = "cp{0}{1}-cp{0}{1}-manylinux_2_28_x86_64".format(*sys.version_info)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_runtime(tmp_path_factory.mktemp("runtime")).path


def ask(environment: Environment) -> tuple[int, dict[str, Any]]:
    # -m looks into the current directory, too.
    done = environment.run(
        [environment.python, "-m", "torch_ergonomics", "--json"], cwd=environment.path
    )
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("version", PYTHONS)
def test_with_every_python(version: str, runtime: Path, tmp_path: Path) -> None:
    python = find_python(version)
    if python is None:
        pytest.skip(f"no Python {version} that runs is on PATH")
    environment = create_environment(tmp_path / "env", python, installer="pip")
    environment.install(runtime, offline=True)
    code, description = ask(environment)
    assert (code, description["kind"]) == (1, "none")
    upstream = make_wheel(
        tmp_path, {"torch/__init__.py": ""}, version="2.13.0", tags=["py3-none-any"], purelib=True
    )
    environment.install(upstream, offline=True)
    code, description = ask(environment)
    assert (code, description["kind"], description["version"]) == (0, "upstream", "2.13.0")
    environment.run([environment.python, "-m", "pip", "check"], cwd=tmp_path, check=True)


def test_a_slim_torch_beside_it_says_how_to_mend_that(runtime: Path, tmp_path: Path) -> None:
    upstream = make_torch_wheel(tmp_path, tags=[TAG])
    built = build_wheel(upstream, load_recipe("cpu"), BuildOptions(tmp_path / "dist"))
    environment = create_environment(tmp_path / "env", Path(sys.executable), installer="pip")
    environment.install(runtime, *(output.path for output in built.outputs), offline=True)
    code, description = ask(environment)
    (finding,) = description["findings"]
    assert (code, description["kind"]) == (1, "slim")
    assert finding.startswith("torch_ergonomics ")
    local = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "dist")}
    commands = finding.partition("Mend it: ")[2].split(" && ")
    assert len(commands) == 2
    for command in commands:
        environment.run(shlex.split(command), local, check=True)
    code, description = ask(environment)
    assert (code, description["kind"], description["findings"]) == (0, "slim", [])


def test_check_wheel_contents(runtime: Path) -> None:
    command = [Path(sysconfig.get_path("scripts"), "check-wheel-contents"), runtime]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
