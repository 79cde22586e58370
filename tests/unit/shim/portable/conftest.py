"""Projects on disk, on sys.path, that nobody imports."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[[dict[str, str]], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes files below a directory of sys.path; returns it."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.setattr(sys, "path", [str(root), *sys.path])

    def write_files(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return root

    return write_files
