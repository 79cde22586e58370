"""The README says what is so: its tables are the benchmark's, its commands and links exist."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text("utf-8")
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]


def tables(text: str) -> list[str]:
    return [block for block in text.split("\n\n") if block.startswith("|")]


def test_tables_are_the_benchmarks() -> None:
    measured = (PROJECT / "benchmarks" / "results" / "cpu-2.13.0.md").read_text("utf-8")
    assert tables(README) == tables(measured)[:2]


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^ +)make ([a-z-]+)", README, re.MULTILINE))
    assert {"wheel", "test", "test-all", "bench"} <= named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_finding_is_documented() -> None:
    from slimwheel.verify.findings import Code

    text = (PROJECT / "docs" / "findings.md").read_text("utf-8")
    assert set(re.findall(r"SW\d{3}", text)) == {str(code) for code in Code}


def test_every_exit_code_is_documented() -> None:
    from slimwheel import errors

    text = (PROJECT / "docs" / "exit-codes.md").read_text("utf-8")
    documented = {int(number) for number in re.findall(r"^\| (\d+)", text, re.MULTILINE)}
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    used = {c.exit_code for c in classes if issubclass(c, errors.SlimwheelError)}
    assert used <= documented
