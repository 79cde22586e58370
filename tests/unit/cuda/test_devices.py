"""Names of GPUs, compute capabilities, and an nvidia-smi that is missing, old or failing."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slimwheel.cuda import devices
from slimwheel.cuda.devices import (
    ComputeCapability,
    device_names,
    native_capabilities,
    parse_capability,
    parse_device,
)
from slimwheel.errors import ToolError, UsageError

CAPABILITIES = [ComputeCapability(major, minor) for major in range(1, 100) for minor in range(10)]
KNOWN = [capability for capability in CAPABILITIES if device_names(capability)]
NAMES = [(name, capability) for capability in KNOWN for name in device_names(capability)]


def test_capabilities_compare_as_numbers_do() -> None:
    assert ComputeCapability(12, 1).number == 121
    assert all(first < second for first, second in pairwise(CAPABILITIES))
    assert all(first.number < second.number for first, second in pairwise(CAPABILITIES))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8.6", (8, 6)),
        (" 12.1\n", (12, 1)),
        ("sm_90", (9, 0)),
        ("SM_121", (12, 1)),
        ("sm75", (7, 5)),
        ("9.0a", (9, 0)),
        ("sm_90a", (9, 0)),
        ("10.0f", (10, 0)),
        ("sm_103F", (10, 3)),
    ],
)
def test_spellings_of_a_capability(text: str, expected: tuple[int, int]) -> None:
    assert parse_capability(text) == expected
    assert parse_device(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "86", "8", "8.", ".6", "8.6.1", "8.10", "0.5", "100.0", "-8.6", "8,6", "8.6 8.9"),
        *("8.6+PTX", "9.0b", "9.0aa", "sm_8", "sm_8.6", "sm_1000", "sm-86", "compute_86"),
        *("٨.٦", "rtx4090"),
    ],
)
def test_what_is_no_capability(text: str) -> None:
    with pytest.raises(UsageError, match="is not a compute capability") as caught:
        parse_capability(text)
    assert "8.6" in caught.value.hint


@given(capability=st.sampled_from(CAPABILITIES), suffix=st.sampled_from(["", "a", "f"]))
def test_every_capability_is_read_as_it_is_written(
    capability: ComputeCapability, suffix: str
) -> None:
    assert parse_capability(f"{capability}{suffix}") == capability
    assert parse_capability(f"sm_{capability.number}{suffix}") == capability


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("h100", "9.0"),
        ("RTX 4090", "8.9"),
        ("rtx-4090", "8.9"),
        ("rtx_4090", "8.9"),
        ("rtx4090", "8.9"),
        ("RTX4080SUPER", "8.9"),
        ("rtx3060ti", "8.6"),
        ("GTX 1080 Ti", "6.1"),
        # As nvidia-smi says it.
        ("Tesla K80", "3.7"),
        ("Tesla P100-PCIE-16GB", "6.0"),
        ("Tesla V100-SXM2-32GB", "7.0"),
        ("Tesla T4", "7.5"),
        ("TITAN X (Pascal)", "6.1"),
        ("GeForce GTX TITAN X", "5.2"),
        ("NVIDIA GeForce GTX 1660 Ti with Max-Q Design", "7.5"),
        ("NVIDIA A100-SXM4-80GB", "8.0"),
        ("NVIDIA A100 80GB PCIe", "8.0"),
        ("NVIDIA H100 80GB HBM3", "9.0"),
        ("NVIDIA H100 NVL", "9.0"),
        ("NVIDIA GH200 480GB", "9.0"),
        ("NVIDIA GeForce RTX 4070 Ti SUPER", "8.9"),
        ("NVIDIA GeForce RTX 5090 Laptop GPU", "12.0"),
        ("NVIDIA RTX A2000 12GB", "8.6"),
        ("NVIDIA RTX 6000 Ada Generation", "8.9"),
        ("NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", "12.0"),
        ("NVIDIA GB10", "12.1"),
        ("Orin (nvgpu)", "8.7"),
        ("NVIDIA Jetson Orin Nano Developer Kit", "8.7"),
        # One letter or word tells them apart.
        ("L4", "8.9"),
        ("T4", "7.5"),
        ("P4", "6.1"),
        ("A10", "8.6"),
        ("A100", "8.0"),
        ("B200", "10.0"),
        ("B300", "10.3"),
        ("GTX 960", "5.2"),
        ("GTX 960M", "5.0"),
        ("Quadro RTX 6000", "7.5"),
        ("RTX A6000", "8.6"),
        ("Quadro RTX A6000", "8.6"),
        ("Quadro P6000", "6.1"),
        ("Quadro M6000 24GB", "5.2"),
        ("Jetson Nano", "5.3"),
        ("Orin Nano", "8.7"),
        ("Xavier", "7.2"),
        ("Thor", "11.0"),
    ],
)
def test_names(text: str, expected: str) -> None:
    assert str(parse_device(text)) == expected


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("4090", {"RTX 4090"}),
        ("RTX 4080 Supr", {"RTX 4080"}),
        ("rtx 9090", {"RTX 5090", "RTX 4090", "RTX 3090"}),
        ("h10", {"H100"}),
        # Names that GPUs of several compute capabilities share.
        ("RTX 6000", {"Quadro RTX 6000", "RTX 6000 Ada", "RTX PRO 6000", "RTX A6000"}),
        ("Titan X", {"Titan X (Pascal)", "GTX Titan X"}),
        ("nano", {"Jetson Nano", "Jetson Orin Nano"}),
    ],
)
def test_an_unknown_name_is_answered_with_those_near(text: str, near: set[str]) -> None:
    with pytest.raises(UsageError, match=r"no GPU is known as .*; names like it: ") as caught:
        parse_device(text)
    assert repr(text) in caught.value.message
    listed = caught.value.message.partition("names like it: ")[2].split(", ")
    assert near <= set(listed)
    assert len(listed) <= 5


@pytest.mark.parametrize("text", ["", " ", "86", "8.10", "Radeon VII", "GeForce", "80GB", "é"])
def test_nothing_is_near(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_device(text)
    assert caught.value.message == f"no GPU is known as {text!r}"
    assert "8.6" in caught.value.hint
    assert "https://developer.nvidia.com/cuda-gpus" in caught.value.hint


@given(text=st.text(max_size=12))
def test_any_text_is_a_device_or_a_usage_error(text: str) -> None:
    try:
        capability = parse_device(text)
    except UsageError:
        return
    assert capability in CAPABILITIES


def test_the_table_knows_what_torch_was_ever_built_for() -> None:
    built = {"3.5", "3.7", "5.0", "6.0", "6.1", "7.0", "7.5", "8.0", "8.6", "9.0", "10.0", "12.0"}
    assert built <= {str(capability) for capability in KNOWN}
    assert device_names(ComputeCapability(99, 9)) == ()


def test_every_capability_of_the_table_can_be_asked_for() -> None:
    # Those out of the range above would never be seen.
    assert sum(map(len, devices._names().values())) == len(NAMES) > 150


@pytest.mark.parametrize(("name", "capability"), NAMES)
def test_every_name_means_one_capability(name: str, capability: ComputeCapability) -> None:
    """No key is that of two names, no word is left out that a name needs, none is a capability."""
    assert [other for other, _ in NAMES if devices._key(other) == devices._key(name)] == [name]
    for variant in (name, name.lower(), f"NVIDIA {name} Laptop GPU", f"{name}-16GB"):
        assert parse_device(variant) == capability
    with pytest.raises(UsageError):
        parse_capability(name)


SERIES = {
    "RTX 50": 12, "RTX PRO": 12, "RTX 40": 8, "RTX 30": 8, "RTX A": 8, "RTX 20": 7, "GTX 16": 7,
    "Quadro RTX": 7, "GTX 10": 6, "GTX 9": 5, "GTX 7": 3, "GTX 6": 3,
}  # fmt: skip
"""First part of the compute capability that a series has by the generation of its chips."""


def test_series_have_the_capabilities_of_their_generation() -> None:
    found = {
        name: capability.major == major
        for name, capability in NAMES
        for start, major in SERIES.items()
        if name.startswith(start) and not name.endswith("Ada")
    }
    assert len(found) > 60
    # Each was of the next generation already.
    assert {name for name, agrees in found.items() if not agrees} == {"GTX 750", "RTX 2050"}
    assert {parse_device(name).number for name, _ in NAMES if name.endswith("Ada")} == {89}


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a path where a fake nvidia-smi is looked for."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "nvidia-smi"


def write_script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def answer(path: Path, text: str) -> None:
    """Make a script that says this to the one question that it may be asked."""
    asked = '"$*" = "--query-gpu=compute_cap --format=csv,noheader"'
    write_script(path, f"[ {asked} ] || exit 2\nprintf '{text}'")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8.6\\n", ["8.6"]),
        ("12.0\\n8.6\\n12.0\\n", ["8.6", "12.0"]),
        ("9.0\\r\\n10.3\\r\\n", ["9.0", "10.3"]),
    ],
)
def test_the_gpus_of_this_machine(smi: Path, text: str, expected: list[str]) -> None:
    answer(smi, text)
    assert [str(capability) for capability in native_capabilities()] == expected


def failure() -> ToolError:
    with pytest.raises(ToolError) as caught:
        native_capabilities()
    assert "--device 8.6" in caught.value.hint
    return caught.value


def test_no_nvidia_smi(smi: Path) -> None:
    assert "nvidia-smi was not found" in failure().message


@pytest.mark.parametrize("text", ["", "\\n"])
def test_no_gpu(smi: Path, text: str) -> None:
    answer(smi, text)
    assert failure().message == "nvidia-smi names no GPU"


@pytest.mark.parametrize("line", ["[N/A]", "[Not Supported]", "No devices were found", "8.6, 1"])
@pytest.mark.parametrize("before", ["", "8.6\\n"])
def test_an_answer_without_a_capability(smi: Path, before: str, line: str) -> None:
    answer(smi, f"{before}{line}\\n")
    error = failure()
    assert error.message == f"nvidia-smi does not tell the compute capability: {line!r}"
    assert error.file == str(smi)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            "echo 'Field \"compute_cap\" is not a valid field to query.'; exit 2",
            "not a valid field",
        ),
        ("echo 'No devices were found'; exit 6", "No devices were found"),
        ("echo 'Failed to initialize NVML' >&2; exit 18", "Failed to initialize NVML"),
        ("echo 8.6; exit 15", "8.6"),
        ("exit 9", "exit status 9"),
    ],
)
def test_a_failing_nvidia_smi_is_quoted(smi: Path, script: str, said: str) -> None:
    write_script(smi, script)
    error = failure()
    assert error.message.startswith("nvidia-smi failed: ")
    assert said in error.message
    assert error.file == str(smi)


def test_an_nvidia_smi_that_hangs(smi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_TIMEOUT", 0.2)
    write_script(smi, "exec /bin/sleep 60")
    assert "timed out" in failure().message


def test_an_nvidia_smi_that_does_not_start(smi: Path) -> None:
    smi.write_text("#!/no/such/interpreter\n")
    smi.chmod(0o755)
    assert "did not run" in failure().message
