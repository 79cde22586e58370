"""What Linux's control groups say about this process: its share of the CPUs, and its OOM kills.

Sources: Documentation/admin-guide/cgroup-v2.rst (cpu.max, memory.events) and cgroup-v1/memory.rst,
scheduler/sched-bwc.rst (memory.oom_control, cpu.cfs_quota_us) in Linux.
"""

import os
from typing import Iterator, List, Optional

_LIST = "/proc/self/cgroup"
_MOUNT = "/sys/fs/cgroup"


def cpu_quota(listed: str = _LIST, mount: str = _MOUNT) -> Optional[float]:
    """How many CPUs' time the process may use; None where there is no limit."""
    found = []
    for folder in _folders("cpu", listed, mount):
        words = _words(folder, "cpu.max") or (
            _words(folder, "cpu.cfs_quota_us") + _words(folder, "cpu.cfs_period_us")
        )
        if len(words) == 2 and words[0] not in ("max", "-1") and float(words[1]) > 0:
            found.append(float(words[0]) / float(words[1]))
    return min(found) if found else None


def oom_kills(listed: str = _LIST, mount: str = _MOUNT) -> Optional[int]:
    """How many processes of the group the system has killed for want of memory, if it counts."""
    for folder in _folders("memory", listed, mount):
        for name in ("memory.events", "memory.oom_control"):
            words = _words(folder, name)
            if "oom_kill" in words[:-1]:
                return int(words[words.index("oom_kill") + 1])
    return None


def _folders(controller: str, listed: str, mount: str) -> Iterator[str]:
    """The process's groups that have to do with a controller, each before those it is in."""
    try:
        with open(listed) as file:
            lines = file.read().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        roots = [os.path.join(mount, controllers)]
        if not controllers:  # version 2, alone or beside version 1
            roots.append(os.path.join(mount, "unified"))
        for root in roots:
            # In a container the path may be the host's: then the root is the group.
            parts = [part for part in path.split("/") if part]
            while True:
                yield os.path.join(root, *parts)
                if not parts:
                    break
                parts.pop()


def _words(folder: str, name: str) -> List[str]:
    try:
        with open(os.path.join(folder, name)) as file:
            return file.read().split()
    except OSError:
        return []
