"""The wheels that were fetched, kept once each and found again by what was asked for.

    wheels/files/<sha256>/<the wheel's own name>
    wheels/queries/<key>/record.json    which file answered this question
    wheels/queries/<key>/lock           held by the process that works on it
    wheels/queries/<key>/staging/       its half-finished files

Everything is written in `staging` and renamed, so a reader never sees half a file, and what a
killed process left behind is removed by the next one that takes the lock.
"""

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from slimwheel.errors import OutputError
from slimwheel.files import file_sha256, file_state


def default_directory() -> Path:
    """SLIMWHEEL_CACHE_DIR, else the user's cache directory."""
    if chosen := os.environ.get("SLIMWHEEL_CACHE_DIR"):
        return Path(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("slimwheel")


class _Record(NamedTuple):
    """Which file answered, and what the system said of it when it had this hash."""

    name: str
    sha256: str
    state: list[int]


class CachedWheel(NamedTuple):
    """A whole wheel in the cache and its sha256 in hex."""

    path: Path
    sha256: str


class Entry:
    """The answer to one question, as long as the lock is held."""

    def __init__(self, directory: Path, files: Path) -> None:
        self._directory = directory
        self._files = files
        self.staging = directory / "staging"

    def wheel(self) -> CachedWheel | None:
        """What was stored before, if it is still whole.

        The hash is taken again when the system says anything else of it than it did then.
        """
        try:
            said = json.loads((self._directory / "record.json").read_text("utf-8"))
            record = _Record(said["name"], said["sha256"], said.get("state", []))
            path = self._files / record.sha256 / record.name
            state = file_state(path)
            if state != record.state and file_sha256(path) != record.sha256:
                return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        if state != record.state:
            self._write(record._replace(state=state))
        return CachedWheel(path, record.sha256)

    def store(self, wheel: Path) -> CachedWheel:
        """Move `wheel` from `staging` to its final place and remember it as the answer."""
        with _writing(self._directory):
            sha256 = file_sha256(wheel)
            path = self._files / sha256 / wheel.name
            path.parent.mkdir(parents=True, exist_ok=True)
            wheel.replace(path)
            self._write(_Record(path.name, sha256, file_state(path)))
        return CachedWheel(path, sha256)

    def stage(self, wheel: CachedWheel) -> None:
        """Put a stored wheel into `staging`, where pip finds it and need not fetch it again."""
        with suppress(OSError):  # A file system without hard links costs a download, no more.
            (self.staging / wheel.path.name).hardlink_to(wheel.path)

    def _write(self, record: _Record) -> None:
        beside = self._directory / "record.json.new"
        beside.write_text(json.dumps(record._asdict(), indent=1) + "\n", "utf-8")
        beside.replace(self._directory / "record.json")


def held(cache_dir: Path, sha256: str) -> CachedWheel | None:
    """Return the wheel that has a hash, if it is in the cache and whole.

    Args:
        sha256: 64 hex digits.

    Raises:
        ValueError: it is none.
    """
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise ValueError(f"{sha256!r} is no sha256")
    for path in sorted((cache_dir / "wheels" / "files" / sha256).glob("*.whl")):
        with suppress(OSError):
            if file_sha256(path) == sha256:
                return CachedWheel(path, sha256)
    return None


@contextmanager
def locked_entry(cache_dir: Path, question: object) -> Iterator[Entry]:
    """Hold the entry of `question`, which json can write; a second process waits.

    Raises:
        OutputError: the cache directory cannot be written.
    """
    key = hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()[:32]
    directory = cache_dir / "wheels" / "queries" / key
    entry = Entry(directory, cache_dir / "wheels" / "files")
    with _writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / "lock").open("wb")
    with lock:
        with _writing(directory):
            fcntl.flock(lock, fcntl.LOCK_EX)
            shutil.rmtree(entry.staging, ignore_errors=True)
            entry.staging.mkdir()
        try:
            yield entry
        finally:
            shutil.rmtree(entry.staging, ignore_errors=True)


@contextmanager
def _writing(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"the cache cannot be written: {error.strerror or error}",
            file=error.filename or directory,
            hint="Make room." if error.errno == errno.ENOSPC else "Set SLIMWHEEL_CACHE_DIR.",
        ) from error
