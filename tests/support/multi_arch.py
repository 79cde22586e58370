"""A small library for several GPUs, compiled by NVIDIA's own compiler where it is found.

Four seconds, and some 70 KB. Its kernels are never run: no GPU is needed to load it.
"""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.compiled_fatbins import nvcc, run_nvcc

CUBINS = ("75", "80", "86", "90", "90a", "100")
PTX = "80"
KERNELS = (["_Z4fillIfEvPT_S0_i", "_Z5scalePffi"], ["_Z3addPfPKfi"])
"""The kernels of each unit by their names on the device, in the order of registration."""

_ONE = r"""
__global__ void scale(float *x, float by, int n) { if (threadIdx.x < n) x[threadIdx.x] *= by; }
template <typename T> __global__ void fill(T *x, T v, int n) { if (threadIdx.x < n) x[0] = v; }
extern "C" int one(int launch)
{
    if (launch) {
        scale<<<1, 64>>>((float *)0, 2.f, 1);
        fill<float><<<1, 64>>>(0, 1.f, 1);
    }
    return 1;
}
"""
_TWO = r"""
__device__ float table[64];
__global__ void add(float *x, const float *y, int n)
{
    if (threadIdx.x < n)
        x[0] += y[0] + table[n];
}
extern "C" int two(int launch)
{
    if (launch)
        add<<<1, 64>>>((float *)0, (const float *)0, 1);
    return 2;
}
"""


def multi_arch_library(
    folder: Path,
    *options: str,
    cubins: tuple[str, ...] = CUBINS,
    ptx: tuple[str, ...] = (PTX,),
    relocatable: bool = False,
    runpath: str = "",
    shared_runtime: bool = True,
) -> Path:
    """Compile two units with three kernels into `libmulti.so`; skips the test without nvcc.

    Each unit has a container of its own with an image for each of `cubins` and `ptx`. There is
    one more, which linking makes, with a wrapper of version 2; it comes first, and has no PTX.

    Args:
        options: more of them for nvcc.
        cubins, ptx: numbers of architectures with their suffix, `90a`. One call of nvcc takes
            `100` or `100f`, not both.
        relocatable: device code that can be linked again, in `__nv_relfatbin`; what it was linked
            into is in `.nv_fatbin` alone.
        runpath: of the library.
        shared_runtime: load `libcudart.so.13` instead of having the runtime inside; it is found
            in the compiler's own directory.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "one.cu").write_text(_ONE)
    (folder / "two.cu").write_text(_TWO)
    words = [f"-gencode=arch=compute_{number},code=sm_{number}" for number in cubins]
    words += [f"-gencode=arch=compute_{number},code=compute_{number}" for number in ptx]
    words += ["-rdc=true"] if relocatable else []
    paths = [runpath] if runpath else []
    if shared_runtime:
        words.append("--cudart=shared")
        paths.append(str(runtime_directory()))
    if paths:
        words.append(f"-Xlinker=--enable-new-dtags,-rpath={':'.join(paths)}")
    run_nvcc(
        folder,
        *words,
        *options,
        "-Xcompiler=-fPIC",
        "-shared",
        "-o",
        "libmulti.so",
        "one.cu",
        "two.cu",
    )
    return folder / "libmulti.so"


def runtime_directory() -> Path:
    """Where nvcc has the shared library of the runtime; skips the test without nvcc."""
    # What is on PATH may be a script that calls the compiler: only the compiler knows its place.
    command = [str(nvcc()), "--dryrun", "any.cu"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    for directory in map(Path, re.findall(r'"-L([^"]+)"', said)):
        if any(directory.glob("libcudart.so.*")):
            return directory.resolve()
    pytest.skip("nvcc has no shared library of the runtime beside it")
