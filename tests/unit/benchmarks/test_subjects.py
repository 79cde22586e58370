"""What a command line asks to be measured, and what is promised of it."""

import pytest

from benchmarks.results import PROMISES
from benchmarks.subjects import Subject, chosen_subjects, known_subjects
from slimwheel.errors import UsageError

LISTED = "torch==2.14.1"


def test_all_that_is_listed_is_measured() -> None:
    names = [subject.upstream for subject in chosen_subjects(None)]
    assert names == ["torch==2.13.0+cpu", "torch==2.14.1", "torch==1.0.0"]


@pytest.mark.parametrize("subject", known_subjects(), ids=lambda subject: subject.upstream)
def test_every_limit_can_be_measured(subject: Subject) -> None:
    assert subject.limits
    for limits in subject.limits.values():
        assert {"wheel", "installed"} <= set(limits) <= set(PROMISES)


def test_a_listed_one_needs_nothing_said_besides() -> None:
    (subject,) = chosen_subjects(LISTED)
    assert subject in known_subjects()
    assert (subject.python, subject.platform) == ("3.11", "manylinux_2_28_x86_64")


def test_what_is_said_replaces_what_is_listed() -> None:
    (subject,) = chosen_subjects(LISTED, extra_index_url=("https://mirror.example/",))
    assert subject.extra_index_url == ("https://mirror.example/",)
    assert subject.limits


def test_limits_are_of_one_python_and_platform() -> None:
    (subject,) = chosen_subjects(LISTED, python="3.12")
    assert (subject.python, subject.limits) == ("3.12", {})


def test_an_unlisted_one_says_whose_it_is() -> None:
    with pytest.raises(UsageError, match=r"does not list torch==0\.9"):
        chosen_subjects("torch==0.9", python="3.6")
    (subject,) = chosen_subjects("torch==0.9", python="3.6", platform="manylinux1_x86_64")
    assert subject == Subject("torch==0.9", "3.6", "manylinux1_x86_64")


def test_a_python_alone_is_of_nothing() -> None:
    with pytest.raises(UsageError, match="not of what"):
        chosen_subjects(None, python="3.11")
