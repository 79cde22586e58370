"""torch_ergonomics as a wheel of its own."""

import zipfile
from pathlib import Path

import pytest
from installer.sources import WheelFile
from packaging.metadata import Metadata

from slimwheel import __version__
from slimwheel.build import build_runtime
from slimwheel.errors import OutputExists
from slimwheel.shim import ergonomics_files

PROJECT = Path(__file__).parents[3]
DIST_INFO = f"torch_ergonomics-{__version__}.dist-info"


def test_what_is_in_it(tmp_path: Path) -> None:
    built = build_runtime(tmp_path)
    assert built.path == tmp_path / f"torch_ergonomics-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(built.path) as wheel:
        members = {name: wheel.read(name) for name in wheel.namelist()}
    package = {name: data for name, data in members.items() if not name.startswith(DIST_INFO)}
    assert package == ergonomics_files()
    assert list(members)[-1] == f"{DIST_INFO}/RECORD"
    assert members[f"{DIST_INFO}/licenses/LICENSE"] == (PROJECT / "LICENSE").read_bytes()
    assert members[f"{DIST_INFO}/top_level.txt"] == b"torch_ergonomics\n"
    with WheelFile.open(built.path) as source:
        source.validate_record(validate_contents=True)


def test_metadata(tmp_path: Path) -> None:
    with zipfile.ZipFile(build_runtime(tmp_path).path) as wheel:
        # It holds every field against the specification.
        metadata = Metadata.from_email(wheel.read(f"{DIST_INFO}/METADATA"))
    assert (metadata.name, str(metadata.version)) == ("torch-ergonomics", __version__)
    assert metadata.summary
    assert metadata.description
    assert (metadata.license_expression, metadata.license_files) == ("MIT", ["LICENSE"])
    assert str(metadata.requires_python) == ">=3.5"
    assert metadata.requires_dist is None


def test_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    first = build_runtime(tmp_path / "first")
    assert build_runtime(tmp_path / "second").sha256 == first.sha256
    assert build_runtime(tmp_path / "first") == first
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert build_runtime(tmp_path / "third").sha256 != first.sha256


def test_other_bytes_under_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    first = build_runtime(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    with pytest.raises(OutputExists):
        build_runtime(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [first.filename]
    other = build_runtime(tmp_path, build_number=2)
    assert other.filename == f"torch_ergonomics-{__version__}-2-py3-none-any.whl"
    assert build_runtime(tmp_path, force=True).sha256 != first.sha256
