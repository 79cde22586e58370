"""Documents in the cache: whole or not there, bounded, and never in the way."""

import hashlib
import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from slimwheel.fetch.documents import Documents, key_of
from slimwheel.fetch.known_hashes import KnownHashes

KEY, OTHER = key_of("one"), key_of("another")
VALUE = {"why": "ä \udce9", "sizes": [1, None, True], "nested": {"a": [{}]}}


def signed(content: bytes) -> bytes:
    deflated = zlib.compress(content)
    return hashlib.sha256(deflated).digest() + deflated


def test_what_is_put_is_got(tmp_path: Path) -> None:
    documents = Documents(tmp_path / "a" / "b")
    assert documents.get(KEY) is None
    documents.put(KEY, VALUE)
    assert documents.get(KEY) == VALUE
    assert documents.get(OTHER) is None
    documents.put(KEY, [])
    assert Documents(tmp_path / "a" / "b").get(KEY) == []
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == [KEY]


@pytest.mark.parametrize(
    "damage",
    [
        lambda stored: b"",
        lambda stored: stored[:-1],
        lambda stored: stored[:40] + bytes((stored[40] ^ 1,)) + stored[41:],
        lambda stored: signed(b"not JSON"),
        lambda stored: signed(b"[" * 100_000),
        lambda stored: signed(b"[1, 2]"),
        lambda stored: signed(b'{"key": "other", "value": 1}'),
        lambda stored: signed(json.dumps({"key": OTHER, "value": 1}).encode()),
        lambda stored: signed(json.dumps({"key": KEY}).encode()),
        lambda stored: signed(b"\xff\xfe"),
        lambda stored: signed(bytes(65 << 20)),
        lambda stored: bytes(17 << 20),
    ],
)
def test_damaged_and_foreign_documents_are_not_there(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    documents = Documents(tmp_path)
    documents.put(KEY, VALUE)
    path = tmp_path / KEY
    path.write_bytes(damage(path.read_bytes()))
    assert documents.get(KEY) is None
    documents.put(KEY, VALUE)
    assert documents.get(KEY) == VALUE


def test_the_least_recently_used_go(tmp_path: Path) -> None:
    keys = [key_of(number) for number in range(6)]
    text = [hashlib.sha512(bytes((number,))).hexdigest() for number in range(40)]
    Documents(tmp_path).put(keys[0], text)
    limit = 9 * (tmp_path / keys[0]).stat().st_size // 2
    documents = Documents(tmp_path, limit)
    for number, key in enumerate(keys[:4]):
        documents.put(key, text)
        os.utime(tmp_path / key, (number, number))
    assert documents.get(keys[0]) == text  # used now
    for key in keys[4:]:
        documents.put(key, text)
    left = {path.name for path in tmp_path.iterdir()}
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= limit
    assert {keys[0], keys[4], keys[5]} <= left
    assert keys[1] not in left


def test_what_is_too_large_is_not_kept(tmp_path: Path) -> None:
    documents = Documents(tmp_path, limit=100)
    documents.put(KEY, [hashlib.sha512(bytes((n,))).hexdigest() for n in range(40)])
    assert documents.get(KEY) is None
    Documents(tmp_path).put(KEY, "0" * (65 << 20))
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    documents = Documents(tmp_path / "file" / "plans")
    documents.put(KEY, VALUE)
    assert documents.get(KEY) is None


def test_a_key_is_no_path(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no key"):
        Documents(tmp_path).get("../" + KEY)


def aged(path: Path, content: bytes, age: float = 60) -> Path:
    path.write_bytes(content)
    then = path.stat().st_mtime - age
    os.utime(path, (then, then))
    return path


def read(path: Path, cache: Path | None, monkeypatch: pytest.MonkeyPatch) -> tuple[str, bool]:
    """Return a file's hash, and whether it was read for that."""
    seen = []
    real = hashlib.file_digest

    def spy(*arguments: object) -> object:
        seen.append(arguments)
        return real(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "file_digest", spy)
        # Times of change are the system's alone: a later clock makes them old.
        patch.setattr("slimwheel.fetch.known_hashes.time.time_ns", lambda: 1 << 62)
        found = KnownHashes(cache).sha256(path)
    assert found == hashlib.sha256(path.read_bytes()).hexdigest()
    return found, bool(seen)


def test_a_file_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, cache = aged(tmp_path / "a.whl", b"one"), tmp_path / "cache"
    first, was_read = read(path, cache, monkeypatch)
    assert was_read
    assert read(path, cache, monkeypatch) == (first, False)
    # Changed, with the size and the time that it had.
    aged(path, b"two")
    assert read(path, cache, monkeypatch)[1]
    assert read(path, None, monkeypatch)[1]


def test_a_file_that_was_just_changed_is_hashed_again(tmp_path: Path) -> None:
    path, cache = aged(tmp_path / "a.whl", b"one", age=0), tmp_path / "cache"
    KnownHashes(cache).sha256(path)
    assert not (cache / "hashes").exists()
