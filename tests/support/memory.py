"""The peak of anonymous memory that a command and its children take together, sampled.

Pages of mapped files do not count: the system takes them back when it needs them.
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

_PERIOD = 0.02


def peak_anonymous_memory(command: Sequence[str | Path]) -> int:
    """Run a command, which must succeed; return the peak in bytes."""
    with subprocess.Popen(
        [os.fspath(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        peak = 0
        while process.poll() is None:
            peak = max(peak, sum(map(_anonymous, _tree(process.pid))))
            time.sleep(_PERIOD)
        said = process.stderr.read().decode() if process.stderr else ""
    assert process.returncode == 0, said
    assert peak > 0
    return peak


def _tree(pid: int) -> Iterator[int]:
    yield pid
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _tree(int(child))


def _anonymous(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0
