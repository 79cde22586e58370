"""The words of `slimwheel publish`, and what it says; to a directory."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.unit.publish.wheels import companion, plain, slim


def run(*words: str | bytes | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "slimwheel", "publish", *map(os.fsdecode, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["file:///x"], "nothing to publish"),
        (["file:///x", "--reason", "r", "--reindex"], "--reason is for --yank"),
        (["file:///x", "--reindex", "--dry-run"], "--reindex has no --dry-run"),
        (["file:///x", "absent.whl"], "absent.whl: is not a file"),
        (["file:///x", "--yank", "f", "--unyank", "f"], "f: is to be yanked and unyanked"),
        (["file:///x", "--yank", "f", "--reason", b"\xff"], "not UTF-8"),
        ([b"file:///\xff", "--reindex"], "no place to publish to"),
        (["file:///x", "--reindex", "--public-url", "wheels.org"], "is not the URL"),
        (["/x", "--reindex"], "no place to publish to"),
    ],
)
def test_words_that_do_not_fit(words: list[str | bytes], problem: str) -> None:
    done = run(*words)
    assert done.returncode == 2
    assert problem in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_results_go_to_standard_output_and_the_warning_beside(tmp_path: Path) -> None:
    companion(tmp_path)
    done = run(f"file://{tmp_path}/index", slim(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "uploaded: torch-1.0+slim.cpu-py3-none-any.whl" in done.stdout
    assert "pip install --no-deps --index-url" in done.stdout
    assert "Do not install with --extra-index-url" in done.stderr


def test_as_json(tmp_path: Path) -> None:
    done = run(f"file://{tmp_path}/index", "--json", "--dry-run", plain(tmp_path))
    report = json.loads(done.stdout)
    assert report["dry_run"] is True
    assert [file["status"] for file in report["files"]] == ["to upload"]
    assert not (tmp_path / "index").exists()


def test_an_error_as_json(tmp_path: Path) -> None:
    wheel = slim(tmp_path)
    done = run(f"file://{tmp_path}/index", "--json", wheel)
    report = json.loads(done.stdout)
    assert (done.returncode, report["exit_code"], report["file"]) == (2, 2, str(wheel))
    assert "torch==1.0+slim.cpu" in report["message"]


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run(f"file://{tmp_path}/file", plain(tmp_path))
    assert done.returncode == 10
    assert "is not a directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_refusal_as_json(tmp_path: Path) -> None:
    wheel = plain(tmp_path)
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("plain/more.py", "")
    done = run(f"file://{tmp_path}/index", "--json", wheel)
    assert done.returncode == 1
    (refused,) = json.loads(done.stdout)["refused"]
    assert [finding["code"] for finding in refused["findings"]] == ["SW102"]
    assert not (tmp_path / "index" / "simple").exists()
