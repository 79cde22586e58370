"""Wheels whose plans are held against golden files: built from source when a test asks for them."""

from collections.abc import Callable
from pathlib import Path

from tests.support.cuda_native import make_cuda_torch
from tests.support.native import compile_c, native_members
from tests.support.upstream import make_torch_wheel, make_wheel
from tests.support.vision_native import make_vision


def look_alike(directory: Path) -> Path:
    """Every kind of member that the recipe decides about, laid out as torch 2.13 is."""
    tests: dict[str, bytes | str] = {
        "torch/fx/passes/tests/__init__.py": "",
        "torch/fx/passes/tests/test_pass_manager.py": "import torch\n",
        "torch/testing/_internal/tests/__init__.py": "",
        "torch/test/data.pt": "weights",
        "torch/lib/libshm/libshm.h": "#pragma once\n",
        "torch/lib/libprotobuf.a": b"!<arch>\n",
        "torch/lib/not-an-archive.a": "text",
    }
    return make_torch_wheel(directory, members=tests)


def old_layout(directory: Path) -> Path:
    """torch 1.0's: caffe2 beside torch, headers in torch/lib, copies of a library, no licences."""
    native = native_members()
    library = native["torch/lib/libc10.so"]
    members: dict[str, bytes | str] = {
        "torch/__init__.py": "from torch._C import *\n",
        "torch/_C.py": "",
        "torch/utils/cpp_extension.py": "def include_paths(cuda=False):\n    return []\n",
        "torch/lib/include/ATen/ATen.h": "#pragma once\n",
        "torch/lib/THNN.h": "TH_API void THNN(void);\n",
        "torch/lib/torch_shm_manager": native["torch/bin/torch_shm_manager"],
        "torch/lib/libc10.so": library,
        "torch/lib/libc10.so.1": library,
        "torch/lib/libtorch_cpu.so": native["torch/lib/libtorch_cpu.so"],
        "torch/lib/libcaffe2_module_test_dynamic.so": native["torch/lib/libtorchbind_test.so"],
        "caffe2/__init__.py": "",
        "caffe2/python/__init__.py": "",
        "caffe2/python/core.py": "",
        "caffe2/python/core_test.py": "",
        "caffe2/python/operator_test/__init__.py": "",
        "caffe2/python/operator_test/clip_op_test.py": "",
        "caffe2/python/serialized_test/coverage.py": "",
    }
    return make_wheel(
        directory,
        members,
        version="1.0.0",
        entry_points=(
            "[console_scripts]\n"
            "convert = caffe2.python.core:main\n"
            "coverage = caffe2.python.serialized_test.coverage:main\n"
        ),
    )


def search_paths(directory: Path) -> Path:
    """RPATHs that shrink to a tail, are overwritten, lose everything, grow, and are right."""
    scratch = directory / "native"
    scratch.mkdir()

    def library(name: str, source: str, *options: str) -> bytes:
        shared = ("-shared", "-fPIC", f"-L{scratch}", f"-Wl,-soname,{name}")
        return compile_c(source, scratch / name, *shared, *options).read_bytes()

    base = library("libbase.so", "int base(void) { return 40; }")
    needs = "int base(void); int answer(void) { return base() + 2; }"
    new, old = "-Wl,--enable-new-dtags", "-Wl,--disable-new-dtags"
    outside = "/usr/local/lib:$ORIGIN/../../nvidia/cublas/lib"
    members: dict[str, bytes | str] = {
        "torch/lib/libbase.so": base,
        "torch/lib/libtail.so": library(
            "libtail.so", needs, "-lbase", new, f"-Wl,-rpath,{outside}:$ORIGIN"
        ),
        "torch/lib/liboverwritten.so": library(
            "liboverwritten.so", needs, "-lbase", old, f"-Wl,-rpath,$ORIGIN:{outside}"
        ),
        "torch/lib/libemptied.so": library(
            "libemptied.so", "int alone(void) { return 42; }", new, f"-Wl,-rpath,{outside}"
        ),
        "torch/ext/libgrown.so": library(
            "libgrown.so", needs, "-lbase", old, "-Wl,-rpath,/opt/lib"
        ),
        "torch/ext/libnew.so": library("libnew.so", needs, "-lbase"),
        "torch/ext/libright.so": library(
            "libright.so", needs, "-lbase", new, "-Wl,-rpath,$ORIGIN/../lib"
        ),
    }
    return make_torch_wheel(directory, members=members)


def cuda(directory: Path) -> Path:
    """torch built with CUDA, its CPU and CUDA parts apart."""
    return make_cuda_torch(directory)


def cuda_mixed(directory: Path) -> Path:
    """torch built with CUDA, all of it in one library."""
    return make_cuda_torch(directory, mixed=True)


def vision(directory: Path) -> Path:
    """torchvision, its CPU and CUDA code in one library."""
    return make_vision(directory)


CASES: dict[str, Callable[[Path], Path]] = {
    "cuda": cuda,
    "cuda_mixed": cuda_mixed,
    "look_alike": look_alike,
    "old_layout": old_layout,
    "search_paths": search_paths,
    "vision": vision,
}
RECIPES = {"vision": "torchvision-cpu"}
"""The recipe of a case where it is not `cpu`."""
