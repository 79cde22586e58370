"""What a command line asks to be measured, and what is promised of it."""

import pytest

from benchmarks.results import PROMISES
from benchmarks.subjects import PARTS, Subject, Variant, chosen_subjects, known_subjects
from slimwheel.errors import UsageError

LISTED = "torch==2.14.1"


def test_all_that_is_listed_is_measured() -> None:
    names = [subject.upstream for subject in chosen_subjects(None)]
    assert names == [
        "torch==2.13.0+cpu",
        "torch==2.14.1",
        "torch==1.0.0",
        "torchvision==0.28.0",
        "torchvision==0.29.1",
    ]


@pytest.mark.parametrize("subject", known_subjects(), ids=lambda subject: subject.upstream)
def test_every_limit_can_be_measured(subject: Subject) -> None:
    assert subject.variants
    for variant in subject.variants:
        assert {"wheel", "installed"} <= set(variant.limits) <= set(PROMISES)
        assert set(variant.parts) <= set(PARTS)
        assert bool(variant.why) == (variant.parts != PARTS)


def test_variants_have_names_of_their_own() -> None:
    subjects = known_subjects()
    names = [v.file_name(subject.upstream) for subject in subjects for v in subject.variants]
    assert len(set(names)) == len(names)
    assert Variant("cpu").file_name("2.13.0") == "cpu-2.13.0"
    assert Variant("gpu", ("8.0", "9.0")).file_name("2.14.1") == "gpu-2.14.1-sm80-sm90"
    assert Variant("own/gpu.toml", ("majors",)).file_name("2.14.1") == "gpu-2.14.1-majors"


def test_a_variant_is_said_to_slimwheel_as_anybody_would() -> None:
    assert Variant("cpu").options == ("--recipe", "cpu")
    words = ("--recipe", "gpu", "--device", "8.0", "--device", "a100")
    assert Variant("gpu", ("8.0", "a100")).options == words


def test_a_recipe_and_its_devices_choose_among_what_is_listed() -> None:
    of_gpu = chosen_subjects(None, recipe="gpu")
    assert [subject.upstream for subject in of_gpu] == ["torch==2.14.1", "torch==1.0.0"]
    assert {variant.recipe for subject in of_gpu for variant in subject.variants} == {"gpu"}
    (subject,) = chosen_subjects(LISTED, recipe="gpu", devices=("9.0",))
    (variant,) = subject.variants
    assert variant.devices == ("9.0",)
    assert variant.limits


def test_other_devices_than_those_listed_have_no_limits() -> None:
    (subject,) = chosen_subjects(LISTED, recipe="gpu", devices=("12.0",))
    assert subject.variants == (Variant("gpu", ("12.0",)),)
    with pytest.raises(UsageError, match="lists none like that"):
        chosen_subjects(None, recipe="gpu", devices=("12.0",))
    with pytest.raises(UsageError, match="no recipe"):
        chosen_subjects(LISTED, devices=("9.0",))


def test_a_listed_one_needs_nothing_said_besides() -> None:
    (subject,) = chosen_subjects(LISTED)
    assert subject in known_subjects()
    assert (subject.python, subject.platform) == ("3.11", "manylinux_2_28_x86_64")


def test_what_is_said_replaces_what_is_listed() -> None:
    (subject,) = chosen_subjects(LISTED, extra_index_url=("https://mirror.example/",))
    assert subject.extra_index_url == ("https://mirror.example/",)
    assert all(variant.limits for variant in subject.variants)


def test_limits_are_of_one_python_and_platform() -> None:
    (subject,) = chosen_subjects(LISTED, python="3.12")
    assert subject.python == "3.12"
    assert not any(variant.limits for variant in subject.variants)


def test_an_unlisted_one_says_whose_it_is() -> None:
    with pytest.raises(UsageError, match=r"does not list torch==0\.9"):
        chosen_subjects("torch==0.9", python="3.6")
    (subject,) = chosen_subjects("torch==0.9", python="3.6", platform="manylinux1_x86_64")
    assert subject == Subject("torch==0.9", "3.6", "manylinux1_x86_64", variants=(Variant("cpu"),))


def test_a_python_alone_is_of_nothing() -> None:
    with pytest.raises(UsageError, match="not of what"):
        chosen_subjects(None, python="3.11")
