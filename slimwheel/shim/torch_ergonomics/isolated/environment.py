"""The environment variables of a child."""

import math
import os
from typing import Dict, Mapping, Optional

from .cgroup import cpu_quota

# What OpenMP, MKL and OpenBLAS take their number of threads from. The last two look at the first
# where they have none of their own.
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def child_environment(
    env: Optional[Mapping[str, Optional[str]]] = None, threads: Optional[int] = None
) -> Dict[str, str]:
    """This process's environment, with what a child needs besides.

    Args:
        env: variables that are set, or removed where the value is None; they have the last word.
        threads: of each numerical library. Without it they decide themselves, except where this
            process may use less CPU time than it sees CPUs, as in a container with a quota: they
            do not see the quota, and would start threads that it then stops.

    Raises:
        ValueError: threads is less than 1.
    """
    environment = dict(os.environ)
    if threads is not None:
        if threads < 1:
            raise ValueError("threads is %r; at least 1 does the work" % threads)
        environment.update({name: str(threads) for name in _THREADS})
    else:
        quota = cpu_quota()
        if quota is not None and quota < _cpus():
            environment.setdefault(_THREADS[0], str(math.ceil(quota)))
    _speak_utf8(environment)
    for name, value in (env or {}).items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    return environment


def _speak_utf8(environment: Dict[str, str]) -> None:
    """Where no language is set, as in containers, text is ASCII to old Pythons and C libraries."""
    names = [name for name in ("LC_ALL", "LC_CTYPE", "LANG") if environment.get(name)]
    if not names or environment[names[0]] in ("C", "POSIX"):
        environment["LC_ALL" if "LC_ALL" in names else "LC_CTYPE"] = "C.UTF-8"
        environment.setdefault("PYTHONIOENCODING", "utf-8:surrogateescape")


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
