"""The tags that pip is told."""

import pytest

from slimwheel.errors import UsageError
from slimwheel.fetch.tags import admitted, platform_options, python_options


def test_a_newer_manylinux_admits_every_older_one_under_all_its_names() -> None:
    tags = admitted("manylinux_2_18_x86_64")
    assert tags[:3] == ["manylinux_2_18_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"]
    assert tags[-4:] == [
        "manylinux_2_6_x86_64",
        "manylinux_2_5_x86_64",
        "manylinux1_x86_64",
        "linux_x86_64",
    ]
    assert "manylinux2010_x86_64" in tags
    assert len(tags) == len(set(tags))


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("manylinux1_x86_64", ["manylinux_2_5_x86_64", "manylinux1_x86_64", "linux_x86_64"]),
        (
            "manylinux2014_aarch64",
            ["manylinux_2_17_aarch64", "manylinux2014_aarch64", "linux_aarch64"],
        ),
        (
            "musllinux_1_1_x86_64",
            ["musllinux_1_1_x86_64", "musllinux_1_0_x86_64", "linux_x86_64"],
        ),
        ("win_amd64", ["win_amd64"]),
        ("macosx_11_0_arm64", ["macosx_11_0_arm64"]),
    ],
)
def test_platforms(platform: str, expected: list[str]) -> None:
    assert admitted(platform) == expected


@pytest.mark.parametrize(
    ("python", "release", "abis"),
    [
        ("3.11", "3.11.99", ["cp311"]),
        ("3.6", "3.6.99", ["cp36m"]),
        ("3.6.1", "3.6.1", ["cp36m"]),
        ("2.7", "2.7.99", ["cp27mu", "cp27m"]),
        ("3.13t", "3.13.99", ["cp313t"]),
    ],
)
def test_pythons(python: str, release: str, abis: list[str]) -> None:
    options = python_options(python)
    assert options[:4] == ["--python-version", release, "--implementation", "cp"]
    assert options[4:] == [word for abi in abis for word in ("--abi", abi)]


@pytest.mark.parametrize("python", ["311", "3", "cp311", "4.0", "3.x", ""])
def test_what_is_no_python(python: str) -> None:
    with pytest.raises(UsageError, match="not a Python version"):
        python_options(python)


@pytest.mark.parametrize("platform", ["", "linux x86", "--index-url", "Linux"])
def test_what_is_no_platform(platform: str) -> None:
    with pytest.raises(UsageError, match="not a platform tag"):
        platform_options(platform)
