"""What slimwheel writes into wheels: names, syntax, determinism."""

import ast
import json
from pathlib import Path

import pytest

from slimwheel import shim
from slimwheel.errors import RecipeError
from slimwheel.pysource import Edit, PlaceNotFound, apply, parse_place
from slimwheel.shim import (
    Manifest,
    boot_files,
    dev_files,
    ergonomics_files,
    guard_edits,
)
from tests.unit.shim.conftest import torch_boot_edits


def test_members(manifest: Manifest) -> None:
    boot = boot_files("torch", manifest)
    assert list(boot) == sorted(boot)
    assert {"__init__.py", "build.py", "manifest.json"} <= {
        name.removeprefix("torch/_slimwheel/") for name in boot
    }
    assert not [name for name in boot if name.endswith(".pyi")]


def test_ergonomics_with_its_subpackages() -> None:
    folder = Path(shim.__file__).parent
    sources = (folder / "torch_ergonomics").rglob("*.py")
    assert ergonomics_files() == {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sources
    }
    assert {"torch_ergonomics/__init__.py", "torch_ergonomics/__main__.py"} <= set(
        ergonomics_files()
    )


def test_valid_python_3_5(manifest: Manifest) -> None:
    members = boot_files("torch", manifest) | ergonomics_files()
    sources = {name: text for name, text in members.items() if name.endswith(".py")}
    assert len(sources) > 10
    for name, text in sources.items():
        tree = ast.parse(text.decode(), name, feature_version=(3, 5))
        # feature_version lets these two pass.
        for node in ast.walk(tree):
            assert not isinstance(node, (ast.AnnAssign, ast.JoinedStr)), (name, node)


def test_manifest_is_json_and_stable(manifest: Manifest) -> None:
    content = boot_files("torch", manifest)["torch/_slimwheel/manifest.json"]
    assert json.loads(content) == manifest
    assert b"\r" not in content
    turned: Manifest = dict(reversed(manifest.items()))  # type: ignore[assignment]
    assert boot_files("torch", turned) == boot_files("torch", manifest)


def test_build_module_holds_what_the_manifest_says(manifest: Manifest) -> None:
    manifest["environment"] = {"QUOTE": 'it\'s "so"\n', "É": "é"}
    values: dict[str, object] = {}
    exec(boot_files("torch", manifest)["torch/_slimwheel/build.py"], values)
    assert values["ENVIRONMENT"] == manifest["environment"]
    assert values["MODULES"] == {"torch.fx.passes.tests": "test-modules"}
    assert values["RIVALS"] == ["torch_gpu"]
    assert values["DEVICE_CODE"] is None
    manifest["device_code"] = {
        "rule": "device-code",
        "devices": ["8.0"],
        "ptx": True,
        "architectures": ["sm_80", "compute_80"],
        "served": ["8.0", "8.6"],
    }
    exec(boot_files("torch", manifest)["torch/_slimwheel/build.py"], values)
    assert values["DEVICE_CODE"] == manifest["device_code"]


def test_dev_manifest_names_the_rules_that_come_back(manifest: Manifest) -> None:
    ((name, content),) = dev_files("torch", manifest).items()
    assert name == "torch/_slimwheel_dev/manifest.json"
    assert json.loads(content)["rules"] == ["headers", "test-modules"]
    manifest["dev"] = None
    with pytest.raises(ValueError, match="torch_cpu has no development wheel"):
        dev_files("torch", manifest)


def test_boot_edits_of_torch_1_0() -> None:
    source = b"""\
if windows:
    pass
else:
    import torch._dl as _dl_flags
try:
    import torch._nvrtc
except ImportError:
    pass
from torch._C import *
__all__ += [name for name in dir(_C)]
"""
    lines = apply(source, torch_boot_edits(), "torch/__init__.py").decode().splitlines()
    assert "import before" in lines[0]
    assert lines[-3] == "from torch._C import *"
    assert "import after" in lines[-2]


def test_guard_edits_find_the_member(manifest: Manifest) -> None:
    members = ["torch/utils/cpp_extension/__init__.py"]
    code = "from torch._slimwheel import gone as _gone; _gone('headers')"
    assert guard_edits(manifest["guards"], members) == {
        members[0]: [Edit(parse_place("function:include_paths"), code)]
    }


def test_path_guard_asks_for_its_parameter(manifest: Manifest) -> None:
    edits = guard_edits(manifest["guards"], ["torch/_ops.py"])["torch/_ops.py"]
    source = b"class _Ops:\n    def load_library(self, where): pass\n"
    with pytest.raises(PlaceNotFound, match="no such parameter"):
        apply(source, edits, "torch/_ops.py")


def test_bad_target() -> None:
    with pytest.raises(RecipeError, match="module:function"):
        guard_edits([{"kind": "call", "target": "torch.x", "rule": "r"}], [])
