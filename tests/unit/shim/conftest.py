"""A small package torch with the shim written into it by the functions that a build uses."""

import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from slimwheel.pysource import Edit, apply
from slimwheel.recipe import load_recipe
from slimwheel.shim import Manifest, boot_edits, boot_files, dev_files, ergonomics_files
from slimwheel.shim.edits import guard_edits

SOURCES = {
    "torch/__init__.py": """\
import os
EVENTS = []
def _load_global_deps():
    EVENTS.append(os.environ.get("KMP_FAKE"))
if os.getenv("TORCH_USE_RTLD_GLOBAL"):
    from torch._C import *
else:
    _load_global_deps()
    from torch._C import *
from torch import _ops
""",
    "torch/_C.py": "tensor = list\n",
    "torch/_ops.py": '''\
class _Ops:
    def load_library(self, path):
        """Load a library."""
        raise OSError("cannot open " + str(path))
''',
    "torch/fx/__init__.py": "",
    "torch/fx/passes/__init__.py": "__all__ = ['kept']\n",
    "torch/fx/passes/kept.py": "",
    "torch/utils/__init__.py": "",
    "torch/utils/cpp_extension.py": '''\
def include_paths(device_type="cpu"):
    """Folders of headers."""
    return ["include"]
''',
}

PYTHONS = [f"python3.{minor}" for minor in range(5, 15)]


def make_manifest() -> Manifest:
    return {
        "schema": 1,
        "distribution": "torch_cpu",
        "version": "2.13.0+cpu",
        "upstream": {
            "name": "torch",
            "version": "2.13.0+cpu",
            "filename": "torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl",
            "sha256": "12" * 32,
        },
        "recipe": {"name": "cpu", "text": 'schema = 1\nname = "cpu"\n'},
        "options": {},
        "tools": {"slimwheel": "0.1.0", "deflate": "0.9.0"},
        "companion": "torch==2.13.0+slim.cpu",
        "dev": {"distribution": "torch_cpu_dev", "requirement": "torch_cpu_dev==2.13.0+cpu"},
        "removed": [
            {
                "rule": "headers",
                "files": 9431,
                "bytes": 38768161,
                "reason": "Only compilers read headers.",
                "loses": "C++ extensions — and torch.compile's C++ backend.",
                "dev": True,
                "modules": [],
                "paths": ["torch/include/*"],
            },
            {
                "rule": "test-libraries",
                "files": 4,
                "bytes": 1000000,
                "reason": "Only upstream's own tests load them.",
                "loses": "Nothing that programs use.",
                "dev": False,
                "modules": [],
                "paths": ["torch/lib/libtorchbind_test.so"],
            },
            {
                "rule": "test-modules",
                "files": 12,
                "bytes": 30000,
                "reason": "Upstream's own tests.",
                "loses": "Running upstream's tests.",
                "dev": True,
                "modules": ["torch.fx.passes.tests"],
                "paths": [],
            },
        ],
        "guards": [
            {
                "kind": "call",
                "target": "torch.utils.cpp_extension:include_paths",
                "rule": "headers",
            },
            {
                "kind": "path",
                "target": "torch._ops:_Ops.load_library",
                "argument": "path",
                "rule": "test-libraries",
            },
        ],
        "environment": {"KMP_FAKE": "1"},
        "forget": [],
        "device_code": None,
    }


@pytest.fixture
def manifest() -> Manifest:
    return make_manifest()


def write(root: Path, members: dict[str, bytes]) -> None:
    for name, content in members.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def torch_boot_edits() -> list[Edit]:
    """The shim's calls in torch's own `__init__.py`, where the recipe wants them."""
    shim = load_recipe("cpu").recipe.shim
    return boot_edits("torch", shim.before, shim.after)


def write_package(root: Path, manifest: Manifest) -> None:
    """Sources, edits, boot files, torch_ergonomics and the dist-info folders pip would leave."""
    edits = {"torch/__init__.py": torch_boot_edits()}
    edits.update(guard_edits(manifest["guards"], SOURCES))
    for name, text in SOURCES.items():
        write(root, {name: apply(text.encode(), edits.get(name, []), name)})
    write(root, boot_files("torch", manifest))
    write(root, ergonomics_files())
    write(root, {f"torch_cpu-{manifest['version']}.dist-info/METADATA": b""})
    write(root, {"torch-2.13.0+slim.cpu.dist-info/METADATA": b""})


@pytest.fixture
def site(tmp_path: Path, manifest: Manifest) -> Path:
    """A directory to put on sys.path, with the package in it."""
    root = tmp_path / "site"
    write_package(root, manifest)
    return root


@pytest.fixture
def add_dev(site: Path, manifest: Manifest) -> Callable[[], None]:
    """Puts the development wheel's files into the site."""

    def add() -> None:
        members = dev_files("torch", manifest)
        members["torch/fx/passes/tests/__init__.py"] = b""
        members["torch/include/torch/torch.h"] = b""
        write(site, members)

    return add


@cache
def running(name: str) -> str | None:
    path = shutil.which(name)
    if path and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
        return path
    return None


@pytest.fixture(params=PYTHONS)
def python(request: pytest.FixtureRequest) -> str:
    """Path of an interpreter that runs; the shim has to work on each."""
    path = running(request.param)
    if path is None:
        pytest.skip(f"{request.param} is not on PATH, or does not run")
    return path
