"""The page about `slimwheel inspect`: medians, each in its unit."""

from benchmarks.treemap import Inspected, Opening, _page
from slimwheel.verify.measure import Cost


def test_figures_are_medians() -> None:
    costs = tuple(Cost(cpu, cpu, 50_000_000, 60_000_000) for cpu in (3.0, 1.0, 2.0))
    openings = tuple(Opening(seconds, seconds / 10, 321) for seconds in (0.5, 0.25, 0.75))
    one = Inspected("torch==1", 12_345, 700_000_000, costs, 1_200_000, openings)
    text = _page([one], {"machine": {"cores": "2"}, "load": "0.5"})
    figures = [
        "torch==1",
        "12,345",
        "700 MB",
        "2.00 s",
        "50 MB",
        "1.2 MB",
        "0.50 s",
        "50 ms",
        "321",
    ]
    assert "| " + " | ".join(figures) + " |" in text
    assert "Medians of 3 rounds" in text
