"""The process that watches: starts workers until every unit of work has a result.

A unit that kills its worker, or that does not end, costs only itself: it becomes `crashed`, and
the next worker goes on behind it. A unit is a record of the battery, or an operator in a dtype.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any, Callable, Dict, List, Optional

from . import journal as journals

SCHEMA = 1
_POLL_SECONDS = 0.1


class BatteryError(Exception):
    """No worker could run: what killed it was no unit's doing."""


def run(script: str, only: List[str], timeout: float) -> Dict[str, Any]:
    """Compute all records, or those that `only` names, in child processes.

    Args:
        script: the file to start workers from.
        timeout: seconds that one record may take.

    Returns:
        The setting, and by name of record its status, sha256, detail and seconds.

    Raises:
        BatteryError: a worker ended before its first record.
    """
    with tempfile.TemporaryDirectory(prefix="battery-") as directory:
        journal = os.path.join(directory, "journal")
        supervise([script, "--journal", journal, *_only(only)], journal, timeout)
        return dict(journals.results([journal]), schema=SCHEMA)


def _only(names: List[str]) -> List[str]:
    return ["--only", *names] if names else []


def supervise(
    arguments: List[str],
    journal: str,
    timeout: float,
    stopped: Callable[[], bool] = lambda: False,
    fixed: Optional[Dict[str, str]] = None,
) -> None:
    """Start workers on a journal, one after another, until one has ended it.

    Args:
        arguments: the worker's: the file to start it from, and its options.
        timeout: seconds in which a worker has to write something to its journal.
        stopped: asked while a worker runs; True ends it.
        fixed: variables for the worker's Python, which is otherwise isolated as this one is.

    Raises:
        BatteryError: a worker ended outside of a unit.
    """
    size = -1
    while not journals.ended(journal):
        failure = _run_worker(arguments, journal, timeout, stopped, fixed)
        if stopped():
            return
        interrupted = journals.interrupted(journal)
        if interrupted is not None:
            name, place = interrupted
            detail = "{}, {}".format(failure, place) if place else failure
            crash = {"record": name, "status": "crashed", "detail": detail, "seconds": None}
            journals.append(journal, crash)
        elif failure is not None and journals.ended(journal):
            # The results are whole, the interpreter's exit is not: as good as a record.
            crash = {"record": "exit", "status": "crashed", "detail": failure}
            journals.append(journal, crash)
        elif not journals.ended(journal):
            raise BatteryError("the worker ended outside of a record: {}".format(failure))
        if os.path.getsize(journal) == size:
            raise BatteryError("the worker makes no progress: {}".format(failure))
        size = os.path.getsize(journal)


def supervise_all(
    workers: Dict[str, List[str]],
    timeout: float,
    fixed: Optional[Dict[str, str]] = None,
) -> None:
    """Run several workers at a time, each on a journal of its own; the first failure ends all.

    Args:
        workers: by journal, the arguments of each.
        timeout, fixed: as for `supervise`.

    Raises:
        BatteryError: a worker ended outside of a unit.
    """
    failures: List[BatteryError] = []

    def watch(path: str, arguments: List[str]) -> None:
        try:
            supervise(arguments, path, timeout, lambda: bool(failures), fixed)
        except BatteryError as error:
            failures.append(error)
        finally:
            ended[path].set()

    # Not by joining threads: one whose join was interrupted counts as ended in some Pythons.
    ended = {path: threading.Event() for path in workers}
    for pair in workers.items():
        threading.Thread(target=watch, args=pair).start()
    try:
        for event in ended.values():
            event.wait()
    except BaseException:
        failures.append(BatteryError("interrupted"))
        for event in ended.values():
            event.wait()
        raise
    if failures:
        raise failures[0]


def _run_worker(
    arguments: List[str],
    journal: str,
    timeout: float,
    stopped: Callable[[], bool],
    fixed: Optional[Dict[str, str]],
) -> Optional[str]:
    """Run one worker to its end; say how it failed, or None."""
    isolation = ["-I"] if sys.flags.isolated else []
    variables = dict(os.environ)
    if fixed is not None:
        # An isolated Python reads no variables: it is isolated by taking away all others.
        isolation = ["-s"] if sys.flags.isolated else []
        if sys.flags.isolated:
            variables = {k: v for k, v in variables.items() if not k.startswith("PYTHON")}
        variables.update(fixed)
    # A session of its own, so that what the worker started (loaders, managers) ends with it.
    worker = subprocess.Popen(
        [sys.executable, "-W", "ignore", *isolation, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        env=variables,
        start_new_session=True,
    )
    try:
        size, changed = -1, time.time()
        while True:
            try:
                code = worker.wait(_POLL_SECONDS)
                break
            except subprocess.TimeoutExpired:
                now = _size(journal)
                if now != size:
                    size, changed = now, time.time()
                elif time.time() - changed > timeout:
                    return "no result after {:g} s".format(timeout)
                if stopped():
                    return "stopped"
    finally:
        _kill_session(worker)
    if code < 0:
        return "killed by {}".format(signal.Signals(-code).name)
    return "exit code {}".format(code) if code else None


def _kill_session(worker: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def _size(path: str) -> int:
    return os.path.getsize(path) if os.path.exists(path) else 0
