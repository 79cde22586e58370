"""What is forgotten of extension modules when the package is imported."""

from pathlib import Path

import pytest

from slimwheel.pysource import apply, insert
from slimwheel.recipe import load_recipe
from slimwheel.shim import Manifest, boot_files
from slimwheel.shim.manifest import Forget
from tests.unit.shim.conftest import torch_boot_edits, write, write_package
from tests.unit.shim.test_boot import run

NATIVE = """\
import sys
import types
def _function(*arguments):
    raise RuntimeError("no device")
class CudaFloatStorageBase:
    pass
tensor = list
public_cuda = _cuda_init = _cuda_getDevice = _ensureCudaGuard = _function
_has_cuda = has_cuda = has_mkl = True
for _name in ("_cudnn", "_cudnn.rnn", "_cudart"):
    sys.modules["torch._C." + _name] = types.ModuleType("torch._C." + _name)
_cudnn = sys.modules["torch._C._cudnn"]
_cudart = sys.modules["torch._C._cudart"]
def _c10d_init():
    module = types.ModuleType("torch._C._distributed_c10d")
    module.ProcessGroupNCCL = type("ProcessGroupNCCL", (), {})
    module._make_nccl_premul_sum = module.Store = _function
    sys.modules[module.__name__] = globals()["_distributed_c10d"] = module
    return True
"""
ENTRY = """\
__all__ = ["own"]
CudaHalfStorageBase = own = 1
from torch._C import *
__all__ += [name for name in dir(_C) if name[0] != "_"]
"""
DISTRIBUTED = """\
import torch
if not torch._C._c10d_init():
    raise RuntimeError
if True:
    from torch._C._distributed_c10d import Store
try:
    from torch._C._distributed_c10d import ProcessGroupNCCL
except ImportError:
    ProcessGroupNCCL = None
"""


def forget(module: str, names: list[str], exceptions: list[str], **values: bool | int) -> Forget:
    return {
        "module": module,
        "rule": "cuda",
        "names": names,
        "except": exceptions,
        "set": values,
    }


@pytest.fixture
def forgetful(tmp_path: Path, manifest: Manifest) -> Path:
    """The package with an extension module that was built with CUDA."""
    manifest["environment"] = {}
    manifest["forget"] = [
        forget(
            "torch._C",
            ["_cuda*", "?uda*", "*_cuda", "_cudnn"],
            ["_ensure*", "has_*", "_has_cuda"],
            has_cuda=False,
            _has_cuda=False,
            _has_gds=False,
        ),
        forget("torch._C", ["_ensureCuda?"], []),
        forget("torch._C._distributed_c10d", ["*nccl*", "*NCCL*"], ["_make_nccl_premul_sum"]),
        forget("torch._C._absent", ["*"], []),
        forget("torch.utils", [], [], nothing=1),
    ]
    root = tmp_path / "site"
    write_package(root, manifest)
    write(root, {"torch/_C.py": NATIVE.encode()})
    write(root, {"torch/__init__.py": apply(ENTRY.encode(), torch_boot_edits(), "torch/x.py")})
    (edit,) = (e for e in load_recipe("cpu").recipe.python if "distributed" in e.file)
    write(root, {edit.file: insert(DISTRIBUTED.encode(), edit.place, edit.code, edit.file)})
    return root


@pytest.mark.parametrize(
    "scenario",
    [
        "forgets_names_and_their_copies",
        "forgets_what_is_loaded_later",
        "forgets_again_when_reloaded",
    ],
)
def test_forgetting(python: str, forgetful: Path, scenario: str) -> None:
    run(python, forgetful, scenario)


def test_a_build_with_nothing_to_forget_loads_nothing_for_it(python: str, site: Path) -> None:
    run(python, site, "reads_no_manifest_at_import")


def test_build_module_holds_one_expression_per_module(manifest: Manifest) -> None:
    manifest["forget"] = [
        forget("torch._C", ["_cuda*", "a?c"], ["_cuda_x*"], _has_cuda=False),
        forget("torch._C._aoti", [], [], x=1),
    ]
    values: dict[str, object] = {}
    exec(boot_files("torch", manifest)["torch/_slimwheel/build.py"], values)
    assert values["FORGET"] == [
        ("torch._C", r"(?!(?:_cuda_x.*)\Z)(?:_cuda.*|a.c)\Z", {"_has_cuda": False}),
        ("torch._C._aoti", "(?!)", {"x": 1}),
    ]
