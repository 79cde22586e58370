"""The process that computes: runs records one after another and writes each to a journal."""

import faulthandler
import os
import platform
import random
import time
import zlib
from typing import Any, Dict, List

import torch

from . import registry
from .digest import digest, error_text
from .journal import Writer, started

THREADS = 2
"""Sums depend on how work is split: the number of threads is part of every result."""


def work(journal: str, only: List[str]) -> None:
    """Run all records, or those that `only` names, that the journal does not have yet.

    A name in `only` selects the record of that name and those below it (`conv` for `conv.2d`).
    """
    faulthandler.enable()
    torch.set_num_threads(THREADS)
    done = started(journal)
    with open(journal, "a") as stream:
        write = Writer(stream)
        write(setting=setting())
        for module, error in registry.load(__package__ + ".records"):
            if module not in done:
                write(record=module, status="error", detail=error_text(error), seconds=0.0)
        supervisor = os.getppid()
        for name, wanted in registry.registered.items():
            if os.getppid() != supervisor:
                return  # Nobody is left who reads the journal.
            if name not in done and selected(name, only):
                write(start=name)
                write(record=name, **_run(wanted))
        write(end=True)


def selected(name: str, only: List[str]) -> bool:
    """Whether `only`, as for `work`, selects a name."""
    return not only or any(name == chosen or name.startswith(chosen + ".") for chosen in only)


def setting() -> Dict[str, Any]:
    """What results depend on besides torch's own bytes."""
    backend = getattr(getattr(torch, "backends", None), "cpu", None)
    return {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "instructions": backend.get_cpu_capability() if backend else None,
    }


def _run(wanted: registry.Record) -> Dict[str, Any]:
    begin = time.time()
    try:
        reason = registry.reason_to_skip(wanted)
        if reason is not None:
            return {"status": "skipped", "detail": reason, "seconds": 0.0}
        seed(zlib.crc32(wanted.name.encode()))
        result: Dict[str, Any] = {
            "status": "unstable" if wanted.unstable else "ok",
            "sha256": digest(wanted.compute()),
            "detail": wanted.unstable or "",
        }
    except Exception as error:
        # Nothing that a record raises may cost the others; what it raised is its result.
        result = {"status": "error", "detail": error_text(error)}
    result["seconds"] = round(time.time() - begin, 3)
    return result


def seed(number: int) -> None:
    """Seed every generator that a record may draw from, so that the order of records is free."""
    torch.manual_seed(number)
    random.seed(number)
