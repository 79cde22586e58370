"""Limits and pages, from results that nobody measured."""

import json
from dataclasses import replace

import pytest

from benchmarks.building import removed_by
from benchmarks.markdown import render
from benchmarks.pruning import Pruned
from benchmarks.results import Results
from slimwheel.verify.measure import Cost
from slimwheel.verify.sizes import Dependency, Sizes

MB = 1_000_000
FAILURE = "ImportError: libtorch_cuda.so: cannot open shared object file"


def costs(*seconds: float, rss: int = 100) -> list[Cost]:
    return [Cost(cpu, cpu, rss * MB // 2, rss * MB) for cpu in seconds]


def both(one: list[Cost], other: list[Cost]) -> dict[str, list[Cost]]:
    return {"upstream": one, "slimwheel": other}


NUMPY = {"numpy": Dependency("2.4.6", 57 * MB)}
CUDA = Results(
    name="cpu-2.14.1",
    requirement="torch==2.14.1",
    recipe="cpu",
    devices=(),
    module="torch",
    upstream_sha256="ab" * 32,
    machine={"cores": "2"},
    tools={"pip": "23.2.1"},
    sizes={
        "upstream": Sizes(555 * MB, 1144 * MB),
        "slimwheel": Sizes(131 * MB, 440 * MB),
        "alternative": Sizes(132 * MB, 439 * MB),
    },
    dependencies={
        "upstream": NUMPY | {"nvidia-cublas": Dependency("13.1", 597 * MB)},
        "slimwheel": NUMPY,
    },
    builds={"slimwheel": costs(9.0), "alternative": costs(30.0)},
    installs={"pip": both(costs(30.0), costs(12.0))},
    imports=both(costs(2.0, 9.0, 2.0, rss=600), costs(1.6, 1.6, 1.0, rss=230)),
    prunings={},
    alternative_import=FAILURE,
    promised={"wheel": 132, "installed": 442, "import-time": 0.9, "import-memory": 0.4},
    left_out=[],
)
# The same dependencies on both sides, and an alternative that works.
CPU = replace(
    CUDA, dependencies={"upstream": NUMPY, "slimwheel": NUMPY}, alternative_import="", promised={}
)
WITHOUT_PYTHON = replace(
    CUDA,
    dependencies={},
    installs={},
    imports={},
    alternative_import=None,
    left_out=["Installing and importing are left out: there was no Python 3.6."],
)
GPU = replace(
    CUDA,
    recipe="gpu",
    devices=("8.0", "9.0"),
    imports={},
    dependencies={},
    prunings={
        "torch/lib/libtorch_cuda.so": Pruned(500 * MB, 150 * MB, costs(3.0, 9.0, 2.0, rss=40)),
        "torch/lib/libtorch_nvshmem.so": Pruned(4 * MB, MB, costs(0.5, 0.4, 0.6, rss=60)),
    },
    alternative_import=None,
    promised={"prune-time": 5, "prune-memory": 29},
)
SIZES = replace(
    GPU,
    sizes={name: CUDA.sizes[name] for name in ("upstream", "slimwheel")},
    builds={"slimwheel": costs(9.0)},
    installs={},
    prunings={},
    promised={"wheel": 132, "build-cpu": 0.5, "prune-time": 5, "prune-memory": 29},
)


def test_limits_are_of_medians() -> None:
    measured = {limit.what: limit.measured for limit in CUDA.limits()}
    assert list(measured.values()) == pytest.approx([131, 440, 0.8, 230 / 600])
    assert all(limit.held and limit.verdict == "kept" for limit in CUDA.limits())


def test_a_broken_promise_is_said() -> None:
    broken = replace(CUDA, promised={"wheel": 130})
    assert [limit.held for limit in broken.limits()] == [False]
    assert "| wheel | at most 130.0 MB | 131.0 MB | **BROKEN** |" in render(broken)


def test_what_is_not_measured_is_neither_kept_nor_broken() -> None:
    verdicts = [limit.verdict for limit in WITHOUT_PYTHON.limits()]
    assert verdicts == ["kept", "kept", "not measured", "not measured"]
    assert all(limit.held for limit in WITHOUT_PYTHON.limits())


def test_a_page_has_both_closures_where_dependencies_go() -> None:
    page = render(CUDA)
    assert "| installed, with dependencies | 1798.0 MB | 497.0 MB | \N{MINUS SIGN}72 % |" in page
    assert "| nvidia-cublas 13.1 | 597.0 MB |  |" in page
    assert "| numpy 2.4.6 | 57.0 MB | 57.0 MB |" in page
    assert "with dependencies" not in render(CPU)


def test_a_page_says_that_the_alternative_fails() -> None:
    assert "| result, `import torch` | works | **fails** |  |" in render(CUDA)
    assert f"`{FAILURE}`" in render(CUDA)
    assert "| result, `import torch` | works | works |  |" in render(CPU)


def test_a_page_without_imports_says_why() -> None:
    page = render(WITHOUT_PYTHON)
    assert WITHOUT_PYTHON.left_out[0] in page
    assert "`import torch`" not in page
    assert "install`" not in page


def test_limits_of_pruning_are_of_the_library_for_which_it_is_most() -> None:
    assert [(limit.measured, limit.held) for limit in GPU.limits()] == [(3.0, True), (30.0, False)]


def test_a_page_has_every_library_that_loses_device_code() -> None:
    page = render(GPU)
    cells = "500.0 MB | 150.0 MB | 3.00 s | 3.00 s | 20.0 MB"
    assert f"| torch/lib/libtorch_cuda.so | {cells} |" in page
    assert "It cannot take device code out" in page
    assert "device code" not in render(CUDA)


def test_a_page_says_for_which_gpus() -> None:
    assert "| torch==2.14.1 | upstream | slimwheel, `gpu` for 8.0 and 9.0 | change |" in render(GPU)


def test_a_page_of_sizes_alone_has_no_other_tables() -> None:
    page = render(SIZES)
    assert "| download | 555.0 MB | 131.0 MB |" in page
    assert "Cost of a build" not in page
    assert "Taking device code out" not in page
    verdicts = [limit.verdict for limit in SIZES.limits()]
    assert verdicts == ["kept", "not measured", "not measured", "not measured"]


def test_installs_without_imports_are_said_to_be() -> None:
    assert "Medians of 1 installs, in turn" in render(GPU)
    assert "imports" not in render(GPU)


def test_the_page_starts_with_the_tables_that_the_readme_quotes() -> None:
    blocks = [block for block in render(CUDA).split("\n\n") if block.startswith("|")]
    assert blocks[0].startswith("| torch==2.14.1 | upstream |")
    assert blocks[1].startswith("|  | `slimwheel build` |")
    assert "Promises" not in render(CPU)


def test_json_has_every_round_and_what_became_of_the_promises() -> None:
    data = json.loads(json.dumps(CUDA.to_json()))
    assert [cost["wall"] for cost in data["imports"]["upstream"]] == [2.0, 9.0, 2.0]
    assert data["dependencies"]["upstream"]["nvidia-cublas"]["installed"] == 597 * MB
    assert [limit["held"] for limit in data["limits"]] == [True] * 4


def test_a_shadowed_library_is_removed_too() -> None:
    decisions = [
        {"member": "torch/include/a.h", "action": "drop"},
        {"member": "torch/lib/libtorch_cuda.so", "action": "rewrite"},
        {"member": "torch/lib/libtorch_cpu.so", "action": "rewrite"},
    ]
    libraries = [
        {"member": "torch/lib/libtorch_cuda.so", "goes": True},
        {"member": "torch/lib/libtorch_cpu.so", "goes": False},
    ]
    plan = {"decisions": decisions, "cuda": {"libraries": libraries}}
    assert removed_by(plan) == ["torch/include/a.h", "torch/lib/libtorch_cuda.so"]
    assert removed_by({**plan, "cuda": None}) == ["torch/include/a.h"]
