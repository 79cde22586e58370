"""The journal of a worker: one JSON object a line, written before a unit starts and after it ends.

So what a crash interrupts is known, and a worker that is started on a journal goes on behind it.
A worker that died may have left half a line, which counts as not written.

    {"setting": {…}}            what results depend on besides torch's own bytes
    {"start": name}             a unit starts
    {"at": text}                where in the unit the worker is
    {"record": name, …}         its result
    {"end": true}               nothing is left to do
"""

import json
import os
from typing import Any, Dict, List, Optional, Set, TextIO, Tuple


def entries(journal: str) -> List[Dict[str, Any]]:
    """All whole entries; none where there is no journal yet."""
    if not os.path.exists(journal):
        return []
    with open(journal) as stream:
        return [json.loads(line) for line in stream if line.endswith("\n")]


def append(journal: str, entry: Dict[str, Any]) -> None:
    """Add an entry to a journal whose worker has ended; half a line that it left is taken out."""
    with open(journal, "r+b") as stream:
        stream.truncate(stream.read().rfind(b"\n") + 1)
        stream.seek(0, os.SEEK_END)
        stream.write(json.dumps(entry).encode() + b"\n")


def ended(journal: str) -> bool:
    """Whether a worker has done all there was to do."""
    return any("end" in entry for entry in entries(journal))


def interrupted(journal: str) -> Optional[Tuple[str, str]]:
    """The unit that was started and has no result, and where in it the worker was, or ""."""
    unit: Optional[str] = None
    place = ""
    for entry in entries(journal):
        if "at" in entry:
            place = entry["at"]
        else:
            unit, place = (None if "record" in entry else entry.get("start")), ""
    return None if unit is None else (unit, place)


def started(journal: str) -> Set[str]:
    """The names of all units that were started or have results."""
    return {entry.get("start") or entry.get("record") or "" for entry in entries(journal)}


def results(journals: List[str]) -> Dict[str, Any]:
    """The setting, and by name of unit its result, of workers that shared the work."""
    found: Dict[str, Any] = {}
    records = {}
    for journal in journals:
        for entry in entries(journal):
            if "record" in entry:
                records[entry.pop("record")] = entry
            found.update(entry.get("setting", {}))
    found["records"] = records
    return found


class Writer:
    """Writes a worker's entries to an open journal, each at once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, **entry: Any) -> None:
        self._stream.write(json.dumps(entry) + "\n")
        self._stream.flush()
