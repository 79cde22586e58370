"""Archives: what upstreams really write is read, and what no wheel may be is refused."""

import contextlib
import errno
import os
import stat
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slimwheel.errors import WheelError
from slimwheel.wheelfile.archive import CHUNK, Archive
from slimwheel.wheelfile.directory import Member
from tests.unit.wheelfile.handmade import DESCRIPTOR, Entry, zip_bytes

TEXT = b"import torch\n" * 50


def written(folder: Path, *entries: Entry, **options: bytes) -> Path:
    path = folder / "some.whl"
    path.write_bytes(zip_bytes(entries, **options))
    return path


def contents(path: Path) -> dict[str, bytes]:
    with Archive.open(path) as archive:
        return {name: archive.read(member) for name, member in archive.members.items()}


def refusal(path: Path) -> WheelError:
    """Open an archive, read all of it, and return the error that this must give."""
    with pytest.raises(WheelError) as caught:
        contents(path)
    assert caught.value.file == str(path)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    "entry",
    [
        Entry("a.py", TEXT),
        Entry("a.py", TEXT, method=0),
        Entry("a.py", b""),
        Entry("a.py", b"", method=0),
        Entry("a.py", TEXT, flags=DESCRIPTOR),
        Entry("a.py", TEXT, extra=struct.pack("<HHI", 0x5455, 4, 0)),
        Entry("a.py", TEXT, mode=0o100664),
        Entry("a.py", TEXT, mode=0),
    ],
    ids=lambda entry: f"{entry.method}-{entry.flags}-{entry.mode:o}-{len(entry.extra)}",
)
def test_peculiar_members_are_read(tmp_path: Path, entry: Entry) -> None:
    assert contents(written(tmp_path, entry)) == {"a.py": entry.content}


@pytest.mark.parametrize("beyond", [-1, 0, 1, 2, 258, 300, 8192])
@pytest.mark.parametrize("windows", [1, 2])
@pytest.mark.parametrize("text", [b"\0", TEXT], ids=["zeros", "text"])
def test_members_that_end_just_behind_a_window_are_read(
    tmp_path: Path, text: bytes, windows: int, beyond: int
) -> None:
    """There an inflater has all of its input and still something to give."""
    size = windows * CHUNK + beyond
    content = (text * (size // len(text) + 1))[:size]
    assert contents(written(tmp_path, Entry("a.so", content))) == {"a.so": content}


def test_directories_comments_and_surroundings_carry_nothing(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        Entry("torch/", method=0, mode=0o040755),
        Entry("torch/a.py", TEXT),
        comment=b"made by hand",
        prefix=b"#!/bin/sh\n",
    )
    assert contents(path) == {"torch/a.py": TEXT}


def test_names_in_utf_8_and_code_page_437(tmp_path: Path) -> None:
    path = written(tmp_path, Entry("für/日本.py", TEXT), Entry(b"f\x81r.py", TEXT))
    assert sorted(contents(path)) == ["für.py", "für/日本.py"]


def test_modes_are_permission_bits(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        Entry("run", TEXT, mode=0o100775),
        Entry("setuid", TEXT, mode=0o104755),
        Entry("plain", TEXT, mode=0o100664),
    )
    with Archive.open(path) as archive:
        modes = {name: oct(stat.S_IMODE(member.mode)) for name, member in archive.members.items()}
        executable = [name for name, member in archive.members.items() if member.executable]
    assert modes == {"run": "0o775", "setuid": "0o4755", "plain": "0o664"}
    assert executable == ["run", "setuid"]


def test_raw_chunks_are_the_bytes_in_the_file(tmp_path: Path) -> None:
    entry = Entry("a.bin", bytes(range(256)) * 40_000)
    with Archive.open(written(tmp_path, entry)) as archive:
        raw = b"".join(archive.raw_chunks(archive.members["a.bin"]))
        chunks = list(archive.chunks(archive.members["a.bin"]))
    assert raw == entry.packed
    assert b"".join(chunks) == entry.content
    assert max(map(len, chunks)) <= CHUNK


@pytest.mark.parametrize("method", [0, 8])
@pytest.mark.parametrize("count", [0, 1, 4, 600, 10_000])
def test_the_head_of_a_member(tmp_path: Path, method: int, count: int) -> None:
    entry = Entry("a.bin", zlib.compress(TEXT) + TEXT, method=method)
    with Archive.open(written(tmp_path, entry)) as archive:
        assert archive.head(archive.members["a.bin"], count) == entry.content[:count]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../evil.py", "leaves the wheel"),
        ("torch/../../evil.py", "leaves the wheel"),
        ("..", "leaves the wheel"),
        ("../", "leaves the wheel"),
        ("/etc/passwd", "absolute"),
        ("C:/evil.py", "absolute"),
        ("c:evil/x.py", "absolute"),
        ("torch\\evil.py", "backslash"),
        ("torch//a.py", "not normal"),
        ("./a.py", "not normal"),
        ("torch/./a.py", "not normal"),
        (b"a\0.py", "NUL"),
        ("", "empty"),
        ("a\nb.py", "control"),
        ("a\x1b[31m.py", "control"),
    ],
)
def test_names_that_no_wheel_may_have(tmp_path: Path, name: str | bytes, problem: str) -> None:
    error = refusal(written(tmp_path, Entry(name, TEXT)))
    assert problem in error.message
    assert "\n" not in str(error)
    assert "\x1b" not in str(error)


@pytest.mark.parametrize(
    "name",
    [
        ".hidden",
        "..a/b.py",
        "a/.b.py",
        "a/...",
        "a/b..",
        "a.",
        "ab:c.py",
        "a/b:c.py",
        "no\u00a0break.py",
    ],
)
def test_names_that_only_look_like_such(tmp_path: Path, name: str) -> None:
    assert contents(written(tmp_path, Entry(name, TEXT))) == {name: TEXT}


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (Entry("a.py", TEXT, flags=0x1), "encrypted"),
        (Entry("a.py", TEXT, flags=0x40), "encrypted"),
        (Entry("a.py", TEXT, method=12), "method 12"),
        (Entry("a.py", TEXT, method=14), "method 14"),
        (Entry("a.py", TEXT, method=93), "method 93"),
        (Entry("a.py", b"target", mode=0o120777), "symbolic link"),
        (Entry("a.py", TEXT, method=0, size=5), "two sizes differ"),
    ],
)
def test_kinds_that_installers_do_not_share(tmp_path: Path, entry: Entry, problem: str) -> None:
    error = refusal(written(tmp_path, entry))
    assert problem in error.message
    assert error.place == "a.py"


def test_duplicates_and_files_that_are_directories(tmp_path: Path) -> None:
    error = refusal(written(tmp_path, Entry("a.py", TEXT), Entry("a.py", b"other")))
    assert "twice" in error.message
    error = refusal(written(tmp_path, Entry("torch", TEXT), Entry("torch/lib/a.py", TEXT)))
    assert (error.place, "directory" in error.message) == ("torch", True)
    for others in (["torch/"], ["torch/lib/"], ["torch/lib/", "torch/lib/a.py"]):
        entries = [Entry(name, method=0) for name in others]
        for order in ([Entry("torch", TEXT), *entries], [*entries, Entry("torch", TEXT)]):
            error = refusal(written(tmp_path, *order))
            assert (error.place, "directory" in error.message) == ("torch", True)


SOUND = Entry("a.py", TEXT)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (Entry("a.py", TEXT, crc=1), "CRC"),
        (Entry("a.py", TEXT, method=0, crc=1), "CRC"),
        (Entry("a.py", TEXT, size=len(TEXT) - 1), "larger than"),
        (Entry("a.py", TEXT, size=len(TEXT) + 1), "the directory says"),
        (Entry("a.py", TEXT, stored=SOUND.packed[:-4]), "without an end"),
        (Entry("a.py", TEXT, stored=SOUND.packed + b"more"), "behind its deflate stream"),
        (Entry("a.py", TEXT, stored=b"\xff" * 20), "inflated"),
        (Entry("a.py", TEXT, stored=b""), "without an end"),
        (Entry("a.py", TEXT, local_name=b"b.py"), "local header"),
        (Entry("a.py", TEXT, local_method=0), "local header"),
        (Entry("a.py", TEXT, offset=3), "local header"),
        (Entry("a.py", TEXT, offset=1 << 20), "cut at offset"),
    ],
)
def test_damaged_members(tmp_path: Path, entry: Entry, problem: str) -> None:
    path = written(tmp_path, entry)
    error = refusal(path)
    assert error.place == "a.py"
    assert problem in error.message
    with Archive.open(path) as archive, pytest.raises(WheelError) as caught:
        list(archive.walk(archive.members["a.py"]))
    assert caught.value.place == "a.py"
    assert problem in caught.value.message


def test_a_bomb_is_stopped_at_the_size_that_it_declares(tmp_path: Path) -> None:
    entry = Entry("a.py", bytes(1 << 24), size=1000)
    with Archive.open(written(tmp_path, entry)) as archive:
        sizes = map(len, archive.chunks(archive.members["a.py"]))
        with pytest.raises(WheelError, match="larger than"):
            assert sum(sizes) <= CHUNK
        with pytest.raises(WheelError, match="larger than"):
            next(iter(archive.walk(archive.members["a.py"])))


@pytest.mark.parametrize("method", [0, 8])
def test_a_walk_gives_the_bytes_and_where_they_are(tmp_path: Path, method: int) -> None:
    with Archive.open(written(tmp_path, Entry("a.py", TEXT, method=method))) as archive:
        member = archive.members["a.py"]
        walk = archive.walk(member)
        assert b"".join(map(bytes, walk)) == TEXT
        assert walk.index.size == len(TEXT)
        assert walk.index.is_whole == (len(walk.index) == 1) == (method == 8)
        raw = b"".join(archive.raw_chunks(member))
        read = archive.raw_reader(member)
        assert read(0, len(raw)) == raw
        assert read(3, 4) == raw[3:7]


def test_a_small_member_may_not_be_large(tmp_path: Path) -> None:
    archive = Archive.open(written(tmp_path, Entry("a.py", TEXT)))
    with archive, pytest.raises(WheelError, match="are the most"):
        archive.read(archive.members["a.py"], limit=10)


def test_members_that_overlap(tmp_path: Path) -> None:
    big = Entry("a.py", bytes(range(256)) * 10, method=0)
    again = Entry("b.py", big.content, method=0, stored=b"", compressed_size=2560, offset=0)
    assert "overlap" in refusal(written(tmp_path, big, again)).message


@pytest.mark.parametrize("data", [b"", b"not a zip file", b"PK\x03\x04", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_zip(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "some.whl"
    path.write_bytes(data)
    if data.startswith(b"PK\x05\x06"):
        assert contents(path) == {}
    else:
        assert ("is empty" if not data else "not a whole zip") in refusal(path).message


def test_what_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, Entry("a.py", TEXT))

    def fails(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pread", fails)
    error = refusal(path)
    assert (error.place, error.message) == ("a.py", "cannot be read: Input/output error")


def test_a_change_of_the_file_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path, Entry("a.py", TEXT))
    with Archive.open(path) as opened:
        (tmp_path / "another name").hardlink_to(path)
        opened.check_unchanged()
        (tmp_path / "other").mkdir()
        written(tmp_path / "other", Entry("a.py", TEXT)).replace(path)
        with pytest.raises(WheelError, match="was changed while it was read") as caught:
            opened.check_unchanged()
        assert caught.value.file == str(path)
    with Archive.open(path) as opened:
        with path.open("r+b") as stream:
            stream.write(b"P")
        os.utime(path, (1, 1))
        with pytest.raises(WheelError, match="was changed while it was read"):
            opened.check_unchanged()
    with Archive.open(path) as opened:
        path.unlink()
        with pytest.raises(WheelError, match="was changed while it was read"):
            opened.check_unchanged()


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path / "absent.whl").message
    assert "cannot be read" in refusal(tmp_path).message


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    data = zip_bytes([Entry("a.py", TEXT), Entry("b.py", TEXT)])
    path = tmp_path / "some.whl"
    for length in range(len(data)):
        path.write_bytes(data[:length])
        refusal(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_any_damage_is_an_error_of_ours_or_harmless(tmp_path: Path, data: st.DataObject) -> None:
    sound = zip_bytes([Entry("a.py", TEXT), Entry("b/c.py", TEXT, method=0)])
    damaged = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(sound) - 1))
        damaged[place] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
    path = tmp_path / "some.whl"
    path.write_bytes(damaged)
    with contextlib.suppress(WheelError):
        assert set(contents(path).values()) <= {TEXT}


def test_offsets_that_wrap_around(tmp_path: Path) -> None:
    """A directory whose place is misstated shifts every offset; none may be taken as it comes."""
    data = bytearray(zip_bytes([Entry("a.py", TEXT)]))
    directory = data.rindex(b"PK\x01\x02")
    end = data.rindex(b"PK\x05\x06")
    data[end + 16 : end + 20] = (directory + 9999).to_bytes(4, "little")
    path = tmp_path / "some.whl"
    path.write_bytes(data)
    refusal(path)
    huge = struct.pack("<HHQ", 1, 8, 1 << 63)
    data = bytearray(zip_bytes([Entry("a.py", TEXT, offset=0xFFFFFFFF, extra=huge)]))
    path.write_bytes(data)
    refusal(path)


def test_reads_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = written(tmp_path, Entry("a", b"a" * 3_000_000, method=0), Entry("b", TEXT, method=0))
    with Archive.open(path) as archive:
        chunks = archive.chunks(archive.members["a"])
        first = next(chunks)
        assert archive.read(archive.members["b"]) == TEXT
        assert first + b"".join(chunks) == b"a" * 3_000_000


def test_members_are_as_zipfile_sees_them(tmp_path: Path) -> None:
    path = tmp_path / "some.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.py", TEXT)
        with archive.open("b.py", "w", force_zip64=True) as out:
            out.write(TEXT)
    assert contents(path) == {"a.py": TEXT, "b.py": TEXT}
    with zipfile.ZipFile(path) as theirs, Archive.open(path) as ours:
        for info in theirs.infolist():
            assert ours.members[info.filename] == Member(
                info.filename,
                info.file_size,
                info.compress_size,
                info.CRC,
                info.compress_type,
                info.external_attr >> 16,
                info.header_offset,
                info.flag_bits,
            )
