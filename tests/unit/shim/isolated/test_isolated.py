"""Isolated execution, run by every Python that is found."""

import ast
import subprocess
from pathlib import Path

import pytest

from slimwheel.shim import ergonomics_files
from tests.unit.shim.conftest import write

SCENARIOS = Path(__file__).with_name("scenarios.py")
# Those that others run.
HELPERS = {"run", "worker", "raised", "calls_for_ever", "passes_output"}
NAMES = [
    node.name
    for node in ast.parse(SCENARIOS.read_text("utf-8")).body
    if isinstance(node, ast.FunctionDef) and node.name not in HELPERS
]


def scenario(python: str, site: Path, name: str) -> subprocess.CompletedProcess[str]:
    write(site, ergonomics_files())
    result = subprocess.run(
        [python, "-B", "-W", "error", SCENARIOS, name],
        cwd=site,
        capture_output=True,
        encoding="utf-8",
        timeout=200,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result


@pytest.mark.parametrize("name", NAMES)
def test_isolated(python: str, tmp_path: Path, name: str) -> None:
    scenario(python, tmp_path, name)


def test_output_passes_through(python: str, tmp_path: Path) -> None:
    result = scenario(python, tmp_path, "passes_output")
    expected = ["naïve", "by handle", "by C", "by a child"]
    assert sorted(result.stdout.splitlines()) == sorted(expected)
    assert result.stderr == "error: naïve\n"


def test_importing_it_imports_no_torch(python: str, tmp_path: Path) -> None:
    write(tmp_path, ergonomics_files())
    program = "import sys, torch_ergonomics\nprint({'torch', 'numpy'} & set(sys.modules))"
    command = [python, "-B", "-c", program]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"
