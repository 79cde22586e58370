"""The page about checking wheels: medians, the ratio, and the promise for the one it is made of."""

from benchmarks.verifying import LIMITED, OURS, THEIRS, Checked, limit, render
from slimwheel.verify.measure import Cost


def checked(requirement: str) -> Checked:
    def costs(*seconds: float) -> tuple[Cost, ...]:
        return tuple(Cost(cpu, cpu, 50_000_000, 60_000_000) for cpu in seconds)

    both = {OURS: costs(2.0, 4.0, 1.0), THEIRS: costs(40.0, 20.0, 30.0)}
    return Checked(requirement, 191_800_000, both)


def test_figures_are_medians_of_both_tools() -> None:
    page = render([checked("torch==1")], {"cores": "2"})
    assert "| torch==1, 191.8 MB | `slimwheel verify` | 2.00 s | 2.00 s | 50.0 MB | 0.067 |" in page
    assert "| `auditwheel show` | 30.00 s |" in page
    assert "## Promise" not in page
    assert limit([checked("torch==1")]) is None


def test_the_promise_is_held_against_its_wheel() -> None:
    promised = limit([checked("torch==1"), checked(LIMITED)])
    assert promised is not None
    assert promised.held
    assert "| 3.0 s | 2.0 s | kept |" in render([checked(LIMITED)], {})
