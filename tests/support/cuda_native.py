"""The libraries of a torch look-alike that was built with CUDA, compiled when a test asks for them.

CUDA's own library is compiled to link against, and is in no wheel, as with upstream's. The device
code is a container of no meaning.
"""

import subprocess
import tempfile
from functools import cache
from pathlib import Path

from tests.support.upstream import TAG, Members, make_torch_wheel

DEVICE_CODE = 4096
"""Bytes of device code in each library that has some, behind the container's header."""

_CUDART = r"""
int cudaGetDeviceCount(int *count) { *count = 8; return 0; }
int cudaMalloc(void **where, unsigned long size) { *where = 0; return size != 0; }
const char *cudaGetErrorString(int error) { return error ? "real" : "no error"; }
"""
_CUDART_VERSIONS = "libcudart.so.13 { global: cuda*; local: *; };\n"
_CUDA_H = r"""
extern "C" {
int cudaGetDeviceCount(int *count);
int cudaMalloc(void **where, unsigned long size);
const char *cudaGetErrorString(int error);
}
"""

_C10 = r"""
namespace c10 { int base() { return 40; } int error() { return 1; } }
"""
_C10_CUDA_H = r"""
namespace c10 { int base(); int error(); }
namespace c10 { namespace cuda {
struct CUDAAllocator { virtual int allocate(int size); virtual ~CUDAAllocator(); };
extern CUDAAllocator *allocator;
int device_count();
int unused_cuda();
} }
"""
_C10_CUDA = (
    _CUDA_H
    + _C10_CUDA_H
    + r"""
namespace c10 { namespace cuda {
int CUDAAllocator::allocate(int size) { void *where; return cudaMalloc(&where, size) + base(); }
CUDAAllocator::~CUDAAllocator() {}
CUDAAllocator *allocator;
__attribute__((constructor)) static void fill() { static CUDAAllocator one; allocator = &one; }
int device_count() { int count = 0; cudaGetDeviceCount(&count); return count; }
int unused_cuda() { return error(); }
} }
"""
)
DEVICE_CODE_SOURCE = rf"""
asm(".section .nv_fatbin, \"a\"\n"
    ".balign 8\n"
    ".globl fatbin\n"
    "fatbin: .long 0xBA55ED50\n .short 1, 16\n .quad {DEVICE_CODE}\n"
    ".fill {DEVICE_CODE // 8}, 8, 0x5A5A5A5A5A5A5A5A\n"
    ".text\n");
extern "C" __attribute__((visibility("hidden"))) const unsigned char fatbin[];
int device_code() {{ return fatbin[8] + 256 * fatbin[9] + fatbin[16]; }}
"""
_TORCH_CPU = (
    _CUDA_H
    + r"""
namespace c10 { int base(); }
namespace at { int add_cpu() { return c10::base() + 2; } int mul_cpu() { return 6 * 7; } }
namespace at { int profiler() { int count = -1; cudaGetDeviceCount(&count); return count; } }
"""
)
_TORCH_CUDA_H = r"""
#include <stdexcept>
#include <string>
namespace at { namespace cuda { int mm(int); } }
namespace c10d {
int (*get_gil_checker())();
struct CudaGroup { virtual int reduce_cuda(); virtual ~CudaGroup(); };
struct CudaOptions { CudaOptions(bool fast); virtual ~CudaOptions(); std::string name; };
}
"""
_TORCH_CUDA = (
    _CUDA_H
    + _TORCH_CUDA_H
    + DEVICE_CODE_SOURCE
    + r"""
namespace at { int add_cpu(); }
namespace c10 { namespace cuda { int device_count(); } }
namespace at { namespace cuda {
int mm(int n) { return n * add_cpu() * c10::cuda::device_count() + device_code(); }
} }
namespace c10d {
static int checker() { return 1; }
int (*get_gil_checker())() { return checker; }
int CudaGroup::reduce_cuda() { return 3; }
CudaGroup::~CudaGroup() {}
CudaOptions::CudaOptions(bool fast) : name(fast ? "fast" : "slow") {}
}
extern "C" int aoti_torch_stream() { return 7; }
"""
)
_TORCH_PYTHON = (
    _C10_CUDA_H
    + _TORCH_CUDA_H
    + r"""
#include <cstdlib>
#include <cstring>
#include <exception>
#include <typeinfo>
namespace at { int add_cpu(); int mul_cpu(); int profiler(); }
c10d::CudaOptions::~CudaOptions() {}
static int (*checker)();
static c10d::CudaOptions *options;
// What torch does when it is imported.
__attribute__((constructor)) static void init() {
    checker = c10d::get_gil_checker();
    options = new c10d::CudaOptions(true);
}
// Its vtable refers to that of its base, its typeinfo to its base's.
struct Derived : c10d::CudaGroup { int answer() { return 11; } };
static int call(int what) {
    switch (what) {
    case 0: return at::cuda::mm(2);
    case 1: return c10::cuda::device_count();
    case 2: return c10::cuda::allocator->allocate(5);
    case 3: { c10d::CudaGroup *made = new Derived; return dynamic_cast<Derived *>(made)->answer(); }
    case 4: return std::strlen(typeid(c10d::CudaGroup).name());
    default: return at::profiler();
    }
}
extern "C" {
int torch_answer() { return at::add_cpu() + at::mul_cpu() - 42; }
int torch_options() { return static_cast<int>(options->name.size()); }
const char *torch_call(int what) {
    static std::string said;
    try { said = std::to_string(call(what)); }
    catch (std::runtime_error &e) { said = std::string("runtime_error: ") + e.what(); }
    catch (std::exception &e) { said = std::string("exception: ") + e.what(); }
    return said.c_str();
}
}
"""
)
# All of torch in one library, as before the CPU and CUDA parts were apart.
_ATEN = (
    _CUDA_H
    + DEVICE_CODE_SOURCE
    + r"""
namespace at { int add_cpu() { return 42; } int mul_cpu() { return 7; } }
namespace at { int sub_cpu() { return 1; } }
namespace at { int mm_cuda() { int n; cudaGetDeviceCount(&n); return n; } }
extern "C" int aten_device_code() { return device_code(); }
"""
)
_ATEN_USER = r"""
namespace at { int add_cpu(); int mul_cpu(); int sub_cpu(); int mm_cuda(); }
extern "C" int aten_device_code();
extern "C" int torch_answer() { return at::add_cpu() + 0 * at::mul_cpu() + 0 * at::sub_cpu(); }
extern "C" int torch_devices() { return at::mm_cuda(); }
extern "C" int torch_device_code() { return aten_device_code(); }
"""


def _compile(source: str, output: Path, *options: str) -> None:
    flags = ["-O1", "-fPIC", "-shared", f"-L{output.parent}", f"-Wl,-soname,{output.name}"]
    paths = ["-Wl,--disable-new-dtags", "-Wl,-rpath,$ORIGIN/../../nvidia/cu13/lib:$ORIGIN"]
    language = "c" if output.name.startswith("libcudart") else "c++"
    command = ["g++", "-x", language, "-", "-x", "none", *flags, *paths, *options, "-o"]
    subprocess.run([*command, str(output)], input=source, text=True, check=True)


def _build(
    here: Path, name: str, source: str, *needed: str, options: tuple[str, ...] = ()
) -> bytes:
    links = ("-Wl,--no-as-needed", *(f"-l:{other}" for other in needed))
    _compile(source, here / name, *options, *links)
    return (here / name).read_bytes()


def _build_cudart(here: Path) -> None:
    script = here / "cudart.map"
    script.write_text(_CUDART_VERSIONS)
    _build(here, "libcudart.so.13", _CUDART, options=(f"-Wl,--version-script={script}",))


@cache
def cuda_members() -> dict[str, bytes]:
    """Libraries with the CPU and CUDA parts apart; torch.answer() is 42."""
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory)
        _build_cudart(here)
        cudart = "libcudart.so.13"
        made = {
            "libc10.so": _build(here, "libc10.so", _C10),
            "libtorch_cpu.so": _build(here, "libtorch_cpu.so", _TORCH_CPU, "libc10.so", cudart),
            "libc10_cuda.so": _build(here, "libc10_cuda.so", _C10_CUDA, "libc10.so", cudart),
        }
        both = ("libtorch_cpu.so", "libc10_cuda.so", cudart)
        made["libtorch_cuda.so"] = _build(here, "libtorch_cuda.so", _TORCH_CUDA, *both)
        needs = ("libtorch_cpu.so", "libtorch_cuda.so", "libc10_cuda.so", "libc10.so")
        made["libtorch_python.so"] = _build(here, "libtorch_python.so", _TORCH_PYTHON, *needs)
        made["libtorch_global_deps.so"] = _build(here, "libtorch_global_deps.so", "", cudart)
        return {f"torch/lib/{name}": data for name, data in made.items()}


@cache
def mixed_members() -> dict[str, bytes]:
    """One library with CPU and CUDA code together, and one that uses it."""
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory)
        _build_cudart(here)
        aten = _build(here, "libATen.so", _ATEN, "libcudart.so.13")
        user = _build(here, "_C.cpython-311-x86_64-linux-gnu.so", _ATEN_USER, "libATen.so")
        return {"torch/lib/libATen.so": aten, "torch/_C.so": user}


def thread_local_members(here: Path) -> dict[str, bytes]:
    """A library with device code and a thread-local variable, and one that uses both."""
    source = (
        DEVICE_CODE_SOURCE
        + 'extern "C" { __thread int cuda_depth = 3; int x_cuda() { return 1; } }'
    )
    library = _build(here, "libx_cuda.so", source)
    user = 'extern "C" { extern __thread int cuda_depth; int x_cuda(); int cpu_add(); '
    user += "int x() { return cuda_depth + x_cuda() + cpu_add(); } }"
    base = _build(here, "libbase.so", 'extern "C" int cpu_add() { return 1; }')
    uses = _build(here, "libx.so", user, "libx_cuda.so", "libbase.so")
    made = {"libx_cuda.so": library, "libx.so": uses, "libbase.so": base}
    return {f"torch/lib/{name}": data for name, data in made.items()}


_C_MODULE = """\
import ctypes
import os

__all__ = ["_answer", "_call", "_options"]
_lib = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib")
_native = ctypes.CDLL(os.path.join(_lib, "libtorch_python.so"))
_native.torch_call.restype = ctypes.c_char_p
_answer = _native.torch_answer
_options = _native.torch_options


def _call(what):
    return _native.torch_call(what).decode()
"""
_MIXED_C_MODULE = """\
import ctypes
import os

__all__ = ["_answer", "_devices", "_device_code"]
_torch = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_native = ctypes.CDLL(os.path.join(_torch, "_C.so"))
_answer = _native.torch_answer
_devices = _native.torch_devices
_device_code = _native.torch_device_code
"""
_VERSION = """\
from typing import Optional

__version__ = '2.14.1+cu130'
cuda: Optional[str] = '13.0'
"""
_REQUIRES = (
    "Requires-Dist: nvidia-cudnn-cu13==9.24.0.43; platform_system == 'Linux'",
    "Requires-Dist: cuda-toolkit[cudart]==13.0.3; platform_system == 'Linux'",
    "Requires-Dist: triton~=3.8.0; platform_system == 'Linux'",
)


def make_cuda_torch(
    directory: Path, *, mixed: bool = False, tag: str = TAG, members: Members | None = None
) -> Path:
    """Write a torch look-alike that was built with CUDA, version 2.14.1.

    Args:
        mixed: CPU and CUDA code in one library, libATen.so.
        tag: the wheel's tag.
        members: in place of its own.
    """
    native = mixed_members() if mixed else cuda_members()
    own: Members = {
        "torch/_C/__init__.py": _MIXED_C_MODULE if mixed else _C_MODULE,
        "torch/version.py": _VERSION,
        **native,
    }
    return make_torch_wheel(
        directory,
        "2.14.1",
        members={**own, **(members or {})},
        tags=[tag],
        metadata_extra=_REQUIRES,
    )
