"""The sha256 of files that were hashed before and have not changed since.

As git tells whether a file has changed: by its size, its times and its inode. What was changed a
moment before it was hashed is not remembered, for the next change could bear the same time.
"""

import os
import time
from pathlib import Path

from slimwheel.fetch.cache import sha256_of
from slimwheel.fetch.documents import Documents, key_of

_LIMIT = 1 << 20
# Clocks of file systems tick every few milliseconds; those of some every two seconds.
_MOMENT_NS = 2_500_000_000


def file_state(path: Path) -> list[int]:
    """Return numbers that differ when a file was changed or replaced.

    Raises:
        OSError: it cannot be looked at.
    """
    stat = path.stat()
    return [stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


class KnownHashes:
    """Remembers hashes in the cache.

    Args:
        cache_dir: the cache; None to remember nothing.
    """

    def __init__(self, cache_dir: Path | None) -> None:
        self._documents = None if cache_dir is None else Documents(cache_dir / "hashes", _LIMIT)

    def sha256(self, path: Path) -> str:
        """Return the sha256 of a file in hex, from memory or by reading it.

        Raises:
            OSError: it cannot be read.
        """
        if self._documents is None:
            return sha256_of(path)
        began = time.time_ns()
        state = file_state(path)
        key = key_of([os.fspath(path.absolute()), *state])
        known = self._documents.get(key)
        if isinstance(known, str) and len(known) == 64:
            return known
        found = sha256_of(path)
        is_old = max(state[-2:]) < began - _MOMENT_NS
        if is_old and file_state(path) == state:
            self._documents.put(key, found)
        return found
