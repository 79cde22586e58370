"""Telling a path from a requirement."""

from pathlib import Path

import pytest

from slimwheel.errors import UsageError
from slimwheel.fetch.source import Wanted, parse_source


def test_an_existing_file_is_a_path_whatever_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("torch").write_bytes(b"")
    assert parse_source("torch") == Path("torch")


@pytest.mark.parametrize("source", ["torch-0.4.0.whl", "dist/torch", "./torch==1.0"])
def test_what_looks_like_a_path_has_to_exist(source: str) -> None:
    with pytest.raises(UsageError, match="no such file") as caught:
        parse_source(source)
    assert caught.value.file == source


def test_a_directory_is_no_wheel(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="directory"):
        parse_source(str(tmp_path))


@pytest.mark.parametrize(
    ("source", "requirement", "pinned"),
    [
        ("torch", "torch", False),
        ("torch == 2.13.0+cpu", "torch==2.13.0+cpu", True),
        ("torch===2.13.0", "torch===2.13.0", True),
        ("torch==2.13.*", "torch==2.13.*", False),
        ("torch>=2, <3", "torch<3,>=2", False),
        ("torch~=2.13.0", "torch~=2.13.0", False),
        ("https://host/a/torch-1.0-py3-none-any.whl", None, True),
        ("torch @ https://host/torch-1.0-py3-none-any.whl#sha256=00", None, True),
        ("torch @ file:///a/torch-1.0-py3-none-any.whl", None, False),
    ],
)
def test_requirements(source: str, requirement: str | None, pinned: bool) -> None:
    assert parse_source(source) == Wanted(requirement or source, pinned)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("torch=2.13", "neither a file nor a requirement"),
        ("", "neither a file nor a requirement"),
        ("torch==2.13; python_version>'3'", "marker"),
        ("torch[opt]==2.13", "extras"),
        ("torch @ git+https://host/torch", "does not name a wheel"),
        ("https://host/torch-1.0.tar.gz", "does not name a wheel"),
    ],
)
def test_refused(source: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        parse_source(source)
    assert caught.value.hint
