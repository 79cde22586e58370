"""The page about plans: medians, ratios, and what is promised of one wheel."""

from pathlib import Path

from benchmarks.planning import (
    FIRST,
    LIMITED,
    READING,
    SECOND,
    Planned,
    libraries,
    limits,
    render,
)
from benchmarks.read_members import main
from slimwheel.verify.measure import Cost
from tests.golden.cases import CASES


def planned(requirement: str, second: float = 0.2) -> Planned:
    def costs(*seconds: float) -> tuple[Cost, ...]:
        return tuple(Cost(cpu, cpu, 50_000_000, 60_000_000) for cpu in seconds)

    by_way = {
        FIRST: costs(5.0, 4.0, 9.0),
        SECOND: costs(second, second, second),
        READING: costs(4.0, 4.0, 4.0),
    }
    return Planned(requirement, "--recipe cpu", 3, 1_000_000, by_way)


def test_figures_are_medians() -> None:
    page = render([planned("torch==1")], {"cores": "2"})
    first = "| torch==1 --recipe cpu | `slimwheel plan`, the first time | 5.00 s | 5.00 s | 50.0 MB"
    assert f"{first} | 1.25 |" in page
    assert "| 0.20 s | 0.20 s | 50.0 MB | 0.05 |" in page
    assert "## Promise" not in page


def test_promises_are_held_against_their_wheel() -> None:
    assert [limit.held for limit in limits([planned("torch==1", 9.0), planned(LIMITED)])] == [
        True,
        True,
    ]
    broken = [planned(LIMITED, second=2.0)]
    assert [limit.held for limit in limits(broken)] == [True, False]
    assert "| 0.10 | 0.50 | BROKEN |" in render(broken, {})


def test_what_is_read_is_what_a_plan_looks_into(tmp_path: Path) -> None:
    wheel = CASES["cuda"](tmp_path)
    found = libraries(wheel, "cpu")
    assert "torch/lib/libtorch_cuda.so" in found
    assert not [name for name in found if name.endswith(".py")]
    listed = tmp_path / "listed"
    listed.write_text("\n".join(found))
    main(str(wheel), str(listed))
