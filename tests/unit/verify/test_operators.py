"""Running the operator database and comparing what comes of it, with a database of our own."""

import json
import time
from pathlib import Path

import pytest

from slimwheel.errors import ToolError
from slimwheel.verify.against import Options, Progress, RunningReport, verify_against
from slimwheel.verify.operator_comparison import OperatorComparison, compare_operators
from slimwheel.verify.operator_run import (
    PERTURBATIONS,
    OperatorRun,
    extract_testing,
    run_operators,
)
from tests.support.operator_stubs import make_python, write_database
from tests.unit.verify.test_environments import make_wheel

QUICK = ("equal", "raises", "unordered", "last")


@pytest.fixture(scope="module")
def pythons(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Upstream's and the slim one."""
    place = tmp_path_factory.mktemp("pythons")
    return make_python(place / "upstream"), make_python(place / "slim")


@pytest.fixture(scope="module")
def runs(pythons: tuple[Path, Path]) -> list[OperatorRun]:
    """Upstream twice, the slim one once."""
    upstream, slim = pythons
    sides = [(upstream, PERTURBATIONS[0]), (upstream, PERTURBATIONS[1]), (slim, PERTURBATIONS[0])]
    return [
        run_operators(python, "all", jobs=2, timeout=3, perturbation=byte) for python, byte in sides
    ]


@pytest.fixture(scope="module")
def comparison(runs: list[OperatorRun]) -> OperatorComparison:
    return compare_operators(*runs)


def test_every_operator_has_its_verdict(comparison: OperatorComparison) -> None:
    assert comparison.operators == {
        "equal": "equal",
        "equal.twice": "equal",
        "differs": "different",
        "differs_backward": "different",
        "uninitialised": "unstable",
        "uninitialised_raises": "different",
        "raises": "equal",
        "raises_otherwise": "different",
        "unreadable": "equal",
        "crashes": "crashed",
        "crashes_slim": "different",
        "hangs": "crashed",
        "nothing": "skipped",
        "nothing.2": "skipped",
        "broken": "error",
        "unordered": "equal",
        "last": "equal",
    }
    assert comparison.counts["different"] == 5
    assert not comparison.ok


def test_a_difference_names_its_sample_and_part(comparison: OperatorComparison) -> None:
    found = {
        (d.unit, d.part, d.sample, d.inputs)
        for d in comparison.different
        if d.unit.startswith("differs")
    }
    assert found == {
        ("differs.float32", "forward", 1, "float32[1], 1"),
        ("differs.float32", "backward", 1, "float32[1], 1"),
        ("differs.int64", "forward", 1, "float32[1], 1"),
        ("differs_backward.float32", "backward", 2, "float32[1], 2"),
    }
    (crash,) = (d for d in comparison.different if d.unit.startswith("crashes"))
    assert crash.upstream == "ok"
    assert crash.slim.startswith("crashed killed by SIGSEGV, in sample 0, forward, of float32[1]")


def test_what_is_not_compared_is_listed(comparison: OperatorComparison) -> None:
    assert comparison.crashed == {
        "crashes.float32": "killed by SIGSEGV, in sample 1, forward, of float32[1], 1",
        "hangs.int64": "no result after 3 s, in sample 0, forward, of float32[1], 0",
    }
    assert comparison.skipped["nothing"] == "it takes no dtype on the CPU"
    assert comparison.skipped["nothing.2.int64"] == "the database has no samples"
    unreadable = comparison.skipped["unreadable.int64, sample 0, forward"]
    assert unreadable == "TypeError: no canonical form of <class 'object'>"
    assert comparison.errors["broken.int64"] == "sample 1: RuntimeError: no such sample"
    assert "forward of sample 0 (float32[1], 0)" in comparison.unstable["uninitialised.float32"]
    # Three samples in two dtypes, one of them backward too.
    assert comparison.raised == {"ValueError: at <address> in <torch>/__init__.py": 9}


def test_no_more_samples_than_wanted(runs: list[OperatorRun], pythons: tuple[Path, Path]) -> None:
    assert len(runs[0].units["last.int64"].samples) == 8
    quick = run_operators(pythons[0], "quick", only=["last"])
    assert len(quick.units["last.int64"].samples) == 4
    every = run_operators(pythons[0], "exhaustive", only=["last"])
    assert len(every.units["last.int64"].samples) == 20


def test_results_depend_neither_on_jobs_nor_on_what_ran_before(
    runs: list[OperatorRun], pythons: tuple[Path, Path]
) -> None:
    alone = run_operators(pythons[0], "all", only=QUICK)
    assert set(alone.operators) == {"equal", "equal.twice", "raises", "unordered", "last"}
    for name, unit in alone.units.items():
        assert unit.samples == runs[0].units[name].samples, name


def test_progress_reaches_the_end(pythons: tuple[Path, Path]) -> None:
    seen: list[tuple[int, int]] = []
    run_operators(pythons[0], "all", only=["equal"], pace=lambda *now: seen.append(now))
    assert seen[-1] == (4, 4)
    assert seen == sorted(seen)


def test_an_interruption_ends_the_workers(pythons: tuple[Path, Path]) -> None:
    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_operators(pythons[0], "all", only=["hangs"], pace=interrupt)
    assert time.monotonic() - begin < 20
    assert not [
        text
        for process in Path("/proc").glob("[0-9]*")
        if str(pythons[0]) in (text := _command_line(process))
    ]


def _command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_text(errors="replace")
    except OSError:
        return ""


def test_a_unit_that_was_not_run_is_a_difference(runs: list[OperatorRun]) -> None:
    first = runs[0]
    units = {name: unit for name, unit in first.units.items() if name != "equal.int64"}
    lacking = OperatorRun(first.setting, first.operators, units)
    found = compare_operators(first, first, lacking)
    assert [(d.unit, d.slim) for d in found.different] == [("equal.int64", "absent it was not run")]


def test_another_setting_is_a_difference(runs: list[OperatorRun]) -> None:
    first = runs[0]
    other = OperatorRun({**first.setting, "numpy": "1.0"}, first.operators, first.units)
    assert [d.unit for d in compare_operators(first, first, other).different] == ["setting.numpy"]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A torch without a database."""
    return make_python(tmp_path_factory.mktemp("bare") / "python", database=False)


def test_modules_are_mounted_where_they_lack(
    bare: Path, pythons: tuple[Path, Path], tmp_path: Path
) -> None:
    write_database(tmp_path / "torch" / "testing")
    mounted = run_operators(bare, "all", only=["equal"], mount=tmp_path)
    assert "torch.testing._internal.common_methods_invocations" in mounted.mounted
    own = run_operators(pythons[0], "all", only=["equal"], mount=tmp_path)
    assert own.mounted == ()
    assert compare_operators(own, own, mounted).ok


def test_a_torch_without_a_database_is_skipped_and_says_so(
    bare: Path, pythons: tuple[Path, Path]
) -> None:
    without = run_operators(bare, "quick")
    found = compare_operators(without, without, without)
    assert found.ok
    assert "No module named 'torch.testing._internal'" in found.unavailable
    there = run_operators(pythons[0], "quick", only=["equal"])
    lost = compare_operators(there, there, without)
    assert [d.unit for d in lost.different if "database" in d.unit] == ["setting.database"]


def test_a_torch_that_cannot_be_imported_is_a_tool_error(tmp_path: Path) -> None:
    python = make_python(tmp_path / "python")
    (package,) = tmp_path.glob("python/lib/python*/site-packages/torch/__init__.py")
    package.write_text("raise ImportError('a library is gone')")
    with pytest.raises(ToolError, match="a library is gone"):
        run_operators(python, "quick")


def test_extract_testing_takes_modules_of_torch_testing(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "torch")
    assert not list(extract_testing(wheel, tmp_path / "out").rglob("*.py"))


def test_verify_against_with_ready_interpreters(pythons: tuple[Path, Path], tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "torch")
    seen: list[Progress] = []
    options = Options(
        battery=False, ops="all", only=("equal",), jobs=1, rounds=1, env_pythons=pythons
    )
    report: RunningReport = verify_against([wheel], wheel, options, seen.append)
    assert report.ok
    assert report.differences == []
    assert {progress.stage for progress in seen} == {"operators", "import"}
    assert [p for p in seen if p.stage == "operators"][-1].seconds_left == 0
    data = json.loads(json.dumps(report.to_json()))
    assert data["operators"]["counts"] == {"equal": 2}
    # A stand-in for torch is imported before its memory has been looked at once.
    assert data["imports"]["slim"]["median"]["wall"] > 0
    assert data["sizes"]["upstream"]["download"] == wheel.stat().st_size
    options = Options(battery=False, ops="all", only=("differs",), rounds=0, env_pythons=pythons)
    report = verify_against([wheel], wheel, options)
    assert not report.ok
    assert any("differs.int64, sample 1 (float32[1], 1), forward" in d for d in report.differences)
