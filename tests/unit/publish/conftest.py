"""An index in a directory, and where wheels for it are made."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from slimwheel.publish.directory import DirectoryStore, directory_store


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def store(root: Path) -> Iterator[DirectoryStore]:
    with directory_store(root) as opened:
        yield opened


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    directory = tmp_path / "wheels"
    directory.mkdir()
    return directory
