"""Changes in place as they are made to device code: long runs of zeros, and very many of them."""

import io
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slimwheel.elf import Edits, ElfFile, ElfShapeError, Keep, Patch, slim
from slimwheel.elf import format as fmt
from slimwheel.elf.edits import Zeros, end_of_zeros, overlay
from tests.unit.elf.handmade import library

SOURCE = bytes(range(100))


def written(edits: Edits, source: bytes) -> bytes:
    out = io.BytesIO()
    edits.write(source, out)
    return out.getvalue()


def test_zeros_are_pieces() -> None:
    edits = Edits.of(
        100, [Keep(0, 10), Zeros(3), Zeros(0), Zeros(4), b"\0", Zeros(2), Keep(50, 52)]
    )
    assert edits.pieces == (Keep(0, 10), Zeros(7), b"\0", Zeros(2), Keep(50, 52))
    assert (edits.size, edits.saved) == (22, 78)
    assert written(edits, SOURCE) == SOURCE[:10] + bytes(10) + SOURCE[50:52]
    assert not Zeros(0)
    with pytest.raises(ValueError, match="-1"):
        Zeros(-1)


def test_zeros_are_written_in_chunks() -> None:
    edits = Edits.of(100, [Zeros(25), Keep(0, 10)])
    assert [len(chunk) for chunk in edits.chunks(SOURCE, 10)] == [10, 10, 5, 10]
    enormous = Edits.of(100, [Zeros(1 << 40)])
    assert enormous.size == 1 << 40
    assert len(next(iter(enormous.chunks(SOURCE)))) == 1 << 20


def test_zeros_over_zeros_are_no_change() -> None:
    source = bytes(5000) + b"x" * 10 + bytes(7) + b"y" + bytes(3000)
    pieces = overlay([Keep(0, len(source))], [Patch(100, Zeros(6000))], source)
    assert Edits.of(len(source), pieces).pieces == (Keep(0, 5000), Zeros(18), Keep(5018, 8018))
    pieces = overlay([Keep(0, len(source))], [Patch(0, Zeros(5000))], source)
    assert Edits.of(len(source), pieces).is_identity


@pytest.mark.parametrize(
    "patches",
    [
        [Patch(10, Zeros(5)), Patch(14, b"x")],
        [Patch(10, Zeros(5)), Patch(10, Zeros(5))],
        [Patch(10, b"x"), Patch(10, Zeros(1))],
        [Patch(45, Zeros(10))],
        [Patch(55, Zeros(5))],
        [Patch(65, Zeros(10))],
        [Patch(95, Zeros(6))],
        [Patch(200, Zeros(1))],
        [Patch(-1, Zeros(1))],
        [Patch(-1, b"x")],
    ],
)
def test_what_cannot_be_placed_is_refused(patches: list[Patch]) -> None:
    with pytest.raises(ValueError, match="change"):
        overlay([Keep(0, 50), Keep(70, 100)], patches, SOURCE)


@given(data=st.data(), source=st.binary(min_size=1, max_size=3000))
def test_overlay_does_what_writing_over_does(data: st.DataObject, source: bytes) -> None:
    size = len(source)
    cuts = sorted(data.draw(st.sets(st.integers(0, size), max_size=20)))
    bounds = [0, *cuts, size]
    pieces: list[Keep | bytes | Zeros] = []
    patches: list[Patch] = []
    expected = b""
    for start, stop in pairwise(bounds):
        if data.draw(st.booleans()):
            size_here = stop - start
            news: list[bytes | Zeros] = [Zeros(size_here), bytes(size_here), b"\xff" * size_here]
            new = data.draw(st.sampled_from(news))
            patches.append(Patch(start, new))
            expected += new if isinstance(new, bytes) else bytes(size_here)
        else:
            expected += source[start:stop]
        if data.draw(st.booleans()):
            pieces.append(Keep(start, stop))
        elif pieces and isinstance(last := pieces[-1], Keep):
            pieces[-1] = Keep(last.start, stop)
        else:
            pieces.append(Keep(start, stop))
    shuffled = data.draw(st.permutations(patches))
    edits = Edits.of(size, overlay(pieces, shuffled, source))
    assert written(edits, source) == expected
    assert edits.is_identity == (expected == source)


@given(
    before=st.integers(0, 3000),
    content=st.binary(max_size=3),
    after=st.integers(0, 3000),
    skip=st.integers(0, 3000),
)
def test_end_of_zeros(before: int, content: bytes, after: int, skip: int) -> None:
    data = bytes(before) + content + bytes(after)
    start = min(skip, len(data))
    expected = next((i for i in range(start, len(data)) if data[i]), len(data))
    assert end_of_zeros(memoryview(data), start, len(data)) == expected


def test_time_grows_with_the_number_of_changes_only() -> None:
    count = 50_000
    source = b"x" * (32 * count)
    pieces = [Keep(32 * n, 32 * n + 32) for n in range(count)]
    patches = [Patch(32 * n + 8, Zeros(16)) for n in range(count)]
    began = time.process_time()
    edits = Edits.of(len(source), overlay(pieces, patches, source))
    # A tenth of this is usual; trying every change on every piece takes minutes.
    assert time.process_time() - began < 5
    assert written(edits, source) == (b"x" * 8 + bytes(16) + b"x" * 8) * count


def test_changes_move_with_what_they_change() -> None:
    data = library()
    elf = ElfFile.parse(data, "library")
    section = next(s for s in elf.sections if s.name == ".data")
    edits = slim(elf, rpath="$ORIGIN", patches=[Patch(section.offset + 8, Zeros(16))])
    new = ElfFile.parse(written(edits, data), "after")
    moved = next(s for s in new.sections if s.name == ".data")
    assert moved.offset < section.offset
    old = bytes(elf.data[section.offset : section.end])
    assert bytes(new.data[moved.offset : moved.end]) == old[:8] + bytes(16) + old[24:]
    assert new.rpath == "$ORIGIN"


@pytest.mark.parametrize("place", [0x1018, 0x30, 0xFFFFFF])
def test_changes_to_headers_and_to_what_is_removed(place: int) -> None:
    elf = ElfFile.parse(library(), "library")
    with pytest.raises(ElfShapeError, match="cannot be made together"):
        slim(elf, patches=[Patch(place, b"\xff" * 16)])


def test_objects_are_changed_only_where_it_is_said() -> None:
    data = bytearray(library())
    data[16] = fmt.ET_REL
    source = bytes(data)
    edits = slim(ElfFile.parse(source, "object"), rpath="", patches=[Patch(0x3000, Zeros(8))])
    assert written(edits, source) == source[:0x3000] + bytes(8) + source[0x3008:]
