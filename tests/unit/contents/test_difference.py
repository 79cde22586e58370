"""Two wheels side by side."""

from pathlib import Path

from slimwheel.contents import Difference, Kind, by_directory, by_kind, compare, contents_of
from slimwheel.report.difference import change
from tests.support.upstream import make_wheel

A = {"p/a.py": "a" * 100, "p/both.py": "b" * 10, "p/same.py": "same", "p/include/a.h": "h" * 50}
B = {"p/b.txt": "b" * 300, "p/both.py": "b" * 30, "p/same.py": "same"}


def difference(tmp_path: Path) -> Difference:
    a = make_wheel(tmp_path, A, name="p", version="1.0")
    b = make_wheel(tmp_path, B, name="p", version="2.0")
    return compare(contents_of(a), contents_of(b))


def test_members(tmp_path: Path) -> None:
    found = difference(tmp_path)
    assert found.only_in_a() == ["p/a.py", "p/include/a.h"]
    assert found.only_in_b() == ["p/b.txt"]
    changed = found.changed()
    assert "p/both.py" in changed
    assert "p/same.py" not in changed
    assert "*.dist-info/METADATA" in found.pairs, "dist-info is compared whatever the version"


def test_sums_have_what_changed_most_first(tmp_path: Path) -> None:
    found = difference(tmp_path)
    kinds = found.tallies(by_kind)
    assert list(kinds)[:2] == [Kind.OTHER, Kind.PYTHON]
    a, b = kinds[Kind.PYTHON]
    assert (a.installed, b.installed) == (114, 34)
    for index, side in enumerate((found.a, found.b)):
        assert sum(pair[index].installed for pair in kinds.values()) == side.installed
    directories = found.tallies(by_directory)
    assert {"p/", "p/include/", "*.dist-info/"} == set(directories)


def test_a_wheel_and_itself(tmp_path: Path) -> None:
    wheel = contents_of(make_wheel(tmp_path, A, name="p", version="1.0"))
    found = compare(wheel, wheel)
    assert found.only_in_a() == found.only_in_b() == found.changed() == []


def test_changes_in_words() -> None:
    assert [change(*pair) for pair in ((0, 0), (0, 5), (4, 5), (5, 4), (5, 0), (1, 50))] == [
        "-", "new", "+25 %", "-20 %", "-100 %", "x 50",
    ]  # fmt: skip
