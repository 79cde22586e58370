"""A build that is stopped in the middle leaves nothing that looks like a wheel."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.upstream import fake_torch_members, make_wheel

_BALLAST = 48 << 20


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A torch look-alike that takes long enough to slim: a few hundred MB to copy."""
    members = dict(fake_torch_members("2.13.0+cpu"))
    for number in range(6):
        members[f"torch/data/ballast{number}.bin"] = os.urandom(_BALLAST)
    return make_wheel(tmp_path_factory.mktemp("upstream"), members, compress=0)


def start(upstream: Path, output: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "slimwheel", "build", "--recipe", "cpu", "--no-smoke"]
    # What starts in the background of a shell inherits that Ctrl-C is ignored.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [*command, "--output-dir", str(output), str(upstream)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, inherited)


def wait_for_wheel(output: Path, process: "subprocess.Popen[str]") -> Path:
    """Wait until the slim wheel is being written; return the hidden directory."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the build ended before it could be stopped"
        for path in output.glob(".slimwheel-*/*.whl.partial"):
            if path.stat().st_size > _BALLAST // 4:
                return path.parent
        time.sleep(0.005)
    raise AssertionError("the build never began to write")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_asked_to_stop(upstream: Path, tmp_path: Path, number: int, code: int) -> None:
    process = start(upstream, tmp_path)
    wait_for_wheel(tmp_path, process)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_killed(upstream: Path, tmp_path: Path) -> None:
    process = start(upstream, tmp_path)
    wait_for_wheel(tmp_path, process)
    process.kill()
    process.communicate(timeout=60)
    assert list(tmp_path.rglob("*.whl")) == []
    assert len(list(tmp_path.glob(".slimwheel-*"))) == 1
    next_one = start(upstream, tmp_path)
    _, said = next_one.communicate(timeout=120)
    assert next_one.returncode == 0, said
    assert list(tmp_path.glob(".slimwheel-*")) == [], "the next run removes the leftovers"
    assert len(list(tmp_path.glob("*.whl"))) == 2


def test_two_at_once(upstream: Path, tmp_path: Path) -> None:
    """The second leaves the first one's hidden directory alone; equal results are success."""
    first = start(upstream, tmp_path)
    hidden = wait_for_wheel(tmp_path, first)
    second = start(upstream, tmp_path)
    assert hidden.exists()
    for process in (first, second):
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert sorted(path.name.split("-")[0] for path in tmp_path.iterdir()) == ["torch", "torch_cpu"]
