"""The largest library of the real wheel, without its symbol tables, spliced."""

import hashlib
import mmap
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
from isal import isal_zlib

from slimwheel.elf import ElfFile, Keep, slim
from slimwheel.wheelfile.archive import Archive
from slimwheel.wheelfile.splicing import BlockIndex, Kept, Piece, Spliced, splice, walk_blocks
from tests.support.streams import ENGINES

pytestmark = [pytest.mark.wheels, pytest.mark.xdist_group("torch-cpu")]

MEMBER = "torch/lib/libtorch_cpu.so"


class Result(NamedTuple):
    """The old blocks, the new stream and its content's hash."""

    blocks: BlockIndex
    spliced: Spliced
    stream: Path
    sha256: bytes


@pytest.fixture(scope="module")
def result(torch_cpu_upstream: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Result]:
    directory = tmp_path_factory.mktemp("spliced")
    library, stream = directory / "library", directory / "stream"
    with Archive.open(torch_cpu_upstream) as archive:
        member = archive.members[MEMBER]
        walk = archive.walk(member)
        with library.open("wb") as out:
            for chunk in walk:
                out.write(chunk)
        with library.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        edits = slim(ElfFile.parse(content, MEMBER))
        pieces: list[Piece] = []
        for piece in edits.pieces:
            assert isinstance(piece, Keep | bytes)
            pieces.append(Kept(*piece) if isinstance(piece, Keep) else piece)
        expected = hashlib.sha256()
        for new in edits.chunks(content):
            expected.update(new)
        with stream.open("wb") as out:
            spliced = splice(
                walk.index, memoryview(content), archive.raw_reader(member), pieces, out.write
            )
    yield Result(walk.index, spliced, stream, expected.digest())
    stream.unlink()
    library.unlink()


def test_nearly_all_of_it_is_copied(result: Result) -> None:
    assert result.spliced.sha256 == result.sha256
    assert result.spliced.size > 300_000_000
    assert result.spliced.copied > 0.999 * result.spliced.size


@pytest.mark.parametrize("library", [zlib, isal_zlib], ids=["zlib", "isal"])
def test_others_read_it(result: Result, library: ModuleType) -> None:
    inflater, digest = library.decompressobj(-15), hashlib.sha256()
    with result.stream.open("rb") as file:
        while raw := file.read(1 << 20):
            digest.update(inflater.decompress(raw))
    assert inflater.eof
    assert not inflater.unused_data
    assert digest.digest() == result.sha256


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_finds_the_same_blocks(
    result: Result, torch_cpu_upstream: Path, name: str
) -> None:
    with Archive.open(torch_cpu_upstream) as archive:
        windows = archive.raw_chunks(archive.members[MEMBER])
        walk = walk_blocks(windows, file="", place=MEMBER, engine=ENGINES[name])
        assert sum(map(len, walk)) == result.blocks.size
    assert walk.index == result.blocks
    assert len(walk.index) > 4_000
