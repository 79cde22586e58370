"""The commands of `python -m torch_ergonomics`, where they need no torch, under every Python."""

import zipfile
from pathlib import Path

import pytest

from tests.unit.shim.test_ergonomics import command


def archive(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, b"import json\n")
    return path


@pytest.mark.parametrize(
    ("names", "options", "status", "words"),
    [
        (("model.t7",), (), 2, "--trust"),
        (("model.t7",), ("--trust", "--package", "a-b"), 2, "no import path"),
        (("model.t7",), ("--trust",), 7, "has no sources"),
        (("other",), ("--trust",), 4, "did not write it"),
        (("manifest.json",), ("--trust",), 4, "a portable model already"),
        (("model.t7", "../../net.py"), ("--trust",), 7, "has no sources"),
    ],
)
def test_convert(
    python: str,
    site: Path,
    names: tuple[str, ...],
    options: tuple[str, ...],
    status: int,
    words: str,
) -> None:
    old = archive(site / "old.zip", *names)
    result = command(python, site, "convert", str(old), str(site / "new.zip"), *options)
    assert (result.returncode, result.stdout) == (status, "")
    assert result.stderr.startswith("error: ")
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert not (site / "new.zip").exists()


def test_inspect(python: str, site: Path) -> None:
    (site / "cut.zip").write_bytes(b"PK")
    result = command(python, site, "inspect", str(site / "cut.zip"))
    assert (result.returncode, result.stderr.startswith("error: ")) == (4, True)
    result = command(python, site, "inspect", str(site / "none.zip"))
    assert (result.returncode, result.stderr.startswith("error: ")) == (2, True)
