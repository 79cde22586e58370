"""The process that computes: takes units from a list that it shares with other workers."""

import faulthandler
import fcntl
import importlib
import os
import time
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

import torch

from ..battery.digest import error_text
from ..battery.journal import Writer
from ..battery.worker import selected, setting
from . import computing, database, sampling
from .mounting import mount

PACKAGES = ("numpy", "scipy", "expecttest")
"""What the database imports, or uses where it is there; the versions are part of the setting."""

Work = NamedTuple(
    "Work",
    [
        ("journal", str),
        ("claims", str),
        ("quick", bool),
        ("samples", Optional[int]),
        ("only", List[str]),
        ("mount", Optional[str]),
    ],
)


def work(wanted: Work) -> None:
    """Compute units until none is left that no worker has taken.

    Each worker has one thread: sums depend on how work is split, and several workers are faster
    than several threads.
    """
    faulthandler.enable()
    torch.set_num_threads(1)
    finder = mount(wanted.mount) if wanted.mount else None
    with open(wanted.journal, "a") as stream:
        write = Writer(stream)
        try:
            units = database.units(database.load(), wanted.quick)
        except database.NoDatabase as error:
            write(setting=dict(setting(), unavailable=str(error)))
            write(end=True)
            return
        units = [unit for unit in units if selected(unit.name, wanted.only)]
        mounted = finder.modules() if finder else []
        operators: Dict[str, List[str]] = {}
        for unit in units:
            operators.setdefault(unit.family, []).append(unit.name)
        counts = {"units": len(units), "operators": operators, "mounted": mounted}
        write(setting=dict(_setting(), **counts))
        supervisor = os.getppid()
        for index in _claimed(wanted.claims, len(units)):
            if os.getppid() != supervisor:
                return  # Nobody is left who reads the journal.
            write(start=units[index].name)
            write(record=units[index].name, **_run(units[index], wanted.samples, write))
        write(end=True)


def _setting() -> Dict[str, Any]:
    versions = {}
    for name in PACKAGES:
        try:
            module: Any = importlib.import_module(name)
            versions[name] = str(getattr(module, "__version__", "of unknown version"))
        except ImportError:
            versions[name] = "absent"
    return dict(setting(), threads=torch.get_num_threads(), **versions)


def _claimed(path: str, count: int) -> Iterator[int]:
    """The numbers that this worker gets of those that all workers share, one at a time."""
    while True:
        with open(path, "a+") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            stream.seek(0)
            index = int(stream.read() or 0)
            if index >= count:
                return
            stream.truncate(0)
            stream.write(str(index + 1))
        yield index


def _run(unit: database.Unit, limit: Optional[int], write: Writer) -> Dict[str, Any]:
    if unit.dtype is None:
        return {"status": "skipped", "detail": "it takes no dtype on the CPU", "seconds": 0.0}
    begin = time.time()
    done: List[List[Optional[str]]] = []
    result: Dict[str, Any] = {"status": "ok", "detail": ""}
    try:
        for sample in sampling.samples(unit, limit):
            done.append(_sample(unit, sample, len(done), write))
    except Exception as error:
        # What the database itself raises; the samples before count.
        detail = "sample {}: {}".format(len(done), error_text(error))
        result = {"status": "error", "detail": detail}
    if not done and result["status"] == "ok":
        result = {"status": "skipped", "detail": "the database has no samples"}
    return dict(result, samples=done, seconds=round(time.time() - begin, 3))


def _sample(unit: database.Unit, sample: Any, index: int, write: Writer) -> List[Optional[str]]:
    """A sample's description, and the texts for its inputs, forward and backward."""
    description = sampling.describe(sample)
    name = "{} {}".format(unit.name, index)
    texts: List[Optional[str]] = [description, computing.given(sample)]
    write(at="in sample {}, forward, of {}".format(index, description))
    texts.append(computing.forward(unit.operator, sample, name))
    if unit.differentiable:
        write(at="in sample {}, backward, of {}".format(index, description))
        texts.append(computing.backward(unit.operator, sample, name))
    else:
        texts.append(None)
    return texts
