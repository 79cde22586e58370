"""What was worked out before, as JSON documents in the cache directory.

    <kind>/<key>        sha256 of what follows, then the document, deflated

A document is written beside its place and renamed. One that is damaged, or of another key, counts
as not there; the least recently used go where there are too many bytes of them. None of them is
needed: a directory that cannot be written costs time and nothing else.
"""

import hashlib
import json
import os
import re
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path

_KEY = re.compile("[0-9a-f]{64}")
_LARGEST_FILE = 16 << 20
_LARGEST_DOCUMENT = 64 << 20
_LEVEL = 1


def key_of(question: object) -> str:
    """Return the key of a question, which json can write."""
    return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()


class Documents:
    """Documents of one kind by their keys.

    Args:
        directory: where they are; made when it is needed.
        limit: how many bytes of them are kept.
    """

    def __init__(self, directory: Path, limit: int = 64 << 20) -> None:
        self._directory = directory
        self._limit = limit

    def get(self, key: str) -> object:
        """Return a document as it was put, None where there is no sound one."""
        path = self._path(key)
        try:
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_size > _LARGEST_FILE:
                    return None
                stored = file.read()
            document = json.loads(_checked(stored))
            if document["key"] != key:
                return None
            found: object = document["value"]
        except (OSError, ValueError, TypeError, KeyError, RecursionError, zlib.error):
            return None
        with suppress(OSError):
            os.utime(path)
        return found

    def put(self, key: str, value: object) -> None:
        """Keep a document, which json can write, unless it is too large or has no place."""
        path = self._path(key)
        text = json.dumps({"key": key, "value": value}, ensure_ascii=False, separators=(",", ":"))
        content = text.encode("utf-8", "surrogatepass")
        stored = zlib.compress(content, _LEVEL)
        if len(content) > _LARGEST_DOCUMENT or len(stored) > min(_LARGEST_FILE, self._limit):
            return
        with suppress(OSError):
            self._directory.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(prefix=".", dir=self._directory, delete=False) as file:
                try:
                    file.write(hashlib.sha256(stored).digest() + stored)
                    file.flush()
                    Path(file.name).replace(path)
                except BaseException:
                    Path(file.name).unlink(missing_ok=True)
                    raise
            self._make_room()

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} is no key")
        return self._directory / key

    def _make_room(self) -> None:
        """Remove what was used longest ago; half-written files of killed processes are among it."""
        files = []
        for entry in os.scandir(self._directory):
            with suppress(OSError):
                stat = entry.stat(follow_symlinks=False)
                files.append((stat.st_mtime_ns, stat.st_size, entry.path))
        left = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if left <= self._limit:
                return
            left -= size
            with suppress(OSError):
                Path(path).unlink()


def _checked(stored: bytes) -> bytes:
    digest, deflated = stored[:32], stored[32:]
    if hashlib.sha256(deflated).digest() != digest:
        raise ValueError("not what was written")
    inflater = zlib.decompressobj()
    content = inflater.decompress(deflated, _LARGEST_DOCUMENT)
    if not inflater.eof:
        raise ValueError("cut, or too large")
    return content
