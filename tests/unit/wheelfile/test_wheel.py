"""An upstream wheel as a whole: what its dist-info and its name say together."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from slimwheel.errors import WheelError
from slimwheel.verify.findings import Code
from slimwheel.verify.static import check_wheel
from slimwheel.wheelfile.places import Places
from slimwheel.wheelfile.wheel import Wheel
from tests.support.upstream import make_wheel


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
        assert wheel.sha256(wheel.members["c.py"]) == hashlib.sha256(b"x = 1\n").digest()
    assert [(f.code, f.member) for f in check_wheel(path)] == [(Code.UNLISTED, "c.py")]
