"""Run by every Python that is found, in a directory that holds the slim package.

`python scenarios.py NAME` runs one function. Python 3.5 syntax, standard library only.
"""

import importlib
import importlib.util
import os
import pickle
import pkgutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

_Error = TypeVar("_Error", bound=BaseException)

SITE = Path.cwd()
REMOVED_LIBRARY = SITE / "torch" / "lib" / "libtorchbind_test.so"

WORDS = {
    "headers": [
        "torch_cpu 2.13.0+cpu",
        "torch==2.13.0+cpu",
        "'headers'",
        "'cpu'",
        "9431 files, 38.77 MB",
        "Only compilers read headers.",
        "C++ extensions \u2014 and torch.compile's C++ backend.",
        "pip install torch_cpu_dev==2.13.0+cpu",
    ],
    "test-modules": ["'test-modules'", "Upstream's own tests.", "pip install torch_cpu_dev"],
    "test-libraries": ["pip uninstall -y torch_cpu torch && pip install torch==2.13.0+cpu"],
}


def caught(kind: "type[_Error]", function: "Callable[..., Any]", *args: Any) -> _Error:
    try:
        function(*args)
    except kind as error:
        return error
    raise AssertionError("nothing was raised")


def says(error: BaseException, rule: str) -> None:
    for text in (str(error), str(pickle.loads(pickle.dumps(error)))):
        for words in WORDS[rule]:
            assert words in text, (words, text)


def run(statement: str) -> None:
    exec(statement, {})


def imports_and_sets_environment() -> None:
    os.environ.pop("KMP_FAKE", None)
    import torch

    assert torch.EVENTS == ["1"], "before() runs ahead of the first library"
    assert torch.tensor is list
    assert not [name for name in vars(torch) if "boot" in name]


def keeps_environment_that_is_set() -> None:
    os.environ["KMP_FAKE"] = "mine"
    import torch

    assert torch.EVENTS == ["mine"]


def reads_no_manifest_at_import() -> None:
    import torch  # noqa: F401

    names = [name for name in sys.modules if name.startswith("torch._slimwheel.")]
    assert sorted(names) == [
        "torch._slimwheel.build",
        "torch._slimwheel.finder",
        "torch._slimwheel.neighbours",
        "torch._slimwheel.where",
    ], names


def removed_module() -> None:
    import torch.fx.passes.kept  # noqa: F401

    missing = ImportError if sys.version_info < (3, 6) else ModuleNotFoundError
    for statement in (
        "import torch.fx.passes.tests",
        "import torch.fx.passes.tests.test_it",
        "from torch.fx.passes.tests import helper",
        "import importlib; importlib.import_module('torch.fx.passes.tests')",
        "__import__('torch.fx.passes.tests')",
    ):
        error = caught(missing, run, statement)
        assert error.name == "torch.fx.passes.tests"
        assert str(error).startswith("No module named 'torch.fx.passes.tests'")
        assert type(error).__name__ == "RemovedModuleError"
        says(error, "test-modules")


def removed_module_from_its_parent() -> None:
    error = caught(ImportError, run, "from torch.fx.passes import tests")
    assert error.name == "torch.fx.passes"
    assert str(error).startswith("cannot import name 'tests' from 'torch.fx.passes'")
    says(error, "test-modules")


def other_missing_modules_fail_as_ever() -> None:
    import torch  # noqa: F401

    for name in ("torch.fx.passes.nothing", "nothing_at_all", "torch.fx.passes.kept.x"):
        error = caught(ImportError, importlib.import_module, name)
        assert not type(error).__name__.startswith("Removed")
    error = caught(ImportError, run, "from torch.fx.passes import nothing")
    assert not type(error).__name__.startswith("Removed")


def probes_see_nothing() -> None:
    import torch.fx.passes

    assert importlib.util.find_spec("torch.fx.passes.tests") is None
    found = [module[1] for module in pkgutil.iter_modules(torch.fx.passes.__path__)]
    assert found == ["kept"]
    names = [module[1] for module in pkgutil.walk_packages(torch.__path__, "torch.")]
    assert "torch.fx.passes.kept" in names
    assert "torch.fx.passes.tests" not in names
    if hasattr(pkgutil, "find_loader"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert pkgutil.find_loader("torch.fx.passes.tests") is None
    run("from torch.fx.passes import *")


def reload_leaves_one_finder() -> None:
    import torch

    before = len(sys.meta_path)
    importlib.reload(sys.modules["torch._slimwheel.finder"])
    importlib.reload(torch)
    assert len(sys.meta_path) == before
    assert type(sys.meta_path[-1]).__name__ == "RemovedModules"


def removed_function() -> None:
    from torch.utils import cpp_extension

    error = caught(FileNotFoundError, cpp_extension.include_paths)
    include = str(SITE / "torch" / "include")
    assert error.filename == include
    assert error.errno == 2
    assert str(error).startswith("No such file or directory: " + repr(include))
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.filename, again.errno) == (type(error), include, 2)
    says(error, "headers")


def removed_path() -> None:
    import torch

    ops = torch._ops._Ops()
    os.chdir(str(SITE / "torch"))
    for path in (str(REMOVED_LIBRARY), "lib/libtorchbind_test.so", "x/../lib/libtorchbind_test.so"):
        for form in (path, path.encode(), Path(path)):
            says(caught(FileNotFoundError, ops.load_library, form), "test-libraries")
    for other in ("libother.so", str(SITE / "torch" / "lib" / "libother.so"), "a\0b", 7):
        failure = caught(OSError, ops.load_library, other)
        assert not type(failure).__name__.startswith("Removed"), other
    REMOVED_LIBRARY.parent.mkdir()
    REMOVED_LIBRARY.write_bytes(b"")
    failure = caught(OSError, ops.load_library, str(REMOVED_LIBRARY))
    assert str(failure).startswith("cannot open")


def damaged_manifest_still_explains() -> None:
    from torch.utils import cpp_extension

    (SITE / "torch" / "_slimwheel" / "manifest.json").write_bytes(b"{")
    error = caught(FileNotFoundError, cpp_extension.include_paths)
    assert "'headers'" in str(error)
    assert "torch==2.13.0" in str(error)


def dev_wheel_is_there() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        import torch.fx.passes.tests
    from torch.fx.passes import tests  # noqa: F401
    from torch.utils import cpp_extension

    assert cpp_extension.include_paths() == ["include"]
    (SITE / "torch" / "fx" / "passes" / "tests" / "__init__.py").unlink()
    (SITE / "torch" / "fx" / "passes" / "tests").rmdir()
    del sys.modules["torch.fx.passes.tests"], torch.fx.passes.tests
    importlib.invalidate_caches()
    missing = caught(ImportError, run, "import torch.fx.passes.tests")
    assert not type(missing).__name__.startswith("Removed"), "it was not the slim wheel's doing"
    error = caught(OSError, torch._ops._Ops().load_library, str(REMOVED_LIBRARY))
    says(error, "test-libraries")  # the development wheel does not have this rule


def import_warns() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        import torch
    texts = [str(warning.message) for warning in seen]
    sys.stdout.write("\n".join(texts))
    for warning in seen:
        assert issubclass(warning.category, RuntimeWarning)
        assert Path(warning.filename).samefile(str(torch.__file__)), warning.filename


def forgets_names_and_their_copies() -> None:
    import torch

    native = sys.modules["torch._C"]
    for name in ("_cuda_init", "_cuda_getDevice", "_cudnn", "_cudart", "CudaFloatStorageBase"):
        assert not hasattr(native, name), name
    for name in ("CudaFloatStorageBase", "public_cuda"):
        assert not hasattr(torch, name), "star import copied it"
        assert name not in torch.__all__
    assert torch.CudaHalfStorageBase == 1, "it is the package's own"
    assert native._ensureCudaGuard
    assert torch.tensor is list
    found = (native._has_cuda, native.has_cuda, torch.has_cuda, native.has_mkl, torch.has_mkl)
    assert found == (False, False, False, True, True), found
    assert not hasattr(native, "_has_gds")
    assert not hasattr(torch, "_has_cuda")
    assert not [name for name in sys.modules if name.startswith("torch._C._cud")]


def forgets_what_is_loaded_later() -> None:
    distributed = importlib.import_module("torch.distributed")
    native = sys.modules["torch._C._distributed_c10d"]
    assert distributed.ProcessGroupNCCL is None
    assert not hasattr(native, "ProcessGroupNCCL")
    assert native._make_nccl_premul_sum
    assert distributed.Store
    assert not [name for name in vars(distributed) if "forget" in name]
    sys.modules["torch._slimwheel"].forget("torch._C._absent", "torch.nothing", "os")


def forgets_again_when_reloaded() -> None:
    import torch

    torch._C._cuda_init = len
    importlib.reload(torch)
    assert not hasattr(torch._C, "_cuda_init")


def describe() -> None:
    import json

    torch_ergonomics = importlib.import_module("torch_ergonomics")
    json.dump(torch_ergonomics.describe(), sys.stdout)
    assert "torch" not in sys.modules


if __name__ == "__main__":
    sys.path.insert(0, str(SITE))
    globals()[sys.argv[1]]()
