"""Edits as lists of ranges."""

import io
import tempfile
from pathlib import Path

import pytest

from slimwheel.elf.edits import Edits, Keep, Patch, Zeros, overlay

SOURCE = bytes(range(100))


def written(edits: Edits) -> bytes:
    out = io.BytesIO()
    edits.write(SOURCE, out)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "source"
        path.write_bytes(SOURCE)
        edits.carry_out(path)
        assert path.read_bytes() == out.getvalue()
        assert list(path.parent.iterdir()) == [path]
    return out.getvalue()


def test_pieces_are_joined_and_counted() -> None:
    edits = Edits.of(100, [Keep(0, 10), Keep(10, 20), b"", b"ab", b"c", Keep(30, 30), Keep(50, 60)])
    assert edits.pieces == (Keep(0, 20), b"abc", Keep(50, 60))
    assert (edits.size, edits.saved) == (33, 67)
    assert edits.changed
    assert written(edits) == SOURCE[:20] + b"abc" + SOURCE[50:60]


def test_identity() -> None:
    edits = Edits.of(100, [Keep(0, 50), Keep(50, 100)])
    assert edits.is_identity
    assert not edits.changed
    assert written(edits) == SOURCE
    assert Edits.of(0, []).is_identity


def test_chunks_are_no_longer_than_asked() -> None:
    edits = Edits.of(100, [Keep(0, 45), b"x" * 25])
    sizes = [len(chunk) for chunk in edits.chunks(SOURCE, 10)]
    assert sizes == [10, 10, 10, 10, 5, 10, 10, 5]


def test_the_source_must_be_the_right_one() -> None:
    with pytest.raises(ValueError, match="100 bytes given a source of 99"):
        list(Edits.of(100, [Keep(0, 100)]).chunks(SOURCE[:99]))
    with pytest.raises(ValueError, match="not a range"):
        Edits.of(100, [Keep(90, 101)])


def test_overlay_keeps_what_stays_equal() -> None:
    same_but_one = SOURCE[10:20] + b"!" + SOURCE[21:30]
    pieces = overlay([Keep(0, 100)], [Patch(10, same_but_one), Patch(50, SOURCE[50:60])], SOURCE)
    assert Edits.of(100, pieces).pieces == (Keep(0, 20), b"!", Keep(21, 100))


@pytest.mark.parametrize(
    "patches",
    [
        [Patch(10, b"xxxx"), Patch(12, b"yyyy")],
        [Patch(60, b"x")],
        [Patch(48, b"xxxx")],
        [Patch(98, b"xxxx")],
    ],
)
def test_overlay_refuses_what_it_cannot_place(patches: list[Patch]) -> None:
    with pytest.raises(ValueError, match=r"change"):
        overlay([Keep(0, 50), Keep(70, 100)], patches, SOURCE)


def test_moved_bytes_come_from_elsewhere_in_the_source() -> None:
    patches = [Patch(40, Keep(10, 30)), Patch(5, b"!"), Patch(60, Zeros(8))]
    assert [patch.stop for patch in patches] == [60, 6, 68]
    edits = Edits.of(100, overlay([Keep(0, 100)], patches, SOURCE))
    moved = [Keep(6, 40), Keep(10, 30), Zeros(8), Keep(68, 100)]
    assert edits.pieces == (Keep(0, 5), b"!", *moved)
    assert edits.size == 100
    expected = SOURCE[:5] + b"!" + SOURCE[6:40] + SOURCE[10:30] + bytes(8) + SOURCE[68:]
    assert written(edits) == expected


def test_moved_bytes_are_read_before_anything_is_changed() -> None:
    patches = [Patch(10, Keep(20, 30)), Patch(20, Keep(10, 20))]
    edits = Edits.of(100, overlay([Keep(0, 100)], patches, SOURCE))
    assert written(edits) == SOURCE[:10] + SOURCE[20:30] + SOURCE[10:20] + SOURCE[30:]


def test_bytes_moved_from_what_goes() -> None:
    pieces = overlay([Keep(0, 50), Keep(70, 100)], [Patch(40, Keep(55, 65))], SOURCE)
    assert written(Edits.of(100, pieces)) == SOURCE[:40] + SOURCE[55:65] + SOURCE[70:]


def test_bytes_moved_to_where_they_are() -> None:
    pieces = overlay([Keep(0, 100)], [Patch(40, Keep(40, 60)), Patch(7, Keep(9, 9))], SOURCE)
    assert Edits.of(100, pieces).is_identity


@pytest.mark.parametrize("data", [Keep(90, 101), Keep(30, 20), Keep(-10, 0)])
def test_moved_bytes_must_be_there(data: Keep) -> None:
    with pytest.raises(ValueError, match=r"range|reaches"):
        Edits.of(100, overlay([Keep(0, 100)], [Patch(40, data)], SOURCE))


def test_moved_bytes_and_others_must_not_overlap() -> None:
    with pytest.raises(ValueError, match="two changes"):
        overlay([Keep(0, 100)], [Patch(40, Keep(10, 30)), Patch(59, b"!")], SOURCE)


def test_zeros_are_cut_down_to_what_is_none() -> None:
    source = bytes(20) + b"x" + bytes(20) + b"y" + bytes(58)
    pieces = overlay([Keep(0, 100)], [Patch(3, Zeros(90))], source)
    assert Edits.of(100, pieces).pieces == (Keep(0, 20), Zeros(22), Keep(42, 100))
    pieces = overlay([Keep(0, 100)], [Patch(50, Zeros(50)), Patch(0, Zeros(0))], source)
    assert Edits.of(100, pieces).is_identity
