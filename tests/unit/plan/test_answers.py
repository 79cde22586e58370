"""What shadow libraries answer, and what they cannot stand in for."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from slimwheel.elf import (
    Construct,
    ElfFile,
    Function,
    Return,
    ShadowLibrary,
    Store,
    StoreText,
    SymbolReference,
    Text,
    Throw,
)
from slimwheel.elf.shadow import Zeros
from slimwheel.plan.answers import ShadowMaker, Unshadowable, demangled
from slimwheel.plan.linkage import Library
from slimwheel.plan.shadows import Key, Wanted
from slimwheel.recipe import Answer, Shadow
from tests.unit.plan.libraries import library, recipe

MESSAGE = "CUDA is gone from here"
WAY_BACK = "To have it back, look elsewhere."
LOSES = "running anything on a GPU: torch.cuda behaves as in a build without CUDA"
WORDS = f"{MESSAGE}\nLost: {LOSES}\n{WAY_BACK}"


def shadow_of(
    *symbols: Key,
    name: str = "libcudart.so.13",
    answers: Iterable[Answer] = (),
    original: Library | None = None,
    elf: ElfFile | None = None,
) -> ShadowLibrary:
    cuda = recipe().cuda
    assert cuda is not None
    wanted = Wanted(name, f"torch/lib/{name}", original, asked={"user": [name]})
    wanted.symbols = dict.fromkeys(symbols, original)

    def read(member: str) -> ElfFile:
        assert elf is not None, member
        return elf

    def stays(symbol: str, version: str | None) -> SymbolReference | None:
        return SymbolReference(symbol) if symbol == "_ZTV4Kept" else None

    shadow = Shadow(message=MESSAGE, answer=tuple(answers))
    going = [original] if original else []
    return ShadowMaker(cuda, shadow, set(symbols), going, read, stays, WAY_BACK).make(wanted)


def answer_of(symbol: str, *answers: Answer, name: str = "libcudart.so.13") -> object:
    (function,) = shadow_of((symbol, None), name=name, answers=answers).functions
    assert isinstance(function, Function)
    return function.answer


@pytest.mark.parametrize(
    ("symbol", "library", "answer"),
    [
        ("cudaMalloc", "libcudart.so.13", Return(100)),
        ("cuptiEnable", "libcupti.so.13", Return(15)),
        ("nvtxRangePushA", "libnvToolsExt.so.1", Return(0)),
        # Of another family than the library in whose shadow it stands.
        ("cuLaunchKernel", "libnvToolsExt.so.1", Return(100)),
        # Of none: the library's own counts.
        ("odd_name", "libnccl.so.2", Return(1)),
        ("odd_name", "libtorch_cuda.so", Throw(f"odd_name: {WORDS}")),
        ("_ZN2at4cuda2mmEi", "libtorch_cuda.so", Throw(f"at::cuda::mm: {WORDS}")),
        ("_ZN5cudnn6handleEv", "libcudnn.so.9", Throw(f"cudnn::handle: {WORDS}")),
    ],
)
def test_without_a_rule_the_family_decides(symbol: str, library: str, answer: object) -> None:
    assert answer_of(symbol, name=library) == answer


@pytest.mark.parametrize(
    ("rule", "answer"),
    [
        ({"returns": -7}, Return(-7)),
        ({"text": "no"}, Text("no")),
        ({"zeros": 16}, Zeros(16)),
        ({"store": {"argument": 1, "value": 3, "size": 4}, "returns": 2}, Store(1, 3, 4, 2)),
        ({"store": {"argument": 1, "text": "no"}}, StoreText(1, "no")),
        (
            {"constructs": {"vtable": "_ZTV4Kept"}},
            Construct(None, SymbolReference("_ZTV4Kept")),
        ),
    ],
)
def test_rules(rule: dict[str, object], answer: object) -> None:
    made = Answer.model_validate({"symbols": ["cuda*"], **rule})
    assert answer_of("cudaMalloc", made) == answer


def test_the_last_rule_counts_so_that_a_child_overrules_its_parent() -> None:
    parent = Answer(symbols=("cudaMalloc",), returns=1)
    child = Answer(symbols=("cuda*",), returns=2)
    assert answer_of("cudaMalloc", parent, child) == Return(2)


@pytest.mark.parametrize(
    ("symbol", "text"),
    [
        ("_ZN3c104cuda12device_countEv", "c10::cuda::device_count"),
        ("_ZTIN4c10d16ProcessGroupNCCLE", "typeinfo for c10d::ProcessGroupNCCL"),
        ("cudaMalloc", "cudaMalloc"),
        ("_Z", "_Z"),
        ("_ZN", "_ZN"),
        ("_Z" + 5000 * "P" + "i", "_Z" + 5000 * "P" + "i"),
        ("_ZNSt3\udcff", "_ZNSt3\udcff"),
        ("_ZStSacv", "_ZStSacv"),
    ],
)
def test_demangling_never_fails(symbol: str, text: str) -> None:
    assert demangled(symbol) == text


def test_a_name_that_would_grow_beyond_all_measure_stays_as_it_is() -> None:
    """Each parameter is a function that takes the one before twice: written out, a gigabyte."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    levels = [f"S{digits[number - 1] if number else ''}_" for number in range(0, 34, 2)]
    bomb = "_Z1f1b" + "".join(f"PFv{level}{level}E" for level in levels)
    assert len(bomb) < 200
    assert demangled(bomb) == bomb
    assert demangled(bomb[: len(bomb) // 4]) != bomb


def test_a_typeinfo_of_a_library_that_the_wheel_does_not_have() -> None:
    with pytest.raises(Unshadowable, match="_ZTI5Error: the wheel does not hold its original"):
        shadow_of(("_ZTI5Error", None))


def test_a_thread_local_variable_has_no_stand_in(tmp_path: Path) -> None:
    source = "__thread int cuda_depth = 3; int cuda_f(void) { return cuda_depth; }"
    path = tmp_path / "libx_cuda.so"
    command = ["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(path)]
    subprocess.run(command, input=source, text=True, check=True)
    elf = ElfFile.parse(path.read_bytes(), "libx_cuda.so")
    original = library("libx_cuda.so", defines=["cuda_depth", "cuda_f"])
    shadow_of(("cuda_f", None), original=original, elf=elf)
    with pytest.raises(Unshadowable, match="cuda_depth") as caught:
        shadow_of(("cuda_f", None), ("cuda_depth", None), original=original, elf=elf)
    assert caught.value.library == "libx_cuda.so"


def test_data_beyond_all_measure_has_no_stand_in(tmp_path: Path) -> None:
    """Many names of one large object, which would be cloned for each."""
    lines = "".join(f".globl cuda_{n}\n.set cuda_{n}, whole\n" for n in range(40))
    source = f".bss\n.type whole, @object\n.size whole, 1048576\nwhole: .skip 1048576\n{lines}"
    path = tmp_path / "libx.so"
    command = ["gcc", "-shared", "-x", "assembler", "-", "-o", str(path)]
    subprocess.run(command, input=source, text=True, check=True)
    elf = ElfFile.parse(path.read_bytes(), "libx.so")
    names = [f"cuda_{number}" for number in range(40)]
    original = library("libx.so", defines=names)
    with pytest.raises(Unshadowable, match="more than"):
        shadow_of(*((name, None) for name in names), original=original, elf=elf)
