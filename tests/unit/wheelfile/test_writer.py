"""Writing wheels: the same bytes each time, readable by others, copies not compressed anew."""

import hashlib
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slimwheel.errors import CheckFailed
from slimwheel.wheelfile import writer as writing
from slimwheel.wheelfile.deflate import compress
from slimwheel.wheelfile.record import record_line
from slimwheel.wheelfile.splicing import BlockIndex, Kept, splice
from slimwheel.wheelfile.wheel import Wheel
from slimwheel.wheelfile.writer import WheelWriter, member_order
from tests.support.upstream import make_wheel

RECORD = "a-1.dist-info/RECORD"


def write(path: Path, members: dict[str, bytes], timestamp: int = 0) -> WheelWriter:
    with path.open("wb") as stream:
        writer = WheelWriter(stream, timestamp)
        for name in sorted(members, key=member_order):
            writer.add(name, members[name], executable=name.endswith(".sh"))
        writer.finish(RECORD)
    return writer


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    members = {"a/b.py": b"pass\n" * 99, "a/für.sh": b"#!/bin/sh\n", "a/empty": b""}
    path = tmp_path / "a-1-py3-none-any.whl"
    writer = write(path, members)
    data = path.read_bytes()
    assert writer.size == len(data)
    assert writer.sha256 == hashlib.sha256(data).hexdigest()
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a/b.py", "a/empty", "a/für.sh", RECORD]
        infos = archive.infolist()
        assert {name: archive.read(name) for name in members} == members
        record = archive.read(RECORD).decode().splitlines()
    assert sum(info.file_size for info in infos) == writer.installed_size
    assert record[-1] == f"{RECORD},,"
    assert len(record) == 4
    for info in infos:
        assert info.date_time == (1980, 1, 1, 0, 0, 0)
        assert info.create_system == 3
        assert not info.flag_bits & 0x8
        assert info.extra == b""
        mode = info.external_attr >> 16
        assert stat.S_ISREG(mode)
        assert stat.S_IMODE(mode) == (0o755 if info.filename.endswith(".sh") else 0o644)


def test_times(tmp_path: Path) -> None:
    path = tmp_path / "a-1-py3-none-any.whl"
    write(path, {"a.py": b""}, timestamp=1_700_000_001)
    with zipfile.ZipFile(path) as archive:
        assert archive.getinfo("a.py").date_time == (2023, 11, 14, 22, 13, 20)


@pytest.mark.parametrize("name", ["ZIP64_LIMIT", "ZIP64_COUNT"])
def test_zip64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The fields of large archives, on a small one that takes the limits to be lower."""
    monkeypatch.setattr(writing, name, 2)
    members = {f"a/{number}.bin": bytes([number]) * 5000 for number in range(9)}
    path = tmp_path / "a-1-py3-none-any.whl"
    write(path, members)
    assert b"PK\x06\x06" in path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in members} == members


def test_dist_info_comes_last() -> None:
    names = ["z.py", "a-1.dist-info/METADATA", "b/a-1.dist-info/x", "a.py"]
    assert sorted(names, key=member_order) == [
        "a.py",
        "b/a-1.dist-info/x",
        "z.py",
        "a-1.dist-info/METADATA",
    ]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_copies_keep_their_compressed_bytes(tmp_path: Path, method: int) -> None:
    source = make_wheel(tmp_path, {"a.py": "x = 1\n" * 500}, name="a", version="1", compress=method)
    path = tmp_path / "copy.whl"
    with Wheel.open(source) as wheel, path.open("wb") as stream:
        writer = WheelWriter(stream)
        writer.copy(wheel, wheel.members["a.py"], "b.py")
        writer.finish(RECORD)
        raw = b"".join(wheel.archive.raw_chunks(wheel.members["a.py"]))
    assert raw in path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        assert archive.getinfo("b.py").compress_type == method
        assert archive.read("b.py") == b"x = 1\n" * 500


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"\A[a-zä-ü]{1,8}(/[a-z]{1,5}\.py)?\Z"), st.binary(max_size=300), max_size=8
    )
)
def test_any_members_come_back(tmp_path: Path, members: dict[str, bytes]) -> None:
    path = tmp_path / "any.whl"
    write(path, members)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in members} == members


def test_what_does_not_shrink_is_stored() -> None:
    packed = compress(bytes(range(256)))
    assert packed.method == zipfile.ZIP_STORED
    assert packed.data == bytes(range(256))
    assert compress(bytes(5000)).method == zipfile.ZIP_DEFLATED


def test_spliced_members(tmp_path: Path) -> None:
    content = b"x = 1\n" * 5_000
    stream: list[bytes] = []
    spliced = splice(
        BlockIndex.none(len(content)),
        memoryview(content),
        lambda *_: b"",
        [Kept(0, len(content))],
        lambda data: stream.append(bytes(data)),
    )
    path = tmp_path / "a.whl"
    with path.open("wb") as out:
        writer = WheelWriter(out)
        writer.add_spliced("a.py", stream, spliced, executable=True)
        whole = b"".join(stream)
        for wrong in ([], [whole[:-1]], [whole, b"?"], [whole[:9] + b"?" + whole[10:]]):
            with pytest.raises(CheckFailed, match="another deflate stream than") as caught:
                writer.add_spliced("b.py", wrong, spliced)
            assert caught.value.place == "b.py"
    path = tmp_path / "b.whl"
    with path.open("wb") as out:
        writer = WheelWriter(out)
        writer.add_spliced("a.py", stream, spliced, executable=True)
        writer.finish(RECORD)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.read("a.py") == content
        assert archive.getinfo("a.py").external_attr >> 16 == 0o100755
        digest = record_line("a.py", hashlib.sha256(content).digest(), len(content))
        assert ",".join(map(str, digest)).encode() in archive.read(RECORD)
