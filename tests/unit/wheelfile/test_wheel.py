"""An upstream wheel as a whole: what its dist-info and its name say together."""

import hashlib
import struct
import zipfile
from pathlib import Path

import pytest
from installer.sources import WheelFile

from slimwheel.errors import WheelError
from slimwheel.verify.findings import Code
from slimwheel.verify.static import check_wheel
from slimwheel.wheelfile.places import Places
from slimwheel.wheelfile.wheel import Wheel
from slimwheel.wheelfile.writer import WheelWriter
from tests.support.upstream import make_wheel
from tests.unit.wheelfile.handmade import (
    DESCRIPTOR,
    TINY,
    Entry,
    changed,
    record_of,
    wheel_entries,
    zip_bytes,
)


def renamed(path: Path, name: str) -> Path:
    return path.rename(path.with_name(name))


def test_a_name_that_lost_its_tags_is_filled_in(tmp_path: Path) -> None:
    tags = ["cp35-cp35m-linux_x86_64"]
    path = make_wheel(tmp_path, {"torch/a.py": ""}, version="0.4.0a0+a3d08de", tags=tags)
    with Wheel.open(renamed(path, "torch-0.4.0.whl")) as wheel:
        assert wheel.name.filename == "torch-0.4.0a0+a3d08de-cp35-cp35m-linux_x86_64.whl"
        assert wheel.name.platforms == ("linux_x86_64",)


def test_several_tags_are_compressed(tmp_path: Path) -> None:
    tags = ["py2-none-any", "py3-none-any"]
    path = make_wheel(tmp_path, {"a.py": ""}, name="a", version="1.0", tags=tags)
    with Wheel.open(renamed(path, "a.whl")) as wheel:
        assert wheel.name.tag == "py2.py3-none-any"


def test_a_name_that_contradicts_metadata(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, {"a.py": ""}, name="a", version="1.0", tags=["py3-none-any"])
    with pytest.raises(WheelError, match=r"METADATA says a 1\.0"):
        Wheel.open(renamed(path, "a-2.0-py3-none-any.whl"))


def test_members_are_held_against_record(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, {"a.py": "x" * 500}, name="a", version="1.0")
    with Wheel.open(path) as wheel:
        member = wheel.members["a.py"]
        assert b"".join(wheel.chunks(member)) == b"x" * 500
        assert b"".join(wheel.raw_chunks(member)) == b"".join(wheel.archive.raw_chunks(member))
        wheel.record["a.py"] = wheel.record["a-1.0.dist-info/METADATA"]
        with pytest.raises(WheelError, match="RECORD states"):
            list(wheel.chunks(member))
        with pytest.raises(WheelError, match="RECORD states"):
            list(wheel.raw_chunks(member))
        with pytest.raises(WheelError, match="RECORD states"):
            list(wheel.walk(member))


@pytest.mark.parametrize(
    ("entry", "member", "directory"),
    [
        ("$ORIGIN", "torch/lib/a.so", "torch/lib"),
        ("${ORIGIN}/", "torch/lib/a.so", "torch/lib"),
        ("$ORIGIN/../lib", "torch/bin/run", "torch/lib"),
        ("$ORIGIN/lib", "torch/_C.so", "torch/lib"),
        ("$ORIGIN/../../nvidia/cublas/lib", "torch/lib/a.so", None),
        ("$ORIGIN/../../../torch/lib", "torch/lib/a.so", None),
        ("$ORIGIN", "root.so", ""),
        ("$ORIGIN/torch/lib", "root.so", "torch/lib"),
        ("$ORIGIN/../..", "torch/lib/a.so", ""),
        ("$ORIGIN/../../..", "torch/lib/a.so", None),
        ("$ORIGINAL", "torch/lib/a.so", None),
        ("/usr/lib", "torch/lib/a.so", None),
        ("torch/lib", "torch/lib/a.so", None),
        ("", "torch/lib/a.so", None),
    ],
)
def test_search_paths(entry: str, member: str, directory: str | None) -> None:
    places = Places(["torch/lib/a.so", "torch/lib/b.so", "torch/bin/run", "torch/_C.so", "root.so"])
    assert places.resolve(entry, member) == directory


def test_files_that_record_does_not_list(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, {"a.py": "", "b.py": ""}, name="a", version="1.0")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("c.py", "x = 1\n")
    with Wheel.open(path) as wheel:
        assert wheel.unlisted() == ["c.py"]
        passage = wheel.raw_chunks(wheel.members["c.py"])
        assert list(passage)
        assert passage.proof.sha256 == hashlib.sha256(b"x = 1\n").digest()
    assert [(f.code, f.member) for f in check_wheel(path)] == [(Code.UNLISTED, "c.py")]


def sound() -> list[Entry]:
    return wheel_entries(
        [Entry("tiny/a.py", b"x = 1\n"), Entry("tiny/run", b"#!sh", mode=0o100775)]
    )


def written(folder: Path, entries: list[Entry], name: str = TINY, **options: bytes) -> Path:
    path = folder / name
    path.write_bytes(zip_bytes(entries, **options))
    return path


def refusal(path: Path) -> WheelError:
    with pytest.raises(WheelError) as caught:
        Wheel.open(path)
    assert caught.value.file == str(path)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("name", ["METADATA", "WHEEL", "RECORD"])
def test_dist_info_that_is_not_whole(tmp_path: Path, name: str) -> None:
    missing = f"tiny-1.0.dist-info/{name}"
    entries = [entry for entry in sound() if entry.name != missing]
    if name != "RECORD":
        record = record_of(entries[:-1], "tiny-1.0.dist-info/RECORD")
        entries = changed(entries, "tiny-1.0.dist-info/RECORD", content=record)
    assert refusal(written(tmp_path, entries)).place == missing


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"metadata": b"Version: 1.0\n"}, "no Name"),
        ({"metadata": b"Name: tiny\n"}, "not a PEP 440 version"),
        ({"metadata": b"Name: tiny\nVersion: newest\n"}, "not a PEP 440 version"),
        ({"metadata": b"Name: other\nVersion: 1.0\n"}, "METADATA says other 1.0"),
        ({"metadata": b"<html>\n"}, "not a header"),
        ({"wheel": b"\xff\n"}, "not UTF-8"),
        ({"record": b"\xff\n"}, "not UTF-8"),
        ({"record": b"tiny/a.py,md5=abc,6\n"}, "md5"),
        ({"record": b"one,field,too,many\n"}, "4 fields"),
    ],
)
def test_dist_info_that_is_not_valid(
    tmp_path: Path, fields: dict[str, bytes], problem: str
) -> None:
    entries = wheel_entries([], **fields)  # type: ignore[arg-type]
    assert problem in refusal(written(tmp_path, entries)).message


@pytest.mark.parametrize(
    "tags", [b"", b"Tag: py3-none\n", b"Tag: py3-none-/../../any\n", b"Tag: py3-none-any x\n"]
)
def test_tags_that_cannot_be_part_of_a_file_name(tmp_path: Path, tags: bytes) -> None:
    """They would decide where the result is written."""
    entries = wheel_entries([], wheel=b"Wheel-Version: 1.0\n" + tags)
    assert "tags" in refusal(written(tmp_path, entries, "tiny-1.0.whl")).message


def test_what_upstreams_write_is_made_regular_by_a_copy(tmp_path: Path) -> None:
    """Directories, descriptors, extra fields, comments and odd modes are read and not copied."""
    stamp = struct.pack("<HHI", 0x5455, 4, 0)
    odd = [
        Entry("tiny/", method=0, mode=0o040775),
        Entry("tiny/a.py", b"x = 1\n" * 99, flags=DESCRIPTOR, mode=0o100664),
        Entry("tiny/b.py", b"x = 2\n" * 99, extra=stamp, mode=0),
        Entry("tiny/run", b"#!sh", method=0, mode=0o100775),
        Entry("tiny/für,alle.py", b"x = 3\n"),
    ]
    source = written(tmp_path, wheel_entries(odd), comment=b"by hand")
    copy = tmp_path / "copy-1.0-py3-none-any.whl"
    with Wheel.open(source) as wheel, copy.open("wb") as stream:
        writer = WheelWriter(stream)
        for member in wheel.members.values():
            if not member.name.endswith("/RECORD"):
                writer.copy(wheel, member, member.name)
        writer.finish("tiny-1.0.dist-info/RECORD")
    with zipfile.ZipFile(copy) as theirs:
        assert theirs.testzip() is None
        assert theirs.comment == b""
        infos = {info.filename: info for info in theirs.infolist()}
        assert theirs.read("tiny/für,alle.py") == b"x = 3\n"
    assert not any(info.flag_bits & DESCRIPTOR or info.extra for info in infos.values())
    assert "tiny/" not in infos
    modes = {name: info.external_attr >> 16 for name, info in infos.items() if "dist-" not in name}
    assert modes.pop("tiny/run") == 0o100755
    assert set(modes.values()) == {0o100644}
    with WheelFile.open(copy.rename(tmp_path / TINY)) as checked:
        checked.validate_record(validate_contents=True)
