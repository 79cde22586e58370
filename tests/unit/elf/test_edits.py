"""Edits as lists of ranges."""

import io

import pytest

from slimwheel.elf.edits import Edits, Keep, Patch, overlay

SOURCE = bytes(range(100))


def written(edits: Edits) -> bytes:
    out = io.BytesIO()
    edits.write(SOURCE, out)
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
