"""The sha256 of files that were hashed before and have not changed since.

As git tells whether a file has changed: by its size, its times and its inode. What was changed a
moment before it was hashed is not remembered, for the next change could bear the same time.
"""

import os
import time
from pathlib import Path

from slimwheel.fetch.documents import Documents, key_of
from slimwheel.files import file_sha256, file_state

_LIMIT = 1 << 20
# Clocks of file systems tick every few milliseconds; those of some every two seconds.
_MOMENT_NS = 2_500_000_000


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
            return file_sha256(path)
        began = time.time_ns()
        state = file_state(path)
        key = key_of([os.fspath(path.absolute()), *state])
        known = self._documents.get(key)
        if isinstance(known, str) and len(known) == 64:
            return known
        found = file_sha256(path)
        is_old = max(state[-2:]) < began - _MOMENT_NS
        if is_old and file_state(path) == state:
            self._documents.put(key, found)
        return found
