"""The process that watches: starts workers until every record has a result.

A record that kills its worker, or that does not end, costs only itself: it becomes `crashed`, and
the next worker goes on behind it.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict, List, Optional

SCHEMA = 1
_POLL_SECONDS = 0.1


class BatteryError(Exception):
    """No worker could run: what killed it was no record's doing."""


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
        size = -1
        while not _ended(journal):
            failure = _run_worker([script, "--journal", journal, *_only(only)], journal, timeout)
            interrupted = _interrupted(journal)
            if interrupted is not None:
                crash = {"record": interrupted, "status": "crashed", "detail": failure}
                _append(journal, dict(crash, seconds=None))
            elif failure is not None and _ended(journal):
                # The results are whole, the interpreter's exit is not: as good as a record.
                _append(journal, {"record": "exit", "status": "crashed", "detail": failure})
            elif not _ended(journal):
                raise BatteryError("the worker ended outside of a record: {}".format(failure))
            if os.path.getsize(journal) == size:
                raise BatteryError("the worker makes no progress: {}".format(failure))
            size = os.path.getsize(journal)
        return _results(journal)


def _only(names: List[str]) -> List[str]:
    return ["--only", *names] if names else []


def _run_worker(arguments: List[str], journal: str, timeout: float) -> Optional[str]:
    """Run one worker to its end; say how it failed, or None."""
    isolation = ["-I"] if sys.flags.isolated else []
    # A session of its own, so that what the worker started (loaders, managers) ends with it.
    worker = subprocess.Popen(
        [sys.executable, "-W", "ignore", *isolation, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
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


def _append(journal: str, entry: Dict[str, Any]) -> None:
    with open(journal, "a") as stream:
        stream.write(json.dumps(entry) + "\n")


def _entries(journal: str) -> List[Dict[str, Any]]:
    if not os.path.exists(journal):
        return []
    with open(journal) as stream:
        return [json.loads(line) for line in stream]


def _ended(journal: str) -> bool:
    return any("end" in entry for entry in _entries(journal))


def _interrupted(journal: str) -> Optional[str]:
    """The record that was started and has no result."""
    open_record: Optional[str] = None
    for entry in _entries(journal):
        open_record = entry.get("start") if "record" not in entry else None
    return open_record


def _results(journal: str) -> Dict[str, Any]:
    results: Dict[str, Any] = {"schema": SCHEMA}
    records = {}
    for entry in _entries(journal):
        if "record" in entry:
            records[entry.pop("record")] = entry
        results.update(entry.get("setting", {}))
    results["records"] = records
    return results
