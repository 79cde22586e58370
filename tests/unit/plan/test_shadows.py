"""What shadow libraries must hold, on imagined wheels."""

from collections.abc import Iterable

import pytest

from slimwheel.errors import ElfError
from slimwheel.plan.linkage import Library, Linkage
from slimwheel.plan.shadows import Wanted, by_family, wanted_shadows
from slimwheel.plan.verdicts import judge
from slimwheel.recipe import Recipe
from tests.unit.plan.libraries import GPU, library, recipe, split_torch


def shadows(
    libraries: Iterable[Library], recipe: Recipe, rpaths: dict[str, str] | None = None
) -> dict[str, Wanted]:
    assert recipe.cuda is not None
    linkage = Linkage(libraries)
    found = wanted_shadows(linkage, judge(linkage, recipe.cuda, "2.14.1"), recipe, rpaths or {})
    return {one.name: one for one in found}


def without_exports() -> Recipe:
    whole = recipe()
    assert whole.shadow is not None
    return whole.model_copy(update={"shadow": whole.shadow.model_copy(update={"export": ()})})


def names(wanted: Wanted) -> set[str]:
    return {name for name, _ in wanted.symbols}


def test_every_library_that_is_needed_and_goes_has_a_shadow_with_what_is_used_of_it() -> None:
    found = shadows(split_torch(), without_exports())
    assert set(found) == {"libtorch_cuda.so", "libc10_cuda.so", "libcudart.so.13"}
    assert names(found["libtorch_cuda.so"]) == {*GPU, "get_gil_checker"}
    assert names(found["libc10_cuda.so"]) == {"c10_cuda_stream"}
    assert found["libcudart.so.13"].symbols == {("cudaGetDevice", "libcudart.so.13"): None}
    assert found["libcudart.so.13"].versions == {"libcudart.so.13"}


def test_shadows_stand_where_the_libraries_were_or_beside_those_that_need_them() -> None:
    found = shadows(split_torch(), without_exports())
    assert found["libtorch_cuda.so"].member == "torch/lib/libtorch_cuda.so"
    assert found["libcudart.so.13"].member == "torch/lib/libcudart.so.13"


def test_a_program_finds_its_shadow_where_its_rpath_leads() -> None:
    program = library("torch/bin/manager", needs=["libcufile.so.0", "libc10.so"])
    rpaths = {"torch/bin/manager": "$ORIGIN/../lib:/usr/local/cuda/lib64"}
    found = shadows([*split_torch(), program], without_exports(), rpaths)
    assert found["libcufile.so.0"].member == "torch/lib/libcufile.so.0"


def test_a_library_that_is_needed_by_another_name_gets_a_shadow_of_that_name() -> None:
    libraries = [
        library("torch/lib/liba.so", needs=["libcudart-12ab.so.9.0", "libcpu.so"], defines=["a"]),
        library("torch/lib/libcpu.so", defines=["cpu"]),
        library("torch/bin/manager", needs=["libcudart.so.9.0"]),
        library("torch/lib/libcudart-12ab.so.9.0", soname="libcudart.so.9.0", defines=["cudaX"]),
    ]
    found = shadows(libraries, without_exports())
    assert {one.member for one in found.values()} == {
        "torch/lib/libcudart-12ab.so.9.0",
        "torch/lib/libcudart.so.9.0",
    }


def test_exports_add_what_the_recipe_names() -> None:
    found = shadows(split_torch(), recipe())
    assert "aoti_torch_stream" in names(found["libtorch_cuda.so"])
    assert "c10_cuda_other" in names(found["libc10_cuda.so"])
    assert ("cudaMalloc", "libcudart.so.13") in found["libcudart.so.13"].symbols


def test_exported_functions_have_the_version_of_the_others() -> None:
    whole = recipe()
    assert whole.shadow is not None
    export = whole.shadow.export[0].model_copy(
        update={"library": "libcudart*", "functions": ("cudaNew",), "used": ()}
    )
    shadow = whole.shadow.model_copy(update={"export": (export,)})
    found = shadows(split_torch(), whole.model_copy(update={"shadow": shadow}))
    assert ("cudaNew", "libcudart.so.13") in found["libcudart.so.13"].symbols


def test_symbols_of_a_library_that_is_needed_through_another_stand_in_that_ones_shadow() -> None:
    libraries = [
        library("a.so", needs=["libtorch_cuda.so"], uses=["nvshmem_ptr", "x_cuda", "cpu"]),
        library("libtorch_cuda.so", needs=["libx.so"], defines=["x_cuda"], device_code=1),
        library("libx.so", defines=["nvshmem_ptr"], device_code=1),
        library("libcpu.so", defines=["cpu"]),
    ]
    found = shadows(libraries, without_exports())
    assert names(found["libtorch_cuda.so"]) == {"nvshmem_ptr", "x_cuda"}


def test_functions_that_nothing_needed_provides_stand_in_the_wheels_own_shadow() -> None:
    libraries = [
        library(
            "a.so",
            needs=["libnvToolsExt.so.1", "libtorch_cuda.so"],
            uses=["cuLaunchKernel", "nvrtcCreateProgram", "x_cuda", "Py_Initialize", "cpu"],
            weak=["cuWeak"],
        ),
        library("libtorch_cuda.so", defines=["x_cuda"], device_code=1),
        library("libcpu.so", defines=["cpu"]),
    ]
    found = shadows(libraries, without_exports())
    shadow = found["libtorch_cuda.so"]
    assert names(shadow) == {"x_cuda", "cuLaunchKernel", "nvrtcCreateProgram"}
    cuda = recipe().cuda
    assert cuda is not None
    assert by_family(shadow, cuda) == {"driver": 1, "libtorch_cuda.so": 1, "nvrtc": 1}
    assert names(found["libnvToolsExt.so.1"]) == set()


def test_what_another_library_that_stays_defines_is_not_asked_of_a_shadow() -> None:
    libraries = [
        library("a.so", needs=["libtorch_cuda.so", "libcpu.so"], uses=["both", "x_cuda"]),
        library("libtorch_cuda.so", defines=["x_cuda", "both"], device_code=1),
        library("libcpu.so", defines=["both"]),
    ]
    assert names(shadows(libraries, without_exports())["libtorch_cuda.so"]) == {"x_cuda"}


def test_two_names_of_one_library_have_the_same_symbols() -> None:
    """They have one SONAME, so the loader takes whichever comes first for both."""
    original = "torch/lib/libcudnn-1.so.9"
    libraries = [
        library("a.so", needs=["libcudnn-1.so.9", "libcpu.so"], uses=["cudnnA", "cpu"]),
        library("b.so", needs=["libcudnn.so.9", "libcpu.so"], uses=["cudnnB", "cpu"]),
        library("libcpu.so", defines=["cpu"]),
        library(original, soname="libcudnn.so.9", defines=["cudnnA", "cudnnB"]),
    ]
    found = shadows(libraries, without_exports())
    assert set(found) == {"libcudnn-1.so.9", "libcudnn.so.9"}
    assert [names(shadow) for shadow in found.values()] == [{"cudnnA", "cudnnB"}] * 2


def test_a_version_need_asks_for_a_library_too() -> None:
    libraries = [
        library("a.so", needs=["libcpu.so"], uses=["cpu", "cuptiX@libcupti.so.13:V1"]),
        library("libcpu.so", defines=["cpu"]),
    ]
    found = shadows(libraries, without_exports())
    assert found["libcupti.so.13"].symbols == {("cuptiX", "V1"): None}
    assert found["libcupti.so.13"].versions == {"V1"}


def test_exports_leave_alone_what_a_library_that_stays_defines() -> None:
    libraries = split_torch()
    both = ["_ZN3c104cuda4bothEv", "_ZN3c104cuda4onlyEv"]
    libraries[4] = library("torch/lib/libc10_cuda.so", needs=["libcudart.so.13"], defines=both)
    libraries.append(library("torch/lib/libother.so", defines=both[:1]))
    libraries.append(library("x.so", needs=["libc10_cuda.so", "libother.so"], uses=["cpu_1"]))
    found = names(shadows(libraries, recipe())["libc10_cuda.so"])
    assert found == {"_ZN3c104cuda4onlyEv"}


def test_exports_are_no_functions_of_the_cpp_runtime() -> None:
    """A definition without a version serves references of any: it would come before libstdc++'s."""
    libraries = split_torch()
    inline = ["_ZNSt6vectorIiSaIiEE9push_backEi", "_ZnwmSt11align_val_t", "_ZdlPv"]
    defines = ["_ZN3c104cuda6streamEv", "_ZGVN3c104cuda3oneE", *inline]
    libraries[4] = library("torch/lib/libc10_cuda.so", needs=["libcudart.so.13"], defines=defines)
    libraries.append(library("x.so", needs=["libc10_cuda.so", "libc10.so"], uses=["c10_error"]))
    assert names(shadows(libraries, recipe())["libc10_cuda.so"]) == {"_ZN3c104cuda6streamEv"}


@pytest.mark.parametrize("name", ["libcudart/../../evil.so.1", "libcudart\udcff.so.1"])
def test_a_name_that_is_none_is_damage(name: str) -> None:
    libraries = [
        library("a.so", needs=[name, "libb.so"], uses=["b"]),
        library("libb.so", defines="b"),
    ]
    with pytest.raises(ElfError, match="no name of a library"):
        shadows(libraries, without_exports())
