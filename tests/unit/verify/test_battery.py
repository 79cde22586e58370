"""The battery's machinery, with records of our own and a torch that is only a name."""

import ast
import json
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from slimwheel.errors import ToolError
from slimwheel.verify.compare import BATTERY, BatteryResult, run_battery

TORCH = """
class Tensor: pass
class dtype: pass
__version__ = "1.5.0"
def set_num_threads(count): pass
def manual_seed(seed): print("seeded")
"""

RECORDS = """
import os, random, signal, subprocess, sys, time, warnings
from ..registry import record, since

@record("plain.{}", each=("one", "two"))
def plain(name): return [name, 1, 2.5, None, {"key": b"bytes"}]

@record("plain.random")
def draw(): return random.random()

@record("plain.random_again")
def draw_again(): return random.random()

@record("bad.raises")
def raises(): raise KeyError("gone")

@record("bad.segfault")
def segfault(): os.kill(os.getpid(), signal.SIGSEGV)

@record("bad.hangs")
def hangs():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    time.sleep(60)

@record("bad.value")
def value(): return object()

@record("needs.newer", needs=since("1.6"))
def newer(): return 1

@record("needs.older", needs=since("1.5"))
def older(): return 1

@record("needs.{}.name", each=("fft",), needs="torch.{}.rfft")
def name(_): return 1

@record("needs.module", needs=("os.path", "no_such_module"))
def module(): return 1

@record("varies", unstable="time passes")
def varies(): return time.time()

@record("last")
def last(): return "still here"
"""


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has the torch above."""
    path = tmp_path_factory.mktemp("torch")
    venv.create(path, symlinks=True)
    (site_packages,) = path.glob("lib/python*/site-packages")
    (site_packages / "torch.py").write_text(TORCH)
    return path / "bin" / "python"


def new_battery(directory: Path, **records: str) -> Path:
    """A battery with these modules of records: the entry point of a copy."""
    copy = directory / "battery"
    shutil.copytree(BATTERY.parent, copy, ignore=shutil.ignore_patterns("records"))
    (copy / "records").mkdir()
    for name, source in {"__init__": "", **records}.items():
        (copy / "records" / f"{name}.py").write_text(source)
    return copy / "run.py"


@pytest.fixture(scope="session")
def results(python: Path, tmp_path_factory: pytest.TempPathFactory) -> BatteryResult:
    script = new_battery(
        tmp_path_factory.mktemp("run"), all=RECORDS, broken="import no_such_module_either"
    )
    return run_battery(python, script=script, timeout=3)


def status(results: BatteryResult) -> dict[str, str]:
    return {name: result.status for name, result in results.records.items()}


def test_every_record_has_its_result_whatever_became_of_the_others(results: BatteryResult) -> None:
    assert status(results) == {
        "broken": "error",
        "plain.one": "ok",
        "plain.two": "ok",
        "plain.random": "ok",
        "plain.random_again": "ok",
        "bad.raises": "error",
        "bad.segfault": "crashed",
        "bad.hangs": "crashed",
        "bad.value": "error",
        "needs.newer": "skipped",
        "needs.older": "ok",
        "needs.fft.name": "skipped",
        "needs.module": "skipped",
        "varies": "unstable",
        "last": "ok",
    }


def test_reasons(results: BatteryResult) -> None:
    details = {name: result.detail for name, result in results.records.items() if result.detail}
    assert details == {
        "broken": "ModuleNotFoundError: No module named 'no_such_module_either'",
        "bad.raises": "KeyError: 'gone'",
        "bad.segfault": "killed by SIGSEGV",
        "bad.hangs": "no result after 3 s",
        "bad.value": "TypeError: no canonical form of <class 'object'>",
        "needs.newer": "torch 1.6 or newer",
        "needs.fft.name": "no torch.fft.rfft here",
        "needs.module": "no no_such_module here",
        "varies": "time passes",
    }


def test_setting(results: BatteryResult) -> None:
    assert results.setting["torch"] == "1.5.0"
    assert results.setting["python"] == sys.version.split()[0]


def test_hashes_tell_values_and_records_apart(results: BatteryResult) -> None:
    # Two records that draw are seeded by their names; two that return the same are equal.
    hashes = {name: result.sha256 for name, result in results.records.items() if result.sha256}
    assert len({hashes[name] for name in hashes if name.startswith("plain")}) == 4


def test_a_record_does_not_depend_on_the_others(
    tmp_path: Path, python: Path, results: BatteryResult
) -> None:
    script = new_battery(tmp_path, all=RECORDS)
    chosen = run_battery(python, script=script, only=["plain.random_again", "last"])
    assert list(chosen.records) == ["plain.random_again", "last"]
    for name, result in chosen.records.items():
        assert result.sha256 == results.records[name].sha256


def test_only_takes_subjects(tmp_path: Path, python: Path) -> None:
    chosen = run_battery(python, script=new_battery(tmp_path, all=RECORDS), only=["plain"])
    assert [name.split(".")[0] for name in chosen.records] == ["plain"] * 4


def test_a_name_given_twice_is_an_error(tmp_path: Path, python: Path) -> None:
    source = "from ..registry import record\n" + "record('same')(int)\n" * 2
    chosen = run_battery(python, script=new_battery(tmp_path, all=source))
    assert chosen.records["all"].detail == "ValueError: two records are named same"


def test_a_crash_after_the_last_record_is_reported(tmp_path: Path, python: Path) -> None:
    source = (
        "import atexit, os, signal\nfrom ..registry import record\nrecord('one')(int)\n"
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGABRT))\n"
    )
    chosen = run_battery(python, script=new_battery(tmp_path, all=source))
    assert status(chosen) == {"one": "ok", "exit": "crashed"}
    assert chosen.records["exit"].detail == "killed by SIGABRT"


def test_a_torch_that_cannot_be_imported_is_a_tool_error(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", symlinks=True)
    with pytest.raises(ToolError, match="No module named 'torch'"):
        run_battery(tmp_path / "bare" / "bin" / "python", script=new_battery(tmp_path))


@pytest.mark.parametrize(
    "source", sorted(BATTERY.parent.rglob("*.py")), ids=lambda path: str(path.stem)
)
def test_scripts_are_valid_python_3_6(source: Path) -> None:
    ast.parse(source.read_text(), feature_version=(3, 6))


REGISTER = """
import json, sys, types

class Anything(type):
    def __getattr__(cls, name): return Anything(name, (), {})

class Torch(types.ModuleType):
    __path__ = []
    def __getattr__(self, name): return Anything(name, (), {})

for name in ("torch", "torch.utils", "torch.utils.data", "torch.multiprocessing"):
    sys.modules[name] = Torch(name)
sys.path.insert(0, sys.argv[1])
from battery import registry
print(json.dumps([[str(failure) for failure in registry.load("battery.records")],
                  sorted(registry.registered)]))
"""


def test_records_have_unique_names() -> None:
    """Register the real records on a torch whose every attribute is a class."""
    finished = subprocess.run(
        [sys.executable, "-c", REGISTER, BATTERY.parents[1]],
        capture_output=True,
        check=True,
        text=True,
    )
    failures, names = json.loads(finished.stdout)
    assert failures == []  # A name that is taken fails its module.
    assert len(names) >= 120
    assert [name for name in names if not re.fullmatch(r"\w+(\.\w+)+", name)] == []
