"""The hidden directory of a build, and how its results get to their places."""

import errno
import os
from pathlib import Path

import pytest

from slimwheel.build.workspace import publish, workspace
from slimwheel.errors import OutputError, OutputExists

UPSTREAM = Path(__file__)


def hidden(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir() if path.name.startswith(".")]


def test_the_output_directory_is_made_and_the_hidden_one_removed(tmp_path: Path) -> None:
    output = tmp_path / "a" / "b"
    with workspace(output) as scratch:
        assert scratch.parent == output
        assert hidden(output) == [scratch.name]
        (scratch / "sub").mkdir()
        (scratch / "sub" / "file").write_text("x")
    assert list(output.iterdir()) == []


def test_it_is_removed_whatever_happens(tmp_path: Path) -> None:
    for error in (KeyboardInterrupt, SystemExit, RuntimeError):
        with pytest.raises(error), workspace(tmp_path):
            raise error
    assert list(tmp_path.iterdir()) == []


def test_leftovers_go_and_running_builds_stay(tmp_path: Path) -> None:
    leftover = tmp_path / ".slimwheel-killed"
    leftover.mkdir()
    (leftover / "torch_cpu-2.13.0-py3-none-any.whl").write_text("half a wheel")
    other = tmp_path / ".other-tool"
    other.mkdir()
    with workspace(tmp_path) as first:
        assert not leftover.exists()
        with workspace(tmp_path) as second:
            assert first.exists()
            assert second != first
        assert first.exists()
    assert hidden(tmp_path) == [".other-tool"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space"),
        (errno.EDQUOT, "no space"),
        (errno.EIO, "cannot be written"),
        (errno.EACCES, "cannot be written"),
    ],
)
def test_errors_of_the_system_name_the_output(tmp_path: Path, number: int, words: str) -> None:
    with pytest.raises(OutputError, match=words) as caught, workspace(tmp_path):
        raise OSError(number, "as the system says")
    assert caught.value.file == str(tmp_path)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_results_are_moved_all_or_none(tmp_path: Path) -> None:
    new = {name: tmp_path / f"new-{name}" for name in ("first", "second")}
    for name, path in new.items():
        path.write_text(f"new {name}")
    places = {path: tmp_path / name for name, path in new.items()}
    (tmp_path / "second").write_text("other text")
    with pytest.raises(OutputExists, match="differs") as caught:
        publish(places, force=False, untouched=UPSTREAM)
    assert caught.value.file == str(tmp_path / "second")
    assert not (tmp_path / "first").exists()
    assert (tmp_path / "second").read_text() == "other text"
    publish(places, force=True, untouched=UPSTREAM)
    assert (tmp_path / "first").read_text() == "new first"
    assert (tmp_path / "second").read_text() == "new second"


def test_a_file_that_has_just_come_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another build may put its result there behind our back; the same bytes are no conflict."""
    new, place = tmp_path / "new", tmp_path / "place"
    new.write_text("ours")
    sync = os.fsync
    for theirs in ("other", "ours"):

        def synced(descriptor: int, theirs: str = theirs) -> None:
            place.write_text(theirs)
            sync(descriptor)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", synced)
            if theirs == "ours":
                publish({new: place}, force=False, untouched=UPSTREAM)
            else:
                with pytest.raises(OutputExists, match="differs"):
                    publish({new: place}, force=False, untouched=UPSTREAM)
        assert place.read_text() == theirs
        place.unlink()


def test_without_hard_links_results_are_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, place = tmp_path / "new", tmp_path / "place"
    new.write_text("ours")

    def fails(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", fails)
    publish({new: place}, force=False, untouched=UPSTREAM)
    assert place.read_text() == "ours"


def test_equal_results_are_left_as_they_are(tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    new.write_bytes(b"same" * 1_000_000)
    old.write_bytes(b"same" * 1_000_000)
    before = old.stat()
    publish({new: old}, force=False, untouched=UPSTREAM)
    publish({new: old}, force=True, untouched=UPSTREAM)
    assert (old.stat().st_ino, old.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    old.write_bytes(b"same" * 999_999 + b"diff")
    with pytest.raises(OutputExists):
        publish({new: old}, force=False, untouched=UPSTREAM)


@pytest.mark.parametrize("force", [False, True])
def test_the_input_is_never_replaced(tmp_path: Path, force: bool) -> None:
    new, upstream, link = (tmp_path / name for name in ("new", "upstream", "link"))
    new.write_text("slim")
    upstream.write_text("upstream")
    link.symlink_to(upstream)
    for destination in (upstream, link):
        with pytest.raises(OutputExists, match="is the input"):
            publish({new: destination}, force=force, untouched=upstream)
    assert upstream.read_text() == "upstream"


@pytest.mark.parametrize("force", [False, True])
def test_a_directory_is_never_replaced(tmp_path: Path, force: bool) -> None:
    new, place = tmp_path / "new", tmp_path / "place"
    new.write_text("slim")
    place.mkdir()
    with pytest.raises(OutputError, match="is a directory"):
        publish({new: place}, force=force, untouched=UPSTREAM)
