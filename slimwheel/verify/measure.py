"""What one command costs: its whole tree of processes, CPU, time and memory. Linux only."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Self

from slimwheel.errors import ToolError

_SAMPLE_SECONDS = 0.01
_TAIL_LINES = 12
# What would make a command measure this process's surroundings and not itself.
_FOREIGN = ("PYTHON", "PIP_", "UV_", "SLIMWHEEL_", "VIRTUAL_ENV", "SOURCE_DATE_EPOCH")


@dataclass(frozen=True)
class Cost:
    """What a command cost.

    Attributes:
        cpu: user and system seconds of the command and of every descendant.
        wall: seconds.
        peak_anonymous: the largest sum, over the tree, of anonymous memory, in bytes. Pages of
            mapped files do not count; the system drops them when it needs the room.
        peak_rss: the same of all resident memory; a page that two processes share counts twice.
    """

    cpu: float
    wall: float
    peak_anonymous: int
    peak_rss: int

    @classmethod
    def median(cls, costs: Sequence[Self]) -> "Cost":
        """Return the median of each figure by itself."""
        return Cost(
            median(cost.cpu for cost in costs),
            median(cost.wall for cost in costs),
            round(median(cost.peak_anonymous for cost in costs)),
            round(median(cost.peak_rss for cost in costs)),
        )


def measured(command: Sequence[str | Path], *, scratch: Path) -> Cost:
    """Run a command and return what it cost.

    Args:
        scratch: an existing directory: the command's working and temporary directory.

    Raises:
        ToolError: it failed; the message has the end of what it wrote.
    """
    log = scratch / "output.log"
    words = [str(word) for word in command]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)
    } | {"TMPDIR": str(scratch), "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"}
    anonymous = rss = 0
    started = time.perf_counter()
    with (
        log.open("wb") as output,
        subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=scratch,
            env=environment,
            start_new_session=True,
        ) as child,
    ):
        try:
            for now_anonymous, now_rss in _samples(child.pid):
                anonymous, rss = max(anonymous, now_anonymous), max(rss, now_rss)
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
        wall = time.perf_counter() - started
        # The usage of a child that is waited for includes that of all it waited for itself.
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
        raise ToolError(f"exit code {child.returncode}: {tail}", file=words[0])
    return Cost(usage.ru_utime + usage.ru_stime, wall, anonymous, rss)


def interleaved(
    subjects: Mapping[str, Callable[[], Cost]], rounds: int, note: Callable[[str], None]
) -> dict[str, list[Cost]]:
    """Run all subjects in turn, several times over, so that a noisy minute hits all of them."""
    costs: dict[str, list[Cost]] = {name: [] for name in subjects}
    for turn in range(1, rounds + 1):
        for name, run in subjects.items():
            # Else one subject waits for the disk to take what the one before it wrote.
            os.sync()
            cost = run()
            costs[name].append(cost)
            note(
                f"{name}, {turn} of {rounds}: {cost.cpu:.2f} s CPU, {cost.wall:.2f} s, "
                f"{cost.peak_anonymous / 1e6:.0f} MB anonymous"
            )
    return costs


def _samples(root: int) -> Iterator[tuple[int, int]]:
    """Yield anonymous and resident bytes of a process and its descendants until it ends."""
    handle = os.pidfd_open(root)
    try:
        ended = select.poll()
        ended.register(handle, select.POLLIN)
        while not ended.poll(_SAMPLE_SECONDS * 1000):
            sizes = [_memory(pid) for pid in _tree(root)]
            yield sum(size for size, _ in sizes), sum(size for _, size in sizes)
    finally:
        os.close(handle)


def _tree(root: int) -> Iterator[int]:
    pending = [root]
    while pending:
        pid = pending.pop()
        yield pid
        # Processes and threads come and go while they are looked at.
        with suppress(FileNotFoundError, ProcessLookupError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                with suppress(FileNotFoundError, ProcessLookupError):
                    children = (thread / "children").read_text()
                    pending += [int(child) for child in children.split()]


def _memory(pid: int) -> tuple[int, int]:
    """Return a process's anonymous and resident bytes; nothing of one that is gone."""
    found = {"RssAnon": 0, "VmRSS": 0}
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in found:
                found[name] = int(value.removesuffix("kB")) * 1024
    return found["RssAnon"], found["VmRSS"]
