"""torch_ergonomics, run by every Python that is found."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slimwheel.shim import Manifest, ergonomics_files
from slimwheel.shim.manifest import DeviceCode
from tests.unit.shim.conftest import SOURCES, write, write_package
from tests.unit.shim.test_boot import run


def describe(python: str, site: Path) -> dict[str, Any]:
    description = json.loads(run(python, site, "describe"))
    assert isinstance(description, dict)
    return description


def command(
    python: str, site: Path, *options: str, terminal: str = "utf-8"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-B", "-m", "torch_ergonomics", *options],
        cwd=site,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={"PYTHONIOENCODING": terminal},
    )


def test_slim(python: str, site: Path, manifest: Manifest) -> None:
    description = describe(python, site)
    assert description["kind"] == "slim"
    assert description["findings"] == []
    assert Path(description["location"]).samefile(site / "torch")
    for key in ("distribution", "version", "upstream", "recipe", "removed", "environment"):
        assert description[key] == manifest[key]
    assert description["companion"] == {
        "requirement": "torch==2.13.0+slim.cpu",
        "installed": "2.13.0+slim.cpu",
        "matches": True,
    }
    assert description["dev"] == {
        "requirement": "torch_cpu_dev==2.13.0+cpu",
        "installed": None,
        "matches": False,
    }


def test_command(python: str, site: Path, add_dev: Callable[[], None]) -> None:
    result = command(python, site)
    assert (result.returncode, result.stderr) == (0, "")
    for words in (
        "torch_cpu 2.13.0+cpu, a slim build of torch 2.13.0+cpu",
        "torch_cpu_dev==2.13.0+cpu, not installed",
        "headers: 9431 files, 38.77 MB",
        "C++ extensions — and torch.compile's C++ backend.",
    ):
        assert words in result.stdout
    add_dev()
    result = command(python, site)
    assert "torch_cpu_dev==2.13.0+cpu, installed" in result.stdout
    result = command(python, site, "--json")
    assert json.loads(result.stdout)["dev"]["matches"] is True


def test_command_on_a_terminal_that_knows_ascii(python: str, site: Path) -> None:
    result = command(python, site, terminal="ascii")
    assert result.returncode == 0, result.stderr
    assert "C++ extensions \\u2014 and" in result.stdout


def test_dev_wheel_of_another_build(python: str, site: Path, add_dev: Callable[[], None]) -> None:
    add_dev()
    path = site / "torch/_slimwheel_dev/manifest.json"
    path.write_text(path.read_text().replace("2.13.0", "2.12.0"))
    description = describe(python, site)
    assert description["dev"]["installed"] == "2.12.0+cpu"
    assert description["dev"]["matches"] is False
    assert "torch_cpu_dev 2.12.0+cpu was made for another build" in description["findings"][0]
    assert command(python, site).returncode == 1


def test_cpu_and_gpu_side_by_side(python: str, site: Path) -> None:
    (site / "torch_gpu-2.14.1+sm80.dist-info").mkdir()
    (finding,) = describe(python, site)["findings"]
    assert "torch_cpu 2.13.0+cpu and torch_gpu 2.14.1+sm80 are both installed" in finding


def test_beside_torch_ergonomics_alone(python: str, site: Path, tmp_path: Path) -> None:
    name = "torch_ergonomics-0.2.0.dist-info"
    (site / name).mkdir()
    (finding,) = describe(python, site)["findings"]
    assert "torch_ergonomics 0.2.0 is installed beside torch_cpu 2.13.0+cpu" in finding
    mend = "pip install --force-reinstall --no-deps torch_cpu==2.13.0+cpu"
    assert f"pip uninstall -y torch_ergonomics && {mend}" in finding
    assert command(python, site).returncode == 1


@pytest.mark.parametrize("other", [None, "2.13.0"])
def test_companion_is_not_there(python: str, site: Path, other: str | None) -> None:
    (site / "torch-2.13.0+slim.cpu.dist-info").rename(site / f"torch-{other or ''}.dist-info")
    if other is None:
        shutil.rmtree(site / "torch-.dist-info")
    description = describe(python, site)
    assert description["companion"]["installed"] == other
    assert "The companion torch==2.13.0+slim.cpu is" in description["findings"][0]


def test_files_without_their_distribution(python: str, site: Path) -> None:
    (site / "torch_cpu-2.13.0+cpu.dist-info").rename(site / "torch_cpu-2.12.0+cpu.dist-info")
    assert "not listed as installed" in describe(python, site)["findings"][0]


def test_slim_without_dev_wheel_and_companion(
    python: str, tmp_path: Path, manifest: Manifest
) -> None:
    manifest["dev"] = None
    manifest["companion"] = None
    write_package(tmp_path, manifest)
    description = describe(python, tmp_path)
    assert (description["dev"], description["companion"]) == (None, None)
    write(tmp_path, {"torch/_slimwheel_dev/manifest.json": b'{"distribution": "old_dev"}'})
    assert "pip uninstall old_dev" in describe(python, tmp_path)["findings"][0]
    assert "pip uninstall old_dev" in run(python, tmp_path, "import_warns")


DEVICE_CODE: DeviceCode = {
    "rule": "device-code",
    "devices": ["8.0", "9.0"],
    "ptx": False,
    "architectures": ["sm_80", "sm_90", "sm_90a"],
    "served": ["8.0", "8.6", "9.0"],
}


def test_device_code(python: str, tmp_path: Path, manifest: Manifest) -> None:
    manifest["device_code"] = DEVICE_CODE
    write_package(tmp_path, manifest)
    assert describe(python, tmp_path)["device_code"] == DEVICE_CODE
    text = command(python, tmp_path).stdout
    assert (
        "  GPUs       8.0, 9.0 (code for sm_80, sm_90, sm_90a; runs on 8.0, 8.6, 9.0)\n"
        "             without PTX for newer GPUs\n"
    ) in text
    manifest["device_code"] = {**DEVICE_CODE, "ptx": True}
    write_package(tmp_path, manifest)
    assert "             with PTX for newer GPUs\n" in command(python, tmp_path).stdout


@pytest.mark.parametrize("known", [True, False])
def test_no_choice_of_device_code(python: str, site: Path, known: bool) -> None:
    path = site / "torch/_slimwheel/manifest.json"
    manifest = json.loads(path.read_text())
    assert manifest["device_code"] is None
    if not known:  # as builds were before there was a choice
        del manifest["device_code"]
        path.write_text(json.dumps(manifest))
    assert describe(python, site)["device_code"] is None
    result = command(python, site)
    assert (result.returncode, result.stderr) == (0, "")
    assert "GPU" not in result.stdout


def test_upstream(python: str, tmp_path: Path) -> None:
    write(tmp_path, ergonomics_files())
    write(tmp_path, {name: text.encode() for name, text in SOURCES.items()})
    write(tmp_path, {"torch-2.13.0.dist-info/METADATA": b""})
    description = describe(python, tmp_path)
    assert (description["kind"], description["version"]) == ("upstream", "2.13.0")
    assert description["findings"] == []
    assert "torch 2.13.0, as upstream made it" in command(python, tmp_path).stdout
    (tmp_path / "torch_cpu-2.13.0.dist-info").mkdir()
    assert "torch was installed over it" in describe(python, tmp_path)["findings"][0]


def test_no_torch(python: str, tmp_path: Path) -> None:
    write(tmp_path, ergonomics_files())
    result = command(python, tmp_path)
    assert result.returncode == 1
    assert "no torch" in result.stdout
