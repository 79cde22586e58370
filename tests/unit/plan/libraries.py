"""Libraries of an imagined wheel, said in a line each: what they need, use, define and hold."""

import posixpath
from collections.abc import Iterable

from slimwheel.plan.linkage import Import, Library, Linkage
from slimwheel.recipe import Recipe, load_recipe

CPU = [f"cpu_{number}" for number in range(20)]
GPU = [f"gpu_cuda_{number}" for number in range(10)]


def recipe() -> Recipe:
    """Return the recipe that comes with slimwheel."""
    return load_recipe("cpu").recipe


def library(
    member: str,
    *,
    needs: Iterable[str] = (),
    uses: Iterable[str] = (),
    defines: Iterable[str] = (),
    device_code: int = 0,
    soname: str | None = None,
    weak: Iterable[str] = (),
) -> Library:
    """Make a library. `name@library:version` in `uses` is a versioned reference."""
    imports, versions = [], dict[str, set[str]]()
    weak = set(weak)
    for text in (*uses, *weak):
        name, at, rest = text.partition("@")
        holder, _, version = rest.partition(":")
        if at:
            versions.setdefault(holder, set()).add(version)
        holders = frozenset({holder} if at else ())
        imports.append(Import(name, version or None, holders, text in weak))
    return Library(
        member=member,
        soname=soname or posixpath.basename(member),
        needed=tuple(needs),
        exports=dict.fromkeys(defines),
        imports=tuple(imports),
        device_code=device_code,
        version_needs=versions,
    )


def split_torch() -> list[Library]:
    """Return libraries as in a torch whose CPU and CUDA parts are apart, CUDA's own outside."""
    return [
        library("torch/_C.so", needs=["libtorch_python.so"], uses=["init"], defines=["PyInit__C"]),
        library(
            "torch/lib/libtorch_python.so",
            needs=["libtorch_cpu.so", "libtorch_cuda.so", "libc10_cuda.so", "libc10.so"],
            uses=[*CPU, *GPU, "get_gil_checker", "c10_cuda_stream", "c10_error"],
            defines=["init"],
        ),
        library(
            "torch/lib/libtorch_cpu.so",
            needs=["libc10.so", "libcudart.so.13", "libc.so.6"],
            uses=["c10_error", "cudaGetDevice@libcudart.so.13:libcudart.so.13"],
            defines=CPU,
        ),
        library(
            "torch/lib/libtorch_cuda.so",
            needs=["libtorch_cpu.so", "libc10_cuda.so", "libcudart.so.13"],
            uses=[*CPU[:5], "c10_cuda_stream", "cudaMalloc@libcudart.so.13:libcudart.so.13"],
            defines=[*GPU, "get_gil_checker", "aoti_torch_stream"],
            device_code=5_000_000,
        ),
        library(
            "torch/lib/libc10_cuda.so",
            needs=["libc10.so", "libcudart.so.13"],
            uses=["c10_error", "cudaMalloc@libcudart.so.13:libcudart.so.13"],
            defines=["c10_cuda_stream", "c10_cuda_other"],
        ),
        library("torch/lib/libc10.so", defines=["c10_error"]),
        library("torch/lib/libtorch_global_deps.so", needs=["libcudart.so.13", "libm.so.6"]),
    ]


def linkage(libraries: Iterable[Library]) -> Linkage:
    """Return how libraries are linked."""
    return Linkage(libraries)
