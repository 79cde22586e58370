"""Codes: which are asked for, what they are called, and the page of each."""

from pathlib import Path

import pytest

from slimwheel.errors import UsageError
from slimwheel.verify.findings import Code, Finding, Severity, chosen_codes

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("code", Code)
def test_every_code_has_a_page_and_a_line_in_the_list(code: Code) -> None:
    page = (DOCS / "findings" / f"{code}.md").read_text("utf-8")
    assert page.startswith(f"# {code}: {code.summary}\n\n")
    assert "## How it comes about, and what to do" in page
    note = " (a note)" if code.severity is Severity.NOTE else ""
    line = f"| [{code}](findings/{code}.md) | {code.summary}{note} |"
    assert line in (DOCS / "findings.md").read_text("utf-8").splitlines()


def test_there_is_no_other_page() -> None:
    assert {path.stem for path in (DOCS / "findings").iterdir()} == set(map(str, Code))


def test_all_codes_without_a_word() -> None:
    assert chosen_codes([], []) == set(Code)


def test_select_and_ignore_take_codes_and_groups() -> None:
    assert chosen_codes(["SW3"], []) == {Code.WRAPPER, Code.DEVICE_CODE}
    assert chosen_codes(["sw3", "SW110"], ["SW302"]) == {Code.WRAPPER, Code.TAGS_DIFFER}
    assert chosen_codes([], ["SW1", "SW2", "SW3"]) == {
        Code.MANIFEST,
        Code.NOT_GONE,
        Code.COMPANION,
    }


@pytest.mark.parametrize("word", ["SW999", "RECORD", ""])
def test_words_that_are_no_code(word: str) -> None:
    with pytest.raises(UsageError, match="begins with"):
        chosen_codes([word], [])
    with pytest.raises(UsageError):
        chosen_codes([], [word])


def test_words_of_a_finding() -> None:
    finding = Finding(Code.NEEDED_MISSING, "needs libx.so", "a/b.so", "libx.so")
    assert str(finding) == "SW210 a/b.so: needs libx.so"
    assert str(Finding(Code.TAGS_DIFFER, "differ")) == "SW110 differ"
    assert finding.to_json() == {
        "code": "SW210",
        "severity": "error",
        "member": "a/b.so",
        "message": "needs libx.so",
        "subject": "libx.so",
    }
