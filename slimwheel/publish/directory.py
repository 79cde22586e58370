"""An index in a directory, which any web server can serve."""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from slimwheel.build.workspace import locked, workspace
from slimwheel.errors import OutputError
from slimwheel.publish.store import Advance, Changed, Entry, Kind, Stored
from slimwheel.wheelfile.archive import CHUNK


@contextlib.contextmanager
def directory_store(root: Path) -> Iterator["DirectoryStore"]:
    """Open a directory; what is not whole yet lies in a hidden one inside it.

    Raises:
        OutputError: it cannot be made or written to, or its disk is full.
    """
    with workspace(root) as scratch:
        yield DirectoryStore(root, scratch)


class DirectoryStore:
    """Objects as files: written beside and renamed, compared and replaced under a lock."""

    directory_keys = False

    def __init__(self, root: Path, scratch: Path) -> None:
        self._root = root
        self._scratch = scratch

    def entries(self, prefix: str) -> Iterator[Entry]:
        folder, _, begin = prefix.rpartition("/")
        for path in sorted((self._root / folder).glob("**/*")):
            key = path.relative_to(self._root).as_posix()
            if path.is_file() and path.name.startswith(begin) and "/." not in f"/{key}":
                yield Entry(key, path.stat().st_size, _etag(path.stat()))

    def directories(self, prefix: str) -> list[str]:
        folder = self._root / prefix
        if not folder.is_dir():
            return []
        inside = (path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
        return sorted(path.name for path in inside if any(path.iterdir()))

    def read(self, key: str) -> Stored | None:
        try:
            with (self._root / key).open("rb") as stream:
                return Stored(stream.read(), _etag(os.fstat(stream.fileno())))
        except FileNotFoundError:
            return None

    def download(self, key: str, target: Path) -> None:
        shutil.copyfile(self._root / key, target)

    def write(self, key: str, data: bytes, kind: Kind, *, expected: str | None) -> None:  # noqa: ARG002 - a web server decides
        path = self._new()
        with path.open("wb") as stream:
            stream.write(data)
            os.fsync(stream.fileno())
        self._place(path, key, expected)

    def upload(self, key: str, path: Path, kind: Kind, sha256: str, advance: Advance) -> None:  # noqa: ARG002
        if (self._root / key).exists():
            raise Changed(key)
        copy = self._new()
        digest, done = hashlib.sha256(), 0
        with path.open("rb") as source, copy.open("wb") as target:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                target.write(chunk)
                done += len(chunk)
                advance(done)
            os.fsync(target.fileno())
        if digest.hexdigest() != sha256:
            raise OutputError("changed while it was published", file=path, hint="Run it again.")
        self._place(copy, key, None)

    def sha256(self, key: str) -> str | None:
        path = self._root / key
        if not path.is_file():
            return None
        with path.open("rb", buffering=0) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def _new(self) -> Path:
        descriptor, name = tempfile.mkstemp(dir=self._scratch)
        # As any new file, not for its owner alone: a web server is to read it.
        mask = os.umask(0)
        os.umask(mask)
        os.fchmod(descriptor, 0o666 & ~mask)
        os.close(descriptor)
        return Path(name)

    def _place(self, path: Path, key: str, expected: str | None) -> None:
        target = self._root / key
        with locked(self._root):
            try:
                now = _etag(target.stat())
            except FileNotFoundError:
                now = None
            if now != expected:
                path.unlink()
                raise Changed(key)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)


def _etag(state: os.stat_result) -> str:
    # Every version is a new file.
    return f"{state.st_ino:x}-{state.st_mtime_ns:x}-{state.st_size:x}"
