"""Plans of real wheels, with and without the cache: the same, the second time at once."""

import sys
from pathlib import Path

import pytest

from slimwheel.verify.measure import measured
from tests.support.real import SLIMWHEEL, slimwheel

pytestmark = [pytest.mark.wheels, pytest.mark.xdist_group("torch-cpu")]

PLANS = {
    "cpu, 2.13.0": ("torch_cpu_upstream", ("--recipe", "cpu"), "torch/lib/libtorch_cpu.so"),
    "cpu, 2.14.1": ("torch_cuda_upstream", ("--recipe", "cpu"), "torch/lib/libtorch_cuda.so"),
    "gpu, 2.14.1": (
        "torch_cuda_upstream",
        ("--recipe", "gpu", "--device", "9.0"),
        "torch/lib/libtorch_cuda.so",
    ),
    "cpu, 1.0.0": ("torch_100_upstream", ("--recipe", "cpu"), "torch/lib/libcaffe2.so"),
}


@pytest.mark.parametrize("case", PLANS)
def test_the_second_plan_is_the_first(
    case: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixture, options, member = PLANS[case]
    wheel: Path = request.getfixturevalue(fixture)
    monkeypatch.setenv("SLIMWHEEL_CACHE_DIR", str(tmp_path / "cache"))
    forms: tuple[list[str], ...] = ([], ["--json"], ["--why", member])
    uncached = slimwheel("plan", *options, "--no-cache", "--json", wheel)
    assert not (tmp_path / "cache").exists()
    first = [slimwheel("plan", *options, *words, wheel) for words in forms]
    assert (first[1].stdout, first[1].stderr) == (uncached.stdout, uncached.stderr)
    # Without what the cache has, whatever form was asked for first.
    for path in (tmp_path / "cache" / "plans").iterdir():
        path.unlink()
    again = slimwheel("plan", *options, *forms[-1], wheel)
    assert (again.stdout, again.stderr) == (first[-1].stdout, first[-1].stderr)
    kept = list((tmp_path / "cache" / "plans").iterdir())
    assert len(kept) == 1
    assert kept[0].stat().st_size < 1_000_000
    command: list[str | Path] = ["env", f"SLIMWHEEL_CACHE_DIR={tmp_path / 'cache'}", SLIMWHEEL]
    second = measured([*command, "plan", *options, wheel], scratch=tmp_path)
    starting = measured([sys.executable, "-c", "import click, rich.table"], scratch=tmp_path)
    # Nothing but starting is left, and reading a document.
    assert second.cpu < starting.cpu + 0.6
