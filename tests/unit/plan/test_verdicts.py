"""Which libraries go with CUDA: the rule on imagined wheels."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from slimwheel.plan.linkage import Library, Linkage
from slimwheel.plan.verdicts import Verdict, family_of, family_of_symbol, judge
from slimwheel.recipe import Cuda
from slimwheel.recipe.cuda import Kept
from tests.unit.plan.libraries import CPU, GPU, library, recipe, split_torch


def cuda() -> Cuda:
    found = recipe().cuda
    assert found is not None
    return found


def verdicts(libraries: Iterable[Library]) -> dict[str, Verdict]:
    return judge(Linkage(libraries), cuda(), "2.14.1")


def going(libraries: Iterable[Library]) -> set[str]:
    return {v.member.rpartition("/")[2] for v in verdicts(libraries).values() if v.goes}


def changed(libraries: list[Library], name: str, **values: object) -> list[Library]:
    assert any(one.file == name for one in libraries)
    return [replace(one, **values) if one.file == name else one for one in libraries]  # type: ignore[arg-type]


def test_a_wheel_without_cuda_has_no_verdicts() -> None:
    libraries = [
        library("torch/_C.so", needs=["libtorch_cpu.so"], uses=CPU),
        library("torch/lib/libtorch_cpu.so", needs=["libc.so.6"], defines=CPU),
        library("torch/lib/libtorch_global_deps.so", needs=["libm.so.6"]),
    ]
    assert verdicts(libraries) == {}


def test_cuda_goes_and_what_is_built_with_it_stays() -> None:
    assert going(split_torch()) == {"libtorch_cuda.so", "libc10_cuda.so"}
    found = verdicts(split_torch())
    assert found["torch/lib/libtorch_cuda.so"].why == (
        "it holds 5.0 MB of device code; "
        "10 of the 11 symbols that others use of it are CUDA's by name"
    )
    assert "0 of the 20 symbols" in found["torch/lib/libtorch_cpu.so"].why


def test_a_library_of_a_family_goes_also_under_a_hashed_name() -> None:
    hashed = library(
        "torch/lib/libcudart-f7fdd8d7.so.9.0", soname="libcudart.so.9.0", defines=["cudaMalloc"]
    )
    found = verdicts([*split_torch(), hashed])["torch/lib/libcudart-f7fdd8d7.so.9.0"]
    assert found.goes
    assert found.family == "cudart"


def test_cpu_and_cuda_code_in_one_library_stay_together() -> None:
    libraries = [
        library("torch/_C.so", needs=["libATen.so"], uses=[*CPU, *GPU], defines=["PyInit__C"]),
        library(
            "torch/lib/libATen.so",
            needs=["libcudart.so.9.0", "libTHC.so"],
            uses=["cudaMalloc@libcudart.so.9.0:libcudart.so.9.0", "THCState_new"],
            defines=[*CPU, *GPU],
            device_code=100,
        ),
        library("torch/lib/libTHC.so", defines=["THCState_new"], device_code=100),
    ]
    assert going(libraries) == {"libTHC.so"}
    assert not verdicts(libraries)["torch/lib/libATen.so"].goes


def test_what_cpu_and_cuda_code_in_one_library_is_built_on_stays() -> None:
    """As in torch 1.2 to 1.4: CUDA code registers itself with libc10_cuda when it is loaded."""
    libraries = [
        library("torch/_C.so", needs=["libtorch.so"], uses=[*CPU, *GPU], defines=["PyInit__C"]),
        library(
            "torch/lib/libtorch.so",
            needs=["libc10_cuda.so", "libcudart.so.10.1"],
            uses=["cuda_registry", "cudaMalloc@libcudart.so.10.1:libcudart.so.10.1"],
            defines=[*CPU, *GPU],
            device_code=100,
        ),
        library(
            "torch/lib/libc10_cuda.so",
            needs=["libcudart.so.10.1"],
            uses=["cudaFree@libcudart.so.10.1:libcudart.so.10.1"],
            defines=["cuda_registry"],
        ),
    ]
    assert going(libraries) == set()
    assert verdicts(libraries)["torch/lib/libc10_cuda.so"].why == (
        "libtorch.so is built on it, which holds CPU and CUDA code together"
    )


def test_device_code_that_nothing_uses_goes() -> None:
    plugin = library("torch/lib/libtorch_cuda_linalg.so", uses=CPU, device_code=9)
    assert "libtorch_cuda_linalg.so" in going([*split_torch(), plugin])


def test_an_extension_module_with_a_little_of_cuda_stays() -> None:
    module = library("functorch/_C.so", uses=[*CPU, GPU[0]], defines=["PyInit__C"])
    assert "_C.so" not in going([*split_torch(), module])


def test_what_such_a_module_uses_decides_about_others() -> None:
    """A library stays once a module that Python loads needs its work on the CPU."""
    work = [f"work_{number}" for number in range(5)]
    libraries = [
        *split_torch(),
        library("a/ext.so", needs=["libboth.so"], uses=[*work, *CPU], defines=["PyInit_ext"]),
        library("torch/lib/libboth.so", defines=[*work, "both_cuda"], device_code=5),
    ]
    assert "libboth.so" not in going(libraries)


def test_a_library_that_needs_cuda_only_goes() -> None:
    shims = [
        library("torch/_nvrtc.so", needs=["libcuda.so.1", "libc.so.6"], defines=["PyInit__nvrtc"]),
        library("torch/lib/libcaffe2_nvrtc.so", needs=["libnvrtc.so.13"], defines=["lazyNVRTC"]),
    ]
    assert going([*split_torch(), *shims]) >= {"_nvrtc.so", "libcaffe2_nvrtc.so"}


def test_a_shell_that_brings_libraries_along_stays() -> None:
    assert "libtorch_global_deps.so" not in going(split_torch())


def test_what_only_cuda_needed_goes() -> None:
    libraries = [
        *changed(split_torch(), "libtorch_cuda.so", needed=("libtorch_cpu.so", "libmagma.so")),
        library("torch/lib/libmagma.so", needs=["libbase.so"], defines=["magma_init"]),
        library("torch/lib/libbase.so", needs=["libc.so.6"], defines=["base"]),
    ]
    assert going(libraries) >= {"libmagma.so", "libbase.so"}


HELPERS = [f"helper_{number}" for number in range(3)]


def with_helper(*needed: str) -> list[Library]:
    """A library of CPU code that only CUDA's need by name, and that what stays uses as well."""
    libraries = split_torch()
    python = next(one for one in libraries if one.file == "libtorch_python.so")
    cuda = next(one for one in libraries if one.file == "libtorch_cuda.so")
    uses = library("x", uses=HELPERS).imports
    libraries = changed(libraries, python.file, imports=(*python.imports, *uses))
    libraries = changed(libraries, cuda.file, needed=(*cuda.needed, "libhelp.so"))
    return [*libraries, library("torch/lib/libhelp.so", needs=needed, defines=HELPERS)]


@pytest.mark.parametrize("needed", [[], ["libcudart.so.13"]], ids=["orphan", "needs-cuda-only"])
def test_a_library_that_what_stays_uses_is_no_orphan(needed: list[str]) -> None:
    assert "libhelp.so" not in going(with_helper(*needed))


def test_a_library_without_stand_in_stays_also_where_only_cuda_needs_it() -> None:
    member = "torch/lib/libhelp.so"
    found = judge(Linkage(with_helper()), cuda(), "2.14.1", {member: "x: thread-local"})
    assert not found[member].goes


def test_a_recipe_overrules() -> None:
    keep = cuda().model_copy(update={"keep": (Kept(paths=("libtorch_cuda.so",), versions=">=2"),)})
    drop = cuda().model_copy(update={"drop": ("/torch/lib/libc10.so",)})
    linkage = Linkage(split_torch())
    kept = judge(linkage, keep, "2.14.1")["torch/lib/libtorch_cuda.so"]
    assert (kept.goes, kept.why) == (False, "the recipe says that it stays")
    assert judge(linkage, keep, "1.9")["torch/lib/libtorch_cuda.so"].goes
    assert judge(linkage, drop, "2.14.1")["torch/lib/libc10.so"].goes


def test_a_library_that_cannot_be_stood_in_for_stays() -> None:
    member = "torch/lib/libtorch_cuda.so"
    verdict = judge(Linkage(split_torch()), cuda(), "2.14.1", {member: "x: thread-local"})[member]
    assert not verdict.goes
    assert verdict.why == "nothing can stand in for it: x: thread-local"
    assert verdict.device_code == 5_000_000


def test_libraries_that_need_each_other_in_a_circle_do_not_hang() -> None:
    libraries = [
        library("a.so", needs=["b.so", "libcudart.so.1"], uses=["b"], defines=["a"]),
        library("b.so", needs=["a.so", "b.so"], uses=["a"], defines=["b"]),
    ]
    assert going(libraries) == set()


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("libcudart.so.13", "cudart"),
        ("libcudart-1b201d85.so.10.1", "cudart"),
        ("libcublasLt.so.12", "cublas"),
        ("libcusparseLt.so.0", "cusparse"),
        ("libnvrtc-builtins.so", "nvrtc"),
        ("libcuda.so.1", "driver"),
        ("libcufile.so.0", "cufile"),
        ("libnccl.so.2", "nccl"),
        ("libtorch_cuda.so", None),
        ("libc10_cuda.so", None),
        ("libcurl.so.4", None),
        ("libcupsimage.so.2", None),
    ],
)
def test_families_by_soname(name: str, family: str | None) -> None:
    found = family_of([name], cuda())
    assert (found.name if found else None) == family


@pytest.mark.parametrize(
    ("symbol", "family"),
    [
        ("cudaMalloc", "cudart"),
        ("__cudaRegisterFatBinary", "cudart"),
        ("cudnnCreate", "cudnn"),
        ("cuptiActivityEnable", "cupti"),
        ("cuFileRead", "cufile"),
        ("cuLaunchKernel", "driver"),
        ("nvrtcCompileProgram", "nvrtc"),
        ("curl_easy_init", None),
        ("custom_op", None),
        ("PyCUnicode", None),
    ],
)
def test_families_by_symbol(symbol: str, family: str | None) -> None:
    found = family_of_symbol(symbol, cuda())
    assert (found.name if found else None) == family
