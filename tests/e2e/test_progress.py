"""Progress is for terminals; a pipe gets results on stdout and a few words on stderr."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.upstream import make_torch_wheel


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    wheel = make_torch_wheel(tmp_path)
    options = ["--recipe", "cpu", "--no-smoke", "--output-dir", str(tmp_path / "dist")]
    return [sys.executable, "-m", "slimwheel", "build", *options, str(wheel)]


def test_a_terminal_sees_how_far_it_is(command: list[str]) -> None:
    here, there = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=there, env=environment
    ) as process:
        os.close(there)
        said = b""
        while True:
            try:
                chunk = os.read(here, 4096)
            except OSError:  # Linux's way to say that the other end is closed
                break
            if not chunk:
                break
            said += chunk
        os.close(here)
        assert process.stdout is not None
        printed = process.stdout.read().decode()
    assert process.returncode == 0
    assert "━".encode() in said, "a bar"
    assert b"\x1b[" in said
    assert "\x1b" not in printed
    assert len(printed.splitlines()) == 2


def test_a_pipe_stays_quiet(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert all(Path(line).is_file() for line in done.stdout.splitlines())
    assert "\x1b" not in done.stderr + done.stdout
    assert len(done.stderr.splitlines()) == 1
