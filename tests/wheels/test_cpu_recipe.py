"""The cpu recipe on the official CPU build of torch 2.13.0, against upstream itself."""

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from slimwheel.build import build_runtime
from slimwheel.verify.compare import compare, run_battery
from slimwheel.verify.environments import Environment, create_environment
from slimwheel.verify.measure import measured
from slimwheel.verify.static import check_wheel
from tests.support.real import (
    COMPILE,
    COMPILERS,
    INLINE,
    SLIMWHEEL,
    Built,
    python_says,
)

pytestmark = [pytest.mark.wheels, pytest.mark.xdist_group("torch-cpu")]

MB = 10**6


def test_sizes_stay_below_the_limits(built: Built) -> None:
    with zipfile.ZipFile(built.slim) as wheel:
        installed = sum(info.file_size for info in wheel.infolist())
    assert built.slim.stat().st_size <= 129 * MB
    assert installed <= 424 * MB
    assert built.report["outputs"][0]["installed"] == installed
    assert built.report["outputs"][0]["download"] == built.slim.stat().st_size


def test_names_and_report(built: Built) -> None:
    assert built.slim.name == "torch_cpu-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl"
    assert built.companion.name == "torch-2.13.0+slim.cpu-py3-none-any.whl"
    assert built.dev.name == "torch_cpu_dev-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl"
    assert "smoke import passed with Python 3.11" in built.messages
    for output in built.report["outputs"]:
        digest = hashlib.sha256(Path(output["path"]).read_bytes()).hexdigest()
        assert output["sha256"] == digest
    assert not [path for path in built.slim.parent.iterdir() if path.name.startswith(".")]


def test_plan_says_what_build_does(built: Built, planned: dict[str, Any]) -> None:
    assert planned["rules"] == built.report["rules"]
    actual = built.report["outputs"][0]
    assert planned["installed"]["after"] == actual["installed"]
    assert planned["download"]["after"] == pytest.approx(actual["download"], rel=0.05)
    removed = {rule["rule"]: rule["files"] for rule in planned["rules"]}
    for rule in ("headers", "cmake", "protoc", "test-programs", "test-libraries", "symbols"):
        assert removed[rule] > 0, rule


def test_two_builds_give_the_same_bytes_in_little_memory(
    built: Built,
    torch_cpu_upstream: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    options: list[str | Path] = ["--recipe", "cpu", "--dev", "--no-smoke", "--output-dir", tmp_path]
    scratch = tmp_path_factory.mktemp("measure")
    cost = measured([SLIMWHEEL, "build", *options, torch_cpu_upstream], scratch=scratch)
    for first in (built.slim, built.companion, built.dev):
        assert first.read_bytes() == (tmp_path / first.name).read_bytes()
    assert 0 < cost.peak_anonymous < 400 * MB


def test_static_checks_find_nothing(built: Built) -> None:
    for wheel in (built.slim, built.companion, built.dev):
        assert check_wheel(wheel) == []


def test_kept_members_are_copied_as_they_are(built: Built, torch_cpu_upstream: Path) -> None:
    with zipfile.ZipFile(built.slim) as slim, zipfile.ZipFile(torch_cpu_upstream) as upstream:
        theirs = {info.filename: info for info in upstream.infolist()}
        kept = [
            info
            for info in slim.infolist()
            if info.filename in theirs and theirs[info.filename].CRC == info.CRC
        ]
        assert len(kept) > 2000
        for info in kept:
            assert info.compress_size == theirs[info.filename].compress_size


@pytest.fixture(scope="module")
def versions(slim_environment: Environment) -> dict[str, str]:
    program = (
        "import torch, json, importlib.metadata as m; print(json.dumps({'torch': torch.__version__,"
        " 'companion': m.version('torch'), 'slim': m.version('torch-cpu'), "
        "'manager': __import__('os').access(torch.__path__[0] + '/bin/torch_shm_manager', 1)}))"
    )
    found: dict[str, str] = json.loads(python_says(slim_environment, program))
    return found


def test_imports_with_no_workaround(versions: dict[str, str]) -> None:
    assert versions == {
        "torch": "2.13.0+cpu",
        "companion": "2.13.0+slim.cpu",
        "slim": "2.13.0+cpu",
        "manager": True,
    }


def test_results_are_upstreams_bit_for_bit(
    upstream_environment: Environment, slim_environment: Environment
) -> None:
    comparison = compare(
        run_battery(upstream_environment.python), run_battery(slim_environment.python)
    )
    assert comparison.different == []
    assert comparison.errors == {}
    assert comparison.crashed == {}
    assert len(comparison.equal) >= 120


def test_says_what_it_is(slim_environment: Environment, built: Built) -> None:
    done = slim_environment.run(
        [slim_environment.python, "-m", "torch_ergonomics", "--json"], check=True
    )
    text = json.dumps(json.loads(done.stdout))
    assert built.report["upstream"]["sha256"] in text
    assert "test-programs" in text


def test_the_runtime_alone_beside_upstream(
    upstream_environment: Environment, tmp_path: Path
) -> None:
    """Not installed into the environment, which others share."""
    runtime = build_runtime(tmp_path / "dist")
    directory = str(tmp_path / "site")
    upstream_environment.install(runtime.path, deps=False, options=["--target", directory])
    done = upstream_environment.run(
        [upstream_environment.python, "-m", "torch_ergonomics", "--json"],
        {"PYTHONPATH": directory},
        check=True,
    )
    description = json.loads(done.stdout)
    assert (description["kind"], description["version"]) == ("upstream", "2.13.0+cpu")
    assert description["findings"] == []


@pytest.mark.parametrize(("program", "answer"), COMPILERS, ids=["inline", "compile"])
def test_the_dev_wheel_brings_compilers_back(
    dev_environment: Environment, caches: dict[str, str], program: str, answer: str
) -> None:
    done = dev_environment.run([dev_environment.python, "-c", program], caches, timeout=900)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == answer


@pytest.mark.parametrize("program", [INLINE, COMPILE], ids=["inline", "compile"])
def test_without_the_dev_wheel_both_say_what_is_missing(
    slim_environment: Environment, caches: dict[str, str], program: str
) -> None:
    done = slim_environment.run([slim_environment.python, "-c", program], caches, timeout=900)
    assert done.returncode == 1
    assert "Rule 'headers' of its recipe 'cpu' removed this" in done.stderr
    assert "pip install torch-cpu-dev==2.13.0+cpu" in done.stderr


def test_over_upstream_and_back_with_pip(
    built: Built, torch_cpu_upstream: Path, python311: Path, tmp_path: Path
) -> None:
    """The order that goes wrong where a companion pulls in the slim wheel; see the small matrix."""
    environment = create_environment(tmp_path / "env", python311, installer="pip")
    environment.install(torch_cpu_upstream, "numpy", options=["--no-compile"])
    environment.install(built.slim, built.companion, options=["--no-compile"])
    program = "import torch, torch._slimwheel; print(torch.ones(2).sum().item())"
    assert python_says(environment, program) == "2.0"
    pip: list[str | Path] = [environment.python, "-m", "pip"]
    environment.run([*pip, "check"], check=True)
    environment.run([*pip, "uninstall", "--yes", "torch", "torch-cpu"], check=True)
    assert not list(environment.site_packages.glob("torch*"))
    environment.install(torch_cpu_upstream, deps=False, options=["--no-compile"])
    program = "import torch; print(hasattr(torch, '_slimwheel'), torch.ones(2).sum().item())"
    assert python_says(environment, program) == "False 2.0"
