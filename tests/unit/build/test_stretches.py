"""A stream that is put together of two files."""

from contextlib import closing
from pathlib import Path

import pytest

from slimwheel.build.stretches import Stretches
from slimwheel.wheelfile.archive import CHUNK

OLD = bytes(range(256)) * 8 * (CHUNK // 1024)


def read(offset: int, count: int) -> bytes:
    return OLD[offset : offset + count]


def test_what_was_taken_comes_out_in_order(tmp_path: Path) -> None:
    new = b"ab" * CHUNK
    path = tmp_path / "new"
    with closing(Stretches(path, read)) as stream:
        stream.write(b"head")
        stream.write(memoryview(new))
        stream.keep(3, 10)
        stream.keep(13, CHUNK + 5)
        stream.keep(1, 2)
        stream.write(bytearray(b"tail"))
    for _ in range(2):
        windows = list(stream.windows())
        assert b"".join(windows) == b"head" + new + OLD[3 : CHUNK + 18] + OLD[1:3] + b"tail"
        assert max(map(len, windows)) <= CHUNK
    # The old file's bytes take no room a second time.
    assert path.stat().st_size == 4 + len(new) + 4
    stream.remove()
    assert not path.exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "new"
    path.touch()
    with pytest.raises(FileExistsError):
        Stretches(path, read)
