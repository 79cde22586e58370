"""The README says what is so: its tables are the benchmark's, its commands and links exist."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text("utf-8")
ORDINALS = ("first", "second", "third")
SOURCE = re.compile(rf"<!-- The ({'|'.join(ORDINALS)}) table of (benchmarks/results/[\w.-]+\.md)\b")
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]


def tables(text: str) -> list[str]:
    return [block for block in text.split("\n\n") if block.startswith("|")]


def quoted_tables(text: str) -> Iterator[tuple[str, str, int]]:
    """Yield each table with the page and the place there that it is said to come from.

    A comment before a table says it; a table without one continues the page named last.
    """
    page, number = "", 0
    for block in text.split("\n\n"):
        if said := SOURCE.match(block):
            page, number = said[2], ORDINALS.index(said[1])
        elif block.startswith("|"):
            yield block, page, number
            number += 1


def test_tables_are_the_benchmarks() -> None:
    quoted = list(quoted_tables(README))
    assert [table for table, _, _ in quoted] == tables(README) != []
    for table, page, number in quoted:
        assert table == tables((PROJECT / page).read_text("utf-8"))[number], page


def test_tables_of_other_pages_are_the_benchmarks_where_they_say_so() -> None:
    found = 0
    for page in PAGES[1:]:
        for said, table in pairwise(page.read_text("utf-8").split("\n\n")):
            if source := SOURCE.match(said):
                number = ORDINALS.index(source[1])
                assert table == tables((PROJECT / source[2]).read_text("utf-8"))[number], page
                found += 1
    assert found


def test_a_table_is_of_the_page_that_is_named_before_it() -> None:
    text = (
        "<!-- The first table of benchmarks/results/a.md, so -->\n\n| 1 |\n\n| 2 |\n\n"
        "<!-- The second table of benchmarks/results/b.md. -->\n\n| 3 |\n"
    )
    a, b = "benchmarks/results/a.md", "benchmarks/results/b.md"
    assert list(quoted_tables(text)) == [("| 1 |", a, 0), ("| 2 |", a, 1), ("| 3 |\n", b, 1)]


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^ +)make ([a-z-]+)", README, re.MULTILINE))
    assert {"wheel", "test", "test-all", "bench"} <= named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_exit_code_is_documented() -> None:
    from slimwheel import errors

    text = (PROJECT / "docs" / "exit-codes.md").read_text("utf-8")
    documented = {int(number) for number in re.findall(r"^\| (\d+)", text, re.MULTILINE)}
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    used = {c.exit_code for c in classes if issubclass(c, errors.SlimwheelError)}
    assert used <= documented
