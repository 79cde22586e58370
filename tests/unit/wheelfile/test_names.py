"""File names of wheels, and what tags expand to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slimwheel.errors import WheelError
from slimwheel.wheelfile.names import (
    WheelName,
    compress_tags,
    escaped,
    expand_tag,
    is_tag,
    normalized_version,
)


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        (
            "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl",
            WheelName("torch", "2.13.0+cpu", "cp311-cp311-manylinux_2_28_x86_64"),
        ),
        (
            "torch-0.3.1b0+2b47480-cp36-cp36m-linux_x86_64.whl",
            WheelName("torch", "0.3.1b0+2b47480", "cp36-cp36m-linux_x86_64"),
        ),
        ("six-1.16.0-py2.py3-none-any.whl", WheelName("six", "1.16.0", "py2.py3-none-any")),
        (
            "numpy-2.0-3-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            WheelName(
                "numpy", "2.0", "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64", "3"
            ),
        ),
        ("x-1-2local-py3-none-any.whl", WheelName("x", "1", "py3-none-any", "2local")),
        (
            "somewhere/else/Ruamel.Yaml-1.0-py3-none-any.whl",
            WheelName("ruamel_yaml", "1.0", "py3-none-any"),
        ),
    ],
)
def test_names_are_read(filename: str, expected: WheelName) -> None:
    assert WheelName.parse(filename) == expected


@pytest.mark.parametrize(
    "filename",
    [
        "torch-0.4.0.whl",
        "torch.whl",
        "torch-0.4.0-cp36-cp36m-linux_x86_64.zip",
        "torch-0.4.0-cp36-cp36m-linux_x86_64 (1).whl",
        "torch-latest-cp36-cp36m-linux_x86_64.whl",
        # A wheel variant (PEP 825, a draft) has one component more.
        "torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64-x86_64_v3-1.whl",
        "",
    ],
)
def test_what_is_no_wheel_name_is_none(filename: str) -> None:
    assert WheelName.parse(filename) is None


def test_build_tags_are_kept() -> None:
    name = WheelName("torch_cpu", "2.13.0+cpu", "py3-none-any", "2")
    assert name.filename == "torch_cpu-2.13.0+cpu-2-py3-none-any.whl"
    assert WheelName.parse(name.filename) == name


def test_compressed_sets_expand_in_order() -> None:
    assert expand_tag("py2.py3-none-any") == ["py2-none-any", "py3-none-any"]
    tag = "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"
    assert expand_tag(tag) == [
        "cp311-cp311-manylinux_2_17_x86_64",
        "cp311-cp311-manylinux2014_x86_64",
    ]
    name = WheelName("a", "1", tag)
    assert name.platforms == ("manylinux_2_17_x86_64", "manylinux2014_x86_64")


_parts = st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), min_size=1, max_size=3)


@given(_parts, _parts, _parts)
def test_tags_survive_expanding_and_compressing(
    pythons: list[str], abis: list[str], platforms: list[str]
) -> None:
    parts = [".".join(dict.fromkeys(part)) for part in (pythons, abis, platforms)]
    tag = "-".join(parts)
    assert compress_tags(expand_tag(tag)) == tag


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.0.0", "1.0.0"),
        ("v1.0", "1.0"),
        ("1.0.0-alpha1", "1.0.0a1"),
        ("2.13.0+CPU", "2.13.0+cpu"),
    ],
)
def test_versions_are_normal(text: str, expected: str) -> None:
    assert normalized_version(text, file="torch.whl") == expected


@pytest.mark.parametrize("text", ["", "latest", "1.0 beta", "1.0+"])
def test_what_is_no_version_is_an_error(text: str) -> None:
    with pytest.raises(WheelError) as caught:
        normalized_version(text, file="torch.whl")
    assert caught.value.file == "torch.whl"
    assert caught.value.hint


def test_names_are_escaped_for_files() -> None:
    assert escaped("Torch-.CPU") == "torch_cpu"


def test_tags_hold_nothing_that_leads_out_of_a_directory() -> None:
    assert WheelName.parse("torch-1.0-py3-none-any.whl/../x") is None
    for tag in ("py3-none-a/b", "py3-none-../any", "py3-none-any ", "py3-none", "py3-none-any-x"):
        assert not is_tag(tag)
