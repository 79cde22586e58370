"""What the page says of serving images, and how a build is told of pip's indexes."""

import os
from pathlib import Path

import pytest

from benchmarks.builders import Buildah, Docker, find_builder, pip_arguments, tree_size
from benchmarks.images import Weighed, render, serving_context


def test_the_page_compares() -> None:
    page = render(
        [
            Weighed("torch==2.13.0+cpu", (900_000_000, 600_000_000), (1_000_000_000, 700_000_000)),
            Weighed("torch==2.14.1", (5_000_000_000, 500_000_000), None),
        ],
        {"cores": "2"},
    )
    minus = "\N{MINUS SIGN}"
    assert f"| torch==2.13.0+cpu, on top of Python | 900.0 MB | 600.0 MB | {minus}33 % |" in page
    assert f"| torch==2.13.0+cpu, whole image | 1000.0 MB | 700.0 MB | {minus}30 % |" in page
    assert f"| torch==2.14.1, on top of Python | 5000.0 MB | 500.0 MB | {minus}90 % |" in page
    assert "torch==2.14.1, whole image" not in page
    assert "Whole image" not in render([Weighed("torch==2.14.1", (2, 1), None)], {})


def test_a_tree_counts_each_file_once_and_no_link(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "file").write_bytes(b"12345")
    (tmp_path / "again").hardlink_to(tmp_path / "in" / "file")
    assert tree_size(tmp_path) == 5
    (tmp_path / "link").symlink_to("in")
    (tmp_path / "to-file").symlink_to("again")
    assert tree_size(tmp_path) == 5


def test_a_context_has_the_wheels_and_the_example(tmp_path: Path) -> None:
    wheel = tmp_path / "a.whl"
    wheel.touch()
    context = serving_context(tmp_path / "context", [wheel])
    assert (context / "dist" / "a.whl").exists()
    assert (context / "examples/image_classifier/serving/serve.py").exists()


def test_indexes_on_this_machines_disk_stay_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "file:///srv/simple https://e.org/a https://e.org/b")
    monkeypatch.setenv("PIP_INDEX_URL", "file:///srv/simple")
    assert pip_arguments() == {"PIP_EXTRA_INDEX_URL": "https://e.org/a https://e.org/b"}
    monkeypatch.setenv("PIP_INDEX_URL", "https://e.org/simple")
    assert pip_arguments()["PIP_INDEX_URL"] == "https://e.org/simple"


def tools(directory: Path, monkeypatch: pytest.MonkeyPatch, **codes: int) -> None:
    """Put programs on PATH, alone, that end with a code."""
    for name, code in codes.items():
        program = directory / name
        program.write_text(f"#!/bin/sh\nexit {code}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.delenv("SLIMWHEEL_IMAGE_BASE", raising=False)


def test_docker_builds_where_its_daemon_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools(tmp_path, monkeypatch, docker=0, buildah=0)
    assert find_builder() == Docker(None)


def test_buildah_builds_on_a_base_that_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    tools(tmp_path, monkeypatch, docker=1, buildah=0)
    assert find_builder() == Buildah("localhost/slimwheel-base")
    monkeypatch.setenv("SLIMWHEEL_IMAGE_BASE", "another")
    assert find_builder() == Buildah("another")


@pytest.mark.parametrize(
    ("codes", "user", "why"),
    [
        ({}, 0, "no buildah"),
        ({"docker": 1}, 0, "no docker with a daemon, and no buildah"),
        ({"buildah": 0}, 1000, "needs root"),
        ({"buildah": 1}, 0, "has no image localhost/slimwheel-base"),
    ],
)
def test_why_nothing_builds(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    codes: dict[str, int],
    user: int,
    why: str,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    tools(tmp_path, monkeypatch, **codes)
    found = find_builder()
    assert isinstance(found, str)
    assert why in found
