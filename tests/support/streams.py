"""Contents and deflate streams of every kind, and what other libraries make of a stream."""

import random
import zlib
from collections.abc import Callable, Iterator
from functools import partial

import deflate
from isal import isal_zlib

from slimwheel.wheelfile.splicing import (
    BlockIndex,
    Kept,
    Piece,
    Spliced,
    native,
    portable,
    splice,
    walk_blocks,
)
from slimwheel.wheelfile.splicing.blocks import Engine

ENGINES: dict[str, Engine] = {
    **{library.name: native.engine(library) for library in native.libraries()},
    "portable": portable.inflate,
}


def content(size: int, seed: int = 0) -> bytes:
    """Return bytes like those of a library: words that recur near and far, and noise."""
    rng = random.Random(seed)
    words = [rng.randbytes(rng.randrange(2, 40)) for _ in range(300)]
    made = bytearray()
    while len(made) < size:
        kind = rng.random()
        if kind < 0.9:
            made += rng.choice(words)
        elif kind < 0.99:
            made += rng.randbytes(rng.choice((1, 9, 30, 900)))
        else:
            made += bytes(rng.randrange(400))
    return bytes(made[:size])


def zlib_stream(
    data: bytes, level: int = 6, strategy: int = 0, memory: int = 8, flush: int | None = None
) -> bytes:
    """Compress with zlib; `flush` is done in the middle, at an odd place."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -15, memory, strategy)
    middle = len(data) // 2 | 1
    head = packer.compress(data[:middle])
    if flush is not None:
        head += packer.flush(flush)
    return head + packer.compress(data[middle:]) + packer.flush()


def libdeflate_stream(data: bytes, level: int = 6) -> bytes:
    """Compress with libdeflate."""
    return bytes(deflate.deflate_compress(data, level))


def isal_stream(data: bytes, level: int = 1) -> bytes:
    """Compress with isal."""
    packer = isal_zlib.compressobj(level, wbits=-15)
    return packer.compress(data) + packer.flush()


def streams() -> Iterator[tuple[str, Callable[[bytes], bytes]]]:
    """Yield every way to compress, by name."""
    for level in range(10):
        yield f"zlib-{level}", partial(zlib_stream, level=level)
    for name in ("FILTERED", "HUFFMAN_ONLY", "RLE", "FIXED"):
        yield f"zlib-{name}", partial(zlib_stream, strategy=getattr(zlib, f"Z_{name}"))
    for memory in (1, 4, 9):
        yield f"zlib-memory-{memory}", partial(zlib_stream, memory=memory)
    for name in ("SYNC_FLUSH", "FULL_FLUSH", "PARTIAL_FLUSH", "BLOCK"):
        yield f"zlib-{name}", partial(zlib_stream, flush=getattr(zlib, f"Z_{name}"))
    for level in range(13):
        yield f"libdeflate-{level}", partial(libdeflate_stream, level=level)
    for level in range(4):
        yield f"isal-{level}", partial(isal_stream, level=level)


STREAMS = dict(streams())


def index_of(stream: bytes, data: bytes, engine: Engine | None = None) -> BlockIndex:
    """Walk a stream that stands for `data`, in windows of an odd size."""
    windows = (stream[start : start + 50_021] for start in range(0, len(stream), 50_021))
    walk = walk_blocks(windows, file="a.whl", place="a.so", engine=engine)
    assert b"".join(map(bytes, walk)) == data
    return walk.index


def new_content(data: bytes, pieces: list[Piece]) -> bytes:
    """Return what pieces of a content stand for."""
    return b"".join(data[p.start : p.stop] if isinstance(p, Kept) else bytes(p) for p in pieces)


def spliced(
    stream: bytes, data: bytes, pieces: list[Piece], engine: Engine | None = None
) -> tuple[bytes, Spliced]:
    """Splice, and let three libraries read the result."""
    made = bytearray()
    result = splice(
        index_of(stream, data, engine),
        memoryview(data),
        lambda start, size: stream[start : start + size],
        pieces,
        made.extend,
        engine=engine,
    )
    assert_gives(bytes(made), new_content(data, pieces))
    assert result.compressed_size == len(made)
    return bytes(made), result


def assert_gives(stream: bytes, expected: bytes) -> None:
    """Hold a stream, which must end with its last byte, against its content in three libraries."""
    for library in (zlib, isal_zlib):
        inflater = library.decompressobj(-15)
        assert inflater.decompress(stream) == expected
        assert inflater.eof
        assert not inflater.unused_data
    assert bytes(deflate.deflate_decompress(stream, len(expected))) == expected
