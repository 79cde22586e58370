"""An index in a directory, which any web server can serve."""

import contextlib
import errno
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from slimwheel.build.workspace import locked, workspace
from slimwheel.errors import OutputError
from slimwheel.files import file_sha256
from slimwheel.publish.store import Advance, Changed, Entry, Kind, Stored
from slimwheel.wheelfile.archive import CHUNK

_WAY_OUT = "See what it is and who may write there, and run it again."
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def directory_store(root: Path) -> Iterator["DirectoryStore"]:
    """Open a directory; what is not whole yet lies in a hidden one inside it.

    Nothing is made before something is written.

    Raises:
        OutputError: it cannot be made or written to, or its disk is full.
    """
    if root.exists() and not root.is_dir():
        raise OutputError("is not a directory", file=root)
    with contextlib.ExitStack() as held:
        try:
            yield DirectoryStore(root, lambda: held.enter_context(_scratch(root)))
        except OSError as error:
            raise _explained(error, root) from error


@contextlib.contextmanager
def _scratch(root: Path) -> Iterator[Path]:
    with contextlib.ExitStack() as held:
        try:
            directory = held.enter_context(workspace(root))
        except OutputError as error:
            # Its way out is a build's.
            raise OutputError(error.message, file=error.file, hint=_WAY_OUT) from error
        yield directory


class DirectoryStore:
    """Objects as files: written beside and renamed, compared and replaced under a lock."""

    directory_keys = False

    def __init__(self, root: Path, make_scratch: Callable[[], Path]) -> None:
        """Open a directory.

        Args:
            root: it need not be there yet.
            make_scratch: makes it, and in it a hidden one for what is not whole yet.
        """
        self._root = root
        self._make_scratch = make_scratch
        self._scratch: Path | None = None

    def entries(self, prefix: str) -> Iterator[Entry]:
        folder, _, begin = prefix.rpartition("/")
        for path in sorted((self._root / folder).glob("**/*")):
            key = path.relative_to(self._root).as_posix()
            if path.is_file() and path.name.startswith(begin) and "/." not in f"/{key}":
                yield Entry(key, path.stat().st_size)

    def directories(self, prefix: str) -> list[str]:
        folder = self._root / prefix
        if not folder.is_dir():
            return []
        inside = (path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
        return sorted(path.name for path in inside if any(path.iterdir()))

    def read(self, key: str) -> Stored | None:
        try:
            data = (self._root / key).read_bytes()
        except FileNotFoundError:
            return None
        # Of the bytes themselves: the numbers of files, and their times, come again.
        return Stored(data, hashlib.sha256(data).hexdigest())

    def download(self, key: str, target: Path) -> None:
        target.symlink_to((self._root / key).absolute())

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
        return file_sha256(path)

    def _new(self) -> Path:
        if self._scratch is None:
            self._scratch = self._make_scratch()
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
            if not self._is(key, expected):
                path.unlink()
                raise Changed(key)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)

    def _is(self, key: str, expected: str | None) -> bool:
        if expected is None:
            return not (self._root / key).exists()
        stored = self.read(key)
        return stored is not None and stored.etag == expected


def _explained(error: OSError, root: Path) -> OutputError:
    if error.errno in _NO_SPACE:
        hint = "Free space, and run it again: what has been published stays."
        return OutputError("has no space left", file=root, hint=hint)
    # Of a file that was to be renamed, what it was to become.
    place = error.filename2 or error.filename or root
    return OutputError(
        f"cannot be read or written: {error.strerror or error}",
        file=place,
        hint=_WAY_OUT,
    )
