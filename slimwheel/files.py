"""What tells one file from another: its sha256, and what the system says of it."""

import hashlib
import os
from pathlib import Path


def file_sha256(path: Path) -> str:
    """Return a file's sha256 in hex.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb", buffering=0) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_state(path: Path) -> list[int]:
    """Return `state_of` a file.

    Raises:
        OSError: it cannot be looked at.
    """
    return state_of(path.stat())


def state_of(stat: os.stat_result) -> list[int]:
    """Return numbers that differ when a file was changed or replaced, as git asks for them.

    A new hard link changes the last of them, too.
    """
    return [stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
