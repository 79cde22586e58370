"""What the page says of the example on upstream's torch and on the slim one."""

from benchmarks.example import Release, Served, render
from slimwheel.verify.measure import Cost


def served(answer: str, seconds: float, size: int) -> Served:
    costs = tuple(Cost(seconds * turn, seconds * turn, size, size) for turn in (1, 2, 9))
    return Served(size, 2 * size, costs, (seconds / 1e3,) * 3, ({"class": "3"}, {"class": answer}))


def test_it_compares_medians() -> None:
    release = Release("torch==2.13.0+cpu", served("1", 1, 10**8), served("1", 0.5, 10**7))
    page = render([release], {})
    assert "| torch==2.13.0+cpu | upstream | torch_cpu | change |" in page
    assert "| download | 100.0 MB | 10.0 MB | \N{MINUS SIGN}90 % |" in page
    assert "| cold answer, time | 2.00 s | 1.00 s | \N{MINUS SIGN}50 % |" in page
    assert "| warm answer, time | 1.00 ms | 0.50 ms | \N{MINUS SIGN}50 % |" in page
    assert "| 2 answers |  | equal |  |" in page


def test_answers_that_differ_are_said() -> None:
    release = Release("torch==2.13.0+cpu", served("1", 1, 10**8), served("7", 1, 10**8))
    assert release.unlike == 1
    assert "**1 differ**" in render([release], {})
