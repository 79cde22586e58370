"""The boot code and the guards, run by every Python that is found."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from slimwheel.shim import Manifest
from tests.unit.shim.conftest import write_package

SCENARIOS = Path(__file__).with_name("scenarios.py")


def run(python: str, site: Path, scenario: str, scenarios: Path = SCENARIOS) -> str:
    result = subprocess.run(
        [python, "-B", scenarios, scenario], cwd=site, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.parametrize(
    "scenario",
    [
        "imports_and_sets_environment",
        "keeps_environment_that_is_set",
        "reads_no_manifest_at_import",
        "removed_module",
        "removed_module_from_its_parent",
        "other_missing_modules_fail_as_ever",
        "probes_see_nothing",
        "reload_leaves_one_finder",
        "removed_function",
        "removed_path",
        "damaged_manifest_still_explains",
    ],
)
def test_slim(python: str, site: Path, scenario: str) -> None:
    run(python, site, scenario)


def test_nothing_that_is_slow_to_load_is_loaded(
    python: str, tmp_path: Path, manifest: Manifest
) -> None:
    """Where everything is in use that runs at import: names are forgotten, GPUs were chosen."""
    manifest["forget"] = [
        {"module": "torch._C", "rule": "cuda", "names": ["_cuda*"], "except": [], "set": {}}
    ]
    manifest["device_code"] = {
        "rule": "device-code",
        "devices": ["9.0"],
        "ptx": False,
        "architectures": ["sm_90"],
        "served": ["9.0"],
    }
    write_package(tmp_path, manifest)
    program = "import sys; old = set(sys.modules); import torch; print(*set(sys.modules) - old)"
    # -S: what the interpreter's own site loads is not ours.
    command = [python, "-S", "-B", "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {f"torch._slimwheel.{name}" for name in ("devices", "finder", "forgetting")} <= loaded
    assert not {"fnmatch", "json", "typing"} & loaded


def test_dev_wheel_switches_guards_off(
    python: str, site: Path, add_dev: Callable[[], None]
) -> None:
    add_dev()
    run(python, site, "dev_wheel_is_there")


def test_nothing_to_warn_of(python: str, site: Path) -> None:
    assert run(python, site, "import_warns").strip() == ""


@pytest.mark.parametrize(
    ("key", "value"),
    [("version", "2.12.0+cpu"), ("upstream_sha256", "00"), ("distribution", "torch_gpu_dev")],
)
def test_dev_wheel_of_another_build(
    python: str, site: Path, add_dev: Callable[[], None], key: str, value: str
) -> None:
    add_dev()
    path = site / "torch/_slimwheel_dev/manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    warnings = run(python, site, "import_warns").splitlines()
    assert len(warnings) == 1
    assert "made for another build" in warnings[0]
    assert "pip install --force-reinstall --no-deps torch_cpu_dev==2.13.0+cpu" in warnings[0]


def test_damaged_dev_manifest(python: str, site: Path, add_dev: Callable[[], None]) -> None:
    add_dev()
    (site / "torch/_slimwheel_dev/manifest.json").write_text("[")
    assert "made for another build" in run(python, site, "import_warns")


def test_cpu_and_gpu_side_by_side(python: str, site: Path) -> None:
    for other in ("torch_gpu-2.14.1+sm80", "torch_geometric-2.6", "torch_cpu_dev-2.13.0+cpu"):
        (site / f"{other}.dist-info").mkdir()
    warnings = run(python, site, "import_warns").splitlines()
    assert len(warnings) == 1
    assert "torch_gpu 2.14.1+sm80" in warnings[0]
    assert "pip uninstall -y torch_cpu torch_gpu torch" in warnings[0]
