"""The probes of tests/support: what they make of a torch that answers in every way there is."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

PROBES = Path(__file__).parents[1] / "support" / "probes.py"
CUDA = """\
import os
def is_available():
    print("noise")
    return False
def init():
    raise AssertionError("no CUDA at %#x\\nsecond line" % 4096)
def synchronize():
    os.abort()
def current_device():
    os._exit(3)
def get_device_name():
    return __file__
"""


@pytest.mark.skipif(sys.platform != "linux", reason="children are made by fork")
def test_every_outcome_has_its_text(tmp_path: Path) -> None:
    torch = tmp_path / "torch"
    torch.mkdir()
    (torch / "__init__.py").write_text("__version__ = '9'\nones = int\n")
    (torch / "cuda.py").write_text(CUDA)
    expected = {
        "cuda_is_available": "False",
        "cuda_init": "AssertionError: no CUDA at 0x...",
        "cuda_synchronize": "signal 6",
        "cuda_current_device": "exit 3",
        "cuda_get_device_name": "'TORCH/cuda.py'",
        "cuda_set_device": "absent",
        "accelerator_is_available": "absent",
    }
    done = subprocess.run(
        [sys.executable, PROBES, *expected],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout) == {"torch": "9", "probes": expected}


def test_they_run_on_python_3_6() -> None:
    ast.parse(PROBES.read_bytes(), feature_version=(3, 6))
