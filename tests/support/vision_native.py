"""A torchvision look-alike: its CPU and CUDA code in one library, as upstream has it.

CUDA's runtime library and torch's libraries are compiled to link against, and are in no wheel. The
library for images needs copies of NVIDIA's that are in the wheel under hashed names.
"""

import subprocess
import tempfile
from functools import cache
from pathlib import Path

from tests.support.cuda_native import DEVICE_CODE_SOURCE
from tests.support.native import compile_c
from tests.support.upstream import TAG, Members, make_wheel

_CUDART = "int cudaGetDeviceCount(int *n) { *n = 8; return 0; }"
_NVJPEG = "int nvjpegDecode(int n) { return n; }"
_C10_CUDA = r"""
namespace c10 { namespace cuda {
struct Allocator { virtual int allocate(int size) { return size; } };
int device_count() { return 8; }
namespace Caching { Allocator *allocator = new Allocator; }
} }
"""
_OPS = r"""
#include <stdexcept>
#include <string>
extern "C" int cudaGetDeviceCount(int *n);
namespace c10 { namespace cuda {
struct Allocator { virtual int allocate(int size); };
int device_count();
namespace Caching { extern Allocator *allocator; }
} }
static int call(int what) {
    int count = -1;
    switch (what) {
    case 0: return 42;
    case 1: return 100 * cudaGetDeviceCount(&count) + count;
    case 2: return c10::cuda::device_count();
    default: return c10::cuda::Caching::allocator->allocate(7);
    }
}
extern "C" const char *ops_call(int what) {
    static std::string said;
    try { said = std::to_string(call(what)); }
    catch (std::runtime_error &e) { said = e.what(); }
    return said.c_str();
}
"""
_IMAGE = r"""
#include <stdexcept>
#include <string>
extern "C" int nvjpegDecode(int), cudaGetDeviceCount(int *n), jpeg_decode(int);
extern "C" int image_decode(int n) { return jpeg_decode(n); }
extern "C" const char *image_decode_cuda(int n) {
    static std::string said;
    try { said = std::to_string(nvjpegDecode(n) + cudaGetDeviceCount(&n)); }
    catch (std::runtime_error &e) { said = e.what(); }
    return said.c_str();
}
"""
_PYTHON: Members = {
    "torchvision/__init__.py": "from . import extension\nfrom .version import __version__\n",
    "torchvision/extension.py": (
        "import ctypes, glob, os\n\n"
        "def _check_cuda_version():\n    return 13000\n\n"
        'for path in glob.glob(os.path.join(os.path.dirname(__file__), "*.so")):\n'
        "    try:\n        ctypes.CDLL(path)\n    except OSError:\n        pass\n"
    ),
}


def make_vision(
    directory: Path,
    *,
    cuda: bool = True,
    tag: str = TAG,
    torch: str = "",
    undefined: bool = False,
) -> Path:
    """Write the wheel.

    Args:
        directory: where it goes.
        cuda: as the package index has it; else as an official CPU build.
        tag: the wheel's, not expanded.
        torch: the requirement of torch; by default that of the look-alike torch's version.
        undefined: whether it has one more library, which cannot be loaded.
    """
    version = "0.28.0" if cuda else "0.28.0+cpu"
    shown = "0.28.0+cu130" if cuda else version
    return make_wheel(
        directory,
        {
            **_PYTHON,
            "torchvision/version.py": f"__version__ = '{shown}'\n",
            **_libraries(cuda=cuda),
            **(_undefined() if undefined else {}),
        },
        name="torchvision",
        version=version,
        tags=[tag],
        metadata_extra=["Summary: images", f"Requires-Dist: {torch or 'torch (==2.13.0)'}"],
    )


@cache
def _libraries(*, cuda: bool) -> Members:
    with tempfile.TemporaryDirectory() as folder:
        return _compiled(Path(folder), cuda=cuda)


@cache
def _undefined() -> Members:
    source = "void nowhere_at_all(void); void use(void) { nowhere_at_all(); }"
    with tempfile.TemporaryDirectory() as folder:
        path = compile_c(source, Path(folder) / "video.so", "-shared", "-fPIC")
        return {"torchvision/video.so": path.read_bytes()}


def _compiled(folder: Path, *, cuda: bool) -> Members:
    def library(name: str, source: str, *options: str, soname: str = "", version: str = "") -> str:
        script = folder / f"{name}.map"
        script.write_text(f"{version} {{ global: *; }};\n")
        versions = [f"-Wl,--version-script={script}"] if version else []
        words = [f"-Wl,-soname,{soname or name}", *versions, f"-L{folder}", "-Wl,--no-as-needed"]
        text = source.encode()
        command = ["g++", "-x", "c++", "-", "-x", "none", "-shared", "-fPIC", "-O1"]
        subprocess.run([*command, *words, *options, "-o", folder / name], input=text, check=True)
        return f"-l:{name}"

    def in_c(source: str) -> str:
        return f'extern "C" {{ {source} }}'

    jpeg = library("libjpeg.12345678.so.8", in_c("int jpeg_decode(int n) { return n + 1; }"))
    cudart = library("libcudart.so.13", in_c(_CUDART), version="libcudart.so.13")
    c10_cuda = library("libc10_cuda.so", _C10_CUDA)
    names = {
        "libcudart.abcdef01.so.13": (_CUDART, "libcudart.so.13"),
        "libnvjpeg.abcdef02.so.13": (_NVJPEG, "libnvjpeg.so.13"),
    }
    copies = [
        library(name, in_c(source), version=soname) for name, (source, soname) in names.items()
    ]
    search = "-Wl,-rpath,/builder/conda/environment/number/36502101335/lib"
    members: dict[str, bytes | str] = {}
    if cuda:
        library("_C.so", _OPS + DEVICE_CODE_SOURCE, cudart, c10_cuda, search)
        origin = "-Wl,-rpath,$ORIGIN:$ORIGIN/../torchvision.libs"
        library("image.so", _IMAGE, jpeg, *copies, c10_cuda, origin)
        for name, (source, soname) in names.items():
            # Needed by the hashed name, it still calls itself by its own.
            library(name, in_c(source), soname=soname, version=soname)
            members[f"torchvision.libs/{name}"] = (folder / name).read_bytes()
    else:
        library("_C.so", in_c("int ops() { return 42; }"), search)
        library("image.so", in_c("int image() { return 1; }"), jpeg, search)
    for name in ("_C.so", "image.so"):
        members[f"torchvision/{name}"] = (folder / name).read_bytes()
    name = "libjpeg.12345678.so.8"
    members[f"torchvision.libs/{name}"] = (folder / name).read_bytes()
    return members
