"""Splicing deflate streams: blocks found, joined, copied; hostile streams; any edits at all."""

import ctypes.util
import hashlib
import random
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import deflate
import pytest

import slimwheel
from slimwheel.errors import CheckFailed, WheelError
from slimwheel.wheelfile.splicing import (
    BlockIndex,
    Kept,
    Piece,
    native,
    portable,
    splice,
    walk_blocks,
)
from slimwheel.wheelfile.splicing.bits import BitWriter, Windows, packed, phase_shift
from slimwheel.wheelfile.splicing.blocks import Engine, default_engine
from slimwheel.wheelfile.splicing.proving import middle_of
from slimwheel.wheelfile.splicing.spans import Copy, spans
from tests.support import inflate
from tests.support.streams import (
    ENGINES,
    STREAMS,
    assert_gives,
    content,
    index_of,
    libdeflate_stream,
    new_content,
    spliced,
    zlib_stream,
)

MB = 1 << 20
DATA = content(MB)
STREAM = zlib_stream(DATA)
Read = Callable[[int, int], bytes]
ENDED_STATIC = packed([(1, 1), (1, 2), (0, 7)])

engines = pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
kinds = pytest.mark.parametrize("compress", STREAMS.values(), ids=STREAMS)


def bits_of(*fields: tuple[int, int]) -> bytes:
    value, count = packed(fields)
    return value.to_bytes(-(-count // 8), "little")


def windows_of(stream: bytes, size: int = MB) -> Windows:
    def windows(start: int, stop: int) -> Iterator[memoryview]:
        for offset in range(start, stop, size):
            yield memoryview(stream)[offset : min(offset + size, stop)]

    return windows


@engines
@kinds
def test_blocks_are_where_the_format_says(
    compress: Callable[[bytes], bytes], engine: Engine
) -> None:
    data = content(70_000, seed=1)
    stream = compress(data)
    found, blocks = inflate.blocks(stream)
    assert found == data
    index = index_of(stream, data, engine)
    assert list(index.bits) == [0, *(block.stop_bit for block in blocks)]
    assert list(index.offsets) == [0, *(block.stop for block in blocks)]
    assert index.is_whole
    assert index.size == len(data)


def test_the_streams_have_blocks_of_every_kind_in_every_phase() -> None:
    data = content(70_000, seed=1)
    found = [block for make in STREAMS.values() for block in inflate.blocks(make(data))[1]]
    assert {block.kind for block in found} == {0, 1, 2}
    assert {(block.kind, block.start_bit % 8) for block in found} >= {
        *((kind, phase) for kind in (0, 2) for phase in range(8)),
    }


@engines
@pytest.mark.parametrize("phase", range(8))
def test_empty_blocks_are_found_in_every_phase(engine: Engine, phase: int) -> None:
    # Each of static, stored and dynamic, at every place within a byte.
    shift = phase_shift(phase)
    stored = 5 + (8 - (shift[1] + 3) % 8) % 8
    stream = bits_of(shift, (0, 3 + stored - 5), (0, 16), (0xFFFF, 16), ENDED_STATIC)
    if not shift[1]:
        stream = bits_of((0, 8), (0, 16), (0xFFFF, 16), ENDED_STATIC)
    assert_gives(stream, b"")
    expected = inflate.blocks(stream)[1]
    index = index_of(stream, b"", engine)
    assert list(index.bits) == [0, *(block.stop_bit for block in expected)]
    assert len(expected) >= 2


@pytest.mark.parametrize("bits", range(8))
def test_empty_blocks_take_any_number_of_bits_modulo_8(bits: int) -> None:
    value, count = phase_shift(bits)
    assert count % 8 == bits
    assert value < 1 << count
    assert count <= 95 + 30
    stream = bits_of((value, count), ENDED_STATIC)
    assert_gives(stream, b"")


@pytest.mark.parametrize("ahead", range(8))
@pytest.mark.parametrize("phase", range(8))
def test_a_copied_block_keeps_its_phase(ahead: int, phase: int) -> None:
    # A stored block, whose content begins at a whole byte, behind every phase and in each.
    source = bits_of(phase_shift(phase)) if phase else b""
    lead = phase_shift(phase)[1]
    header = (0, 3 + -(lead + 3) % 8)
    body = (int.from_bytes(b"abc", "little"), 24)
    stream = bits_of(phase_shift(phase), header, (3, 16), (3 ^ 0xFFFF, 16), body)
    made = bytearray()
    writer = BitWriter(made.extend)
    writer.put(*phase_shift(ahead))
    assert writer.phase == ahead
    writer.seek_phase(phase)
    assert writer.phase == phase
    writer.copy(lead, 8 * len(stream), windows_of(stream))
    writer.put_end()
    writer.pad()
    assert_gives(bytes(made), b"abc")
    assert len(source) == -(-lead // 8)


@pytest.mark.parametrize("size", [1, 2, 7, 4096])
@pytest.mark.parametrize("start", [0, 3, 8])
@pytest.mark.parametrize("stop", [8 * 5000, 8 * 5000 + 5])
def test_bits_are_copied_whatever_the_windows(size: int, start: int, stop: int) -> None:
    made = bytearray()
    writer = BitWriter(made.extend)
    writer.put(0b101 if start % 8 else 0, start % 8)
    cleared = 8 * 4090 + 1
    writer.copy(start, stop, windows_of(DATA, size), clear=cleared)
    phase = writer.phase
    writer.pad()
    old = int.from_bytes(DATA, "little") & ~(1 << cleared)
    kept = (old & ((1 << stop) - 1)) >> start << start % 8
    assert int.from_bytes(made, "little") == kept | (0b101 if start % 8 else 0)
    assert phase == (stop - start + start % 8) % 8


def test_a_block_is_not_copied_into_another_phase() -> None:
    with pytest.raises(ValueError, match="bit 3 copied to phase 0"):
        BitWriter(bytearray().extend).copy(3, 20, windows_of(bytes(8)))


@kinds
def test_every_kind_of_stream_is_spliced(compress: Callable[[bytes], bytes]) -> None:
    data = content(400_000, seed=2)
    stream = compress(data)
    pieces: list[Piece] = [
        Kept(0, 150_000),
        b"an edit",
        Kept(150_003, 260_001),
        Kept(260_100, 400_000),
        b"appended",
    ]
    made, result = spliced(stream, data, pieces)
    new = new_content(data, pieces)
    assert (result.size, result.crc) == (len(new), zlib.crc32(new))
    assert result.sha256 == hashlib.sha256(new).digest()
    blocks = index_of(stream, data)
    longest = max(b - a for a, b in zip(blocks.offsets, blocks.offsets[1:], strict=False))
    if longest < 30_000:
        assert result.copied > 150_000
    assert len(made) < len(stream) + 60_000


@engines
def test_the_engine_does_not_matter(engine: Engine) -> None:
    pieces: list[Piece] = [Kept(7, 400_000), b"x" * 99, Kept(500_000, 1_000_000)]
    made, result = spliced(STREAM, DATA, pieces, engine)
    assert made == spliced(STREAM, DATA, pieces, portable.inflate)[0]
    assert result.copied > 500_000


@pytest.mark.parametrize(
    "pieces",
    {
        "nothing": [],
        "all cut": [b"", Kept(5, 5)],
        "identity": [Kept(0, MB)],
        "identity in parts": [Kept(0, 3), Kept(3, 700_000), b"", Kept(700_000, MB)],
        "edit at the start": [b"?", Kept(1, MB)],
        "before the start": [b"first", Kept(0, MB)],
        "edit at the end": [Kept(0, MB - 1), b"?"],
        "appended": [Kept(0, MB), b"more"],
        "head": [Kept(0, 600_001)],
        "head of a block": [Kept(0, 10)],
        "tail": [Kept(600_001, MB)],
        "backwards": [Kept(500_000, MB), Kept(0, 500_000)],
        "twice": [Kept(0, MB), Kept(0, MB)],
        "overlapping": [Kept(0, 700_000), Kept(300_000, MB)],
        "zeros": [Kept(0, 500_000), bytes(3 * MB), Kept(500_000, MB)],
        "views": [memoryview(DATA)[5:9], bytearray(b"abc"), Kept(0, MB), memoryview(b"z")],
        "new alone": [content(300_000, seed=9)],
        "dense": [
            p for i in range(0, 52 * 20_000, 20_000) for p in (Kept(i, i + 19_990), b"!" * 10)
        ],
    }.items(),
    ids=lambda item: item[0],
)
def test_edits(pieces: tuple[str, list[Piece]]) -> None:
    name, parts = pieces
    made, result = spliced(STREAM, DATA, parts)
    full = {"identity", "identity in parts"}
    assert (made == STREAM) == (name in full)
    assert (result.copied == MB) == (name in {*full, "before the start", "appended", "views"})
    # Edits closer together than deflate looks back leave nothing to copy.
    none = {"nothing", "all cut", "head of a block", "new alone"}
    assert (result.copied == 0) == (name in none) or name == "dense"
    if name == "dense":
        assert result.copied < 40_000
    if name in {"nothing", "all cut"}:
        assert made == zlib.compress(b"", wbits=-15)
    if name == "twice":
        # The last block, which ended the first copy, does not end the second's result.
        assert result.copied > 2 * MB - 120_000


def test_the_last_block_is_copied_into_the_middle() -> None:
    index = index_of(STREAM, DATA)
    made, result = spliced(STREAM, DATA, [Kept(0, MB), b"more"])
    assert STREAM[index.bits[-2] // 8] >> index.bits[-2] % 8 & 1
    assert not made[index.bits[-2] // 8] >> index.bits[-2] % 8 & 1
    assert result.copied == MB


def test_a_stream_that_ends_within_a_copy_gets_an_end() -> None:
    index = index_of(STREAM, DATA)
    made, result = spliced(STREAM, DATA, [Kept(0, index.offsets[3])])
    assert result.copied == result.size == index.offsets[3]
    assert len(made) <= index.bits[3] // 8 + 3


def test_reused_bytes_of_one_edit() -> None:
    # Around one changed byte: 32 KiB behind it, and the parts of two blocks.
    index = index_of(STREAM, DATA)
    longest = max(b - a for a, b in zip(index.offsets, index.offsets[1:], strict=False))
    _, result = spliced(STREAM, DATA, [Kept(0, 500_000), b"!", Kept(500_001, MB)])
    assert MB - result.copied <= 32_768 + 2 * longest + 1


def test_blocks_are_copied_only_where_their_history_is_the_same() -> None:
    index = index_of(STREAM, DATA)
    found = spans(index, memoryview(DATA), [Kept(100_000, 900_000)])
    copies = [span for span in found if isinstance(span, Copy)]
    assert len(copies) == 1
    first, stop = index.offsets[copies[0].first], index.offsets[copies[0].stop]
    assert first >= 100_000 + 32_768
    assert index.offsets[copies[0].first - 1] < 100_000 + 32_768
    assert stop <= 900_000
    assert index.offsets[copies[0].stop + 1] > 900_000


def test_new_content_is_compressed_in_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slimwheel.wheelfile.splicing.stream.WINDOW", 10_000)
    parts: list[Piece] = [DATA[:25_000], DATA[25_000:25_001], DATA[30_000:65_000]]
    assert spliced(STREAM, DATA, parts)[1].copied == 0
    single: list[Piece] = [DATA[:40_000]]
    made, _ = spliced(STREAM, DATA, [*single, Kept(0, MB), *single])
    assert len(made) > len(STREAM) + 2 * len(libdeflate_stream(DATA[:40_000]))


def test_a_member_without_blocks_is_compressed_whole() -> None:
    made = bytearray()
    result = splice(
        BlockIndex.none(MB), memoryview(DATA), lambda *_: b"", [Kept(0, MB)], made.extend
    )
    assert_gives(bytes(made), DATA)
    assert result.copied == 0
    assert bytes(made) == libdeflate_stream(DATA)


def test_what_does_not_belong_together_is_noticed() -> None:
    index = index_of(STREAM, DATA)

    def read(start: int, size: int) -> bytes:
        return STREAM[start : start + size]

    def attempt(content: bytes, pieces: list[Piece]) -> None:
        splice(index, memoryview(content), read, pieces, bytearray().extend)

    with pytest.raises(ValueError, match="a content of 5 bytes for an index of"):
        attempt(b"other", [])
    for wrong in (Kept(0, MB + 1), Kept(9, 8), Kept(-1, 5)):
        with pytest.raises(ValueError, match="is not a range of"):
            attempt(DATA, [wrong])
    with pytest.raises(CheckFailed, match="does not give its content"):
        attempt(DATA[:500_000] + b"?" + DATA[500_001:], [Kept(0, MB)])
    broken = STREAM[:9000] + bytes(900) + STREAM[9900:]
    with pytest.raises(CheckFailed, match="does not give its content"):
        splice(
            index,
            memoryview(DATA),
            lambda start, size: broken[start : start + size],
            [Kept(0, MB)],
            bytearray().extend,
        )


def copying_wrong(place: int, bit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let copies of STREAM take one bit of one byte for its opposite."""
    copy = BitWriter.copy

    def wrong(self: BitWriter, start: int, stop: int, windows: Windows, **more: Any) -> None:
        def wrong_windows(offset: int, end: int) -> Iterator[memoryview]:
            for window in windows(offset, end):
                data = bytearray(window)
                if offset <= place < offset + len(data):
                    data[place - offset] ^= 1 << bit
                offset += len(data)
                yield memoryview(data)

        copy(self, start, stop, wrong_windows, **more)

    monkeypatch.setattr(BitWriter, "copy", wrong)


@pytest.mark.parametrize("place", [100, 70_000, 150_000, -70_000, -100])
def test_a_copy_that_errs_is_noticed(place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the ends of a long copy are inflated; between them the bytes are summed."""
    copying_wrong(place % len(STREAM), 4, monkeypatch)
    with pytest.raises(CheckFailed, match="does not give its content"):
        spliced(STREAM, DATA, [Kept(0, MB)])


@pytest.mark.parametrize("bit", range(8))
@pytest.mark.parametrize("place", range(-3, 3))
@pytest.mark.parametrize("end", ["first", "stop"])
def test_a_copy_that_errs_where_inflating_ends_and_begins_is_noticed(
    end: str, place: int, bit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An inflater holds back what its last bits stand for: they are summed, too."""
    index = index_of(STREAM, DATA)
    middle = middle_of(index, Copy(0, len(index)))
    copying_wrong(index.bits[getattr(middle, end)] // 8 + place, bit, monkeypatch)
    with pytest.raises(CheckFailed, match="does not give its content"):
        spliced(STREAM, DATA, [Kept(0, MB)])


@pytest.mark.parametrize("beyond", [-1, 0, 1, 2, 258, 300, 8192])
@pytest.mark.parametrize("level", [1, 6])
def test_contents_that_end_just_behind_a_window_are_spliced(level: int, beyond: int) -> None:
    data = (b"the same over and over\n" * (MB // 20))[: MB + beyond]
    stream = zlib_stream(data, level)
    spliced(stream, data, [Kept(0, len(data))])
    spliced(stream, data, [b"?", Kept(1, len(data))])


def test_what_is_the_old_streams_need_not_be_written() -> None:
    """Told of it, the caller reads it where it stands."""
    data = content(4 * MB)
    stream = zlib_stream(data)
    pieces: list[Piece] = [Kept(0, 40), b"changed", Kept(47, 3 * MB), Kept(3 * MB + 999, 4 * MB)]
    whole, written = bytearray(), bytearray()
    again = bytearray()
    kept = 0

    def write(part: bytes | bytearray | memoryview) -> None:
        written.extend(part)
        again.extend(part)

    def keep(offset: int, count: int) -> None:
        nonlocal kept
        kept += count
        again.extend(stream[offset : offset + count])

    index = index_of(stream, data)

    def read(offset: int, count: int) -> bytes:
        return stream[offset : offset + count]

    one = splice(index, memoryview(data), read, pieces, whole.extend)
    other = splice(index, memoryview(data), read, pieces, write, keep=keep)
    assert one == other
    assert again == whole
    assert len(written) + kept == len(whole)
    assert kept > len(whole) // 4


def test_a_copy_from_a_wrong_place_is_noticed() -> None:
    sound = index_of(STREAM, DATA)
    middle = middle_of(sound, Copy(0, len(sound)))
    assert middle is not None
    for number in (0, middle.stop):
        index = index_of(STREAM, DATA)
        index.bits[number] += 1
        with pytest.raises(CheckFailed, match="does not give its content"):
            splice(
                index,
                memoryview(DATA),
                lambda start, size: STREAM[start : start + size],
                [Kept(0, MB)],
                bytearray().extend,
            )


def consumed(stream: bytes, engine: Engine, step: int = 97) -> tuple[bytes, list[int]] | str:
    """Return content and blocks, or the error."""
    windows = [stream[start : start + step] for start in range(0, len(stream), step)]
    walk = walk_blocks(windows, file="a.whl", place="a.so", engine=engine)
    try:
        data = b"".join(map(bytes, walk))
    except WheelError as error:
        return f"{error.file}, {error.place}: {error.message}"
    return data, list(walk.index.bits)


@engines
def test_cut_streams(engine: Engine) -> None:
    data = content(3_000, seed=3)
    stream = zlib_stream(data, memory=1)
    for size in range(len(stream)):
        assert consumed(stream[:size], engine) == "a.whl, a.so: has a deflate stream without an end"
    assert consumed(stream + b"\0", engine) == "a.whl, a.so: has bytes behind its deflate stream"
    assert consumed(stream + b"\0", engine, 1) == "a.whl, a.so: has bytes behind its deflate stream"
    for step in (1, 2, 3, 5000):
        found = consumed(stream, engine, step)
        assert isinstance(found, tuple)
        assert found[0] == data
        assert found[1][1:] == [block.stop_bit for block in inflate.blocks(stream)[1]]


def test_damaged_streams_are_seen_alike_by_all_engines() -> None:
    rng = random.Random(4)
    data = content(20_000, seed=4)
    streams = [make(data) for make in STREAMS.values()]
    errors = 0
    for _ in range(400):
        stream = bytearray(rng.choice(streams))
        for _ in range(rng.randrange(1, 4)):
            # Headers stand at the start, and their damage is seen more often than a literal's.
            place = rng.randrange(min(len(stream), rng.choice((80, 20_000))))
            stream[place] ^= 1 << rng.randrange(8)
        results = [consumed(bytes(stream), engine, 4096) for engine in ENGINES.values()]
        failed = [isinstance(result, str) for result in results]
        assert all(failed) or not any(failed)
        if not any(failed):
            assert all(result == results[0] for result in results)
        errors += failed[0]
    assert 50 < errors < 350


@engines
def test_noise_is_no_stream(engine: Engine) -> None:
    rng = random.Random(5)
    for _ in range(300):
        consumed(rng.randbytes(rng.randrange(300)), engine)


@engines
def test_a_flood_of_empty_blocks_is_inflated_without_noting_them(engine: Engine) -> None:
    count = 40_000
    flood = packed([(0b010, 10)] * 4)[0].to_bytes(5, "little") * (count // 4)
    stream = flood + bits_of(ENDED_STATIC)
    walk = walk_blocks([stream], file="a.whl", place="a.so", engine=engine)
    assert b"".join(map(bytes, walk)) == b""
    assert len(walk.index) < 5_000
    assert not walk.index.is_whole
    data = content(100_000, seed=6)
    stream = flood + zlib_stream(data)
    walk = walk_blocks([stream], file="a.whl", place="a.so", engine=engine)
    assert b"".join(map(bytes, walk)) == data
    assert walk.index.size == len(data)
    made = bytearray()
    result = splice(
        walk.index,
        memoryview(data),
        lambda start, size: stream[start : start + size],
        [Kept(0, len(data))],
        made.extend,
    )
    assert_gives(bytes(made), data)
    assert result.copied == 0


def test_without_a_library_python_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "fastest", lambda: None)
    assert default_engine() is portable.inflate
    assert spliced(STREAM, DATA, [Kept(0, 999_999)])[1].copied > 900_000


@pytest.mark.parametrize("surplus", range(-3, 4))
def test_where_noting_ends_no_block_is_taken_for_another(surplus: int) -> None:
    # Around the number of blocks at which noting ends, which then is also that of the very last.
    data = content(3_000, seed=10)
    (block,) = inflate.blocks(libdeflate_stream(data))[1]
    stream = bytearray()
    writer = BitWriter(stream.extend)
    packed_data = libdeflate_stream(data)
    writer.copy(0, block.stop_bit, windows_of(packed_data), clear=0)
    count = 0
    while count + 1 < 4_096 + (block.stop_bit + 10 * (count + 2)) // 512 + surplus:
        writer.put(0b010, 10)
        count += 1
    writer.put_end()
    writer.pad()
    index = index_of(bytes(stream), data)
    assert index.is_whole == (surplus < 0)
    edits: list[list[Piece]] = [
        [Kept(0, 3_000)],
        [Kept(0, 3_000), b"more"],
        [b"more", Kept(0, 2_999)],
    ]
    for pieces in edits:
        spliced(bytes(stream), data, pieces)


def test_the_pinned_library_comes_first() -> None:
    # Its package is required, and so is what its wheels for Linux let others call.
    found = native.fastest()
    assert found is not None
    assert found.name == "zlib-ng"


def test_another_zlib_ng_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    class Module:
        __file__ = None

    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(native, "import_module", lambda name: Module)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    assert native.libraries() == ()
    monkeypatch.setattr(native, "import_module", absent)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: "libnone.so.9")
    assert native.libraries() == ()


def corpus() -> list[bytes]:
    """Return contents to splice: a library, Python sources, noise, and made ones."""
    library = Path(deflate.__file__).with_name("_deflate.abi3.so")
    sources = sorted(Path(slimwheel.__file__).parent.rglob("*.py"))
    text = b"".join(path.read_bytes() for path in sources)[:600_000]
    real = [library.read_bytes()] if library.exists() else []
    return [*real, text, content(500_000), bytes(300_000), random.Random(7).randbytes(200_000)]


def random_pieces(rng: random.Random, data: bytes) -> list[Piece]:
    """Return edits of any kind: in order mostly, dense or sparse, with anything between."""
    pieces: list[Piece] = []
    place = rng.choice((0, 0, rng.randrange(len(data))))
    step = rng.choice((100, 5_000, 50_000, 200_000))
    while place < len(data):
        stop = min(place + rng.randrange(2 * step), len(data))
        pieces.append(Kept(place, stop))
        kind = rng.randrange(4)
        if kind:
            pieces.append(rng.randbytes(rng.choice((0, 1, 8, 100, 40_000)) if kind > 1 else 1))
        place = stop + rng.choice((0, 1, 1, 30, 4096, 60_000))
        if rng.random() < 0.02:
            place = rng.randrange(len(data))
        if len(pieces) > 600:
            break
    return pieces


def fuzz(count: int, seed: int) -> None:
    rng = random.Random(seed)
    makers = list(STREAMS.values())
    sources = [(data, make(data)) for data in corpus() for make in rng.sample(makers, 8)]
    copied = 0
    for _ in range(count):
        data, stream = rng.choice(sources)
        copied += spliced(stream, data, random_pieces(rng, data))[1].copied > 0
    assert copied > count // 4


def test_any_edits_of_any_stream() -> None:
    fuzz(100, seed=8)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_ten_thousand_edits(seed: int) -> None:
    fuzz(1_000, seed=1_000 + seed)


def test_indexes_compare() -> None:
    assert index_of(STREAM, DATA) == index_of(STREAM, DATA, portable.inflate)
    assert len(BlockIndex.none(5)) == 0
