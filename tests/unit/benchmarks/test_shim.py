"""How the shim's calls are timed, and what the page says of them."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import time_shim
from benchmarks.shim import Import, Timed, render
from slimwheel.shim import Manifest
from tests.unit.shim.conftest import make_manifest, write, write_package

PROGRAM = Path(time_shim.__file__)


def import_timed(site: Path, manifest: Manifest, after: str = "") -> dict[str, float]:
    """Import the package of the shim's own tests; return the calls in it."""
    write_package(site, manifest)
    init = site / "torch/__init__.py"
    write(site, {"torch/__init__.py": init.read_bytes() + after.encode()})
    done = subprocess.run(
        [sys.executable, "-B", PROGRAM, "torch"],
        cwd=site,
        env={"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    calls: dict[str, float] = found["calls"]
    assert all(took > 0 for took in calls.values())
    assert sum(calls.values()) < found["import"]
    return calls


def test_every_call_is_timed(tmp_path: Path) -> None:
    assert list(import_timed(tmp_path, make_manifest())) == ["loading", "before", "after"]


def test_a_call_inside_another_is_part_of_it(tmp_path: Path) -> None:
    """after() calls forget(), and so does torch.distributed."""
    manifest = make_manifest()
    manifest["forget"] = [
        {"module": "torch._C", "rule": "cuda", "names": ["_cuda*"], "except": [], "set": {}}
    ]
    assert "forget" not in import_timed(tmp_path, manifest)
    late = "from torch._slimwheel import forget as _forget; _forget('torch._C')\n"
    assert list(import_timed(tmp_path, manifest, late))[-1] == "forget"


def test_modules_that_are_asked_for_in_vain_ask_the_finder(tmp_path: Path) -> None:
    vain = "try:\n    import absent\nexcept ImportError:\n    pass\n"
    assert list(import_timed(tmp_path, make_manifest(), vain))[-1] == "finder"


def test_it_is_valid_in_the_oldest_python_of_the_subjects() -> None:
    ast.parse(PROGRAM.read_bytes(), feature_version=(3, 6))


def timed(recipe: str, *imports: dict[str, float]) -> Timed:
    rounds = tuple(Import(calls, 1.0) for calls in imports)
    return Timed("torch==2.14.1", recipe, (), "3.11.7", rounds)


@pytest.mark.parametrize(("milliseconds", "verdict"), [(9, "kept"), (11, "**BROKEN**")])
def test_the_promise_is_of_the_median_of_all_calls(milliseconds: int, verdict: str) -> None:
    rounds = [{"loading": 0.001, "after": took / 1e3} for took in (1, milliseconds - 1, 900)]
    page = render([timed("cpu", *rounds)], {"cores": "2"}, [])
    assert f"| torch==2.14.1, `cpu` | 10.0 ms | {milliseconds}.0 ms | {verdict} |" in page
    assert f"| all of them | {milliseconds}.00 ms |" in page


def test_a_call_that_one_wheel_is_without_is_left_empty() -> None:
    first = timed("cpu", {"loading": 0.001, "forget": 0.002})
    page = render([first, timed("gpu", {"loading": 0.003})], {}, ["One is left out."])
    assert "| loading `_slimwheel` | 1.00 ms | 3.00 ms |" in page
    assert "| `forget()`, by other modules | 2.00 ms |  |" in page
    assert "One is left out." in page
