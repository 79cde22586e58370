"""Which rule a failed import asks for, told from what the process wrote."""

from pathlib import Path

import pytest

from slimwheel.plan.failures import missing_rule
from slimwheel.plan.model import CudaPlan, Plan, ShadowSummary
from slimwheel.recipe import load_recipe

SYMBOLS = ("_ZN3c104cuda12device_countEv", "_ZNK3c104cuda9CUDAError4whatEv", "THCudaInit")
MESSAGE = "CUDA is not available: this torch was made for the CPU, without CUDA's libraries"


@pytest.fixture
def plan() -> Plan:
    shadow = ShadowSummary("torch/lib/libc10_cuda.so", {"libc10_cuda.so": 3}, 100, SYMBOLS)
    return Plan(load_recipe("cpu"), cuda=CudaPlan({}, (shadow,)))


@pytest.mark.parametrize(
    ("said", "symbol"),
    [
        (f"  what():  c10::cuda::device_count: {MESSAGE}", SYMBOLS[0]),
        (f"RuntimeError: c10::cuda::device_count: {MESSAGE}", SYMBOLS[0]),
        (f"  what():  c10::cuda::CUDAError::what const: {MESSAGE}\nAborted", SYMBOLS[1]),
        (f"ImportError: THCudaInit: {MESSAGE}", SYMBOLS[2]),
        (f"x: undefined symbol: {SYMBOLS[0]}", SYMBOLS[0]),
    ],
)
def test_the_symbol_is_named(plan: Plan, said: str, symbol: str) -> None:
    hint = missing_rule(f"Traceback\n{said}\n", plan)
    assert hint is not None
    assert symbol in hint


def test_other_failures_are_not_explained(plan: Plan, tmp_path: Path) -> None:
    assert missing_rule("ImportError: no module named numpy", plan) is None
    plan.cuda = None
    assert missing_rule(f"RuntimeError: x: {MESSAGE}", plan) is None
