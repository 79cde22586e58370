"""The driver's choice as a table: devices, what a container has, and what of it stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slimwheel.cuda import (
    Architecture,
    ComputeCapability,
    Image,
    Kind,
    architectures,
    chosen,
    kept,
    parse_capability,
    runs_on,
)

KINDS = {"sm": Kind.CUBIN, "compute": Kind.PTX, "lto": Kind.LTO_IR, "other": 0x20}


def an_image(target: str) -> Image:
    """Return an image of a target such as sm_90a; "other_80" is of a kind that is not known."""
    kind, _, architecture = target.partition("_")
    number = architecture.rstrip("af")
    suffix = architecture.removeprefix(number)
    return Image(KINDS[kind], Architecture(int(number), suffix), 0, 64, 8, 0, 0, 0)


def images(text: str) -> list[Image]:
    return [an_image(target) for target in text.split()]


def targets(found: frozenset[int], text: str) -> str:
    return " ".join(target for index, target in enumerate(text.split()) if index in found)


CASES = [
    # The nearest below of the same major version.
    ("8.0", "sm_75 sm_80 sm_86 sm_90", "sm_80"),
    ("8.6", "sm_75 sm_80 sm_86 sm_90", "sm_86"),
    ("8.9", "sm_75 sm_80 sm_86 sm_90", "sm_86"),
    ("8.9", "sm_86 sm_80", "sm_86"),
    # A device of 6.1 runs what was made for 6.0, and only that is there.
    ("6.1", "sm_35 sm_50 sm_60 sm_70", "sm_60"),
    ("6.1", "sm_60 sm_61", "sm_61"),
    ("6.0", "sm_50 sm_61 sm_70", ""),
    # Code of another major version does not run, be it older or newer.
    ("7.5", "sm_80 sm_60", ""),
    ("9.0", "sm_80 sm_86", ""),
    ("12.0", "sm_100 sm_103f sm_90a", ""),
    ("12.1", "sm_120 sm_120a", "sm_120"),
    ("12.1", "sm_120 sm_120f sm_121a", "sm_121a"),
    # `a`: this device only; what has it stands next to what has not.
    ("9.0", "sm_80 sm_90 sm_90a", "sm_90 sm_90a"),
    ("9.0", "sm_90a", "sm_90a"),
    ("10.3", "sm_100 sm_100a", "sm_100"),
    ("10.3", "sm_100a", ""),
    # `f`: this device and later ones of its family.
    ("10.3", "sm_100 sm_103f", "sm_103f"),
    ("10.0", "sm_100 sm_103f", "sm_100"),
    ("10.0", "sm_103f", ""),
    ("10.3", "sm_90 sm_100f", "sm_100f"),
    ("10.0", "sm_100 sm_100a sm_100f", "sm_100 sm_100a sm_100f"),
    ("12.0", "sm_100f", ""),
    # Both suffixes at once are not known: only for equals.
    ("10.0", "sm_100af", "sm_100af"),
    ("10.3", "sm_100af", ""),
    # PTX where there is no cubin: the newest that is not too new.
    ("9.0", "sm_80 compute_50 compute_80", "compute_80"),
    ("9.0", "compute_80 compute_90 compute_100", "compute_90"),
    ("9.0", "sm_90 compute_90", "sm_90"),
    ("8.6", "sm_80 compute_86", "sm_80"),
    ("5.0", "compute_52", ""),
    # PTX with a suffix: not for later devices.
    ("10.0", "compute_90a compute_80", "compute_80"),
    ("9.0", "compute_90a compute_80", "compute_90a"),
    ("10.3", "compute_100f compute_90", "compute_100f"),
    ("12.0", "compute_100f compute_90", "compute_90"),
    ("12.0", "compute_100f compute_100a", ""),
    # Several images of one architecture stay, in their order.
    ("7.0", "sm_70 sm_60 sm_70", "sm_70 sm_70"),
    # What is neither cubin nor PTX stays, whatever it was made for.
    ("9.0", "lto_75 other_50 sm_90", "lto_75 other_50 sm_90"),
    ("9.0", "lto_75 other_120 sm_80", "lto_75 other_120"),
    # Several devices.
    ("8.0 9.0", "sm_75 sm_80 sm_86 sm_90 sm_90a", "sm_80 sm_90 sm_90a"),
    ("8.0 8.6", "sm_80 compute_80", "sm_80"),
    ("8.0 9.0", "sm_80 compute_80", "sm_80 compute_80"),
    ("", "sm_80 compute_80 lto_80", "lto_80"),
    ("9.0", "", ""),
]


@pytest.mark.parametrize(("devices", "there", "stays"), CASES)
def test_what_stays(devices: str, there: str, stays: str) -> None:
    wanted = [parse_capability(device) for device in devices.split()]
    assert targets(kept(images(there), wanted), there) == stays


@pytest.mark.parametrize(
    ("there", "stays"),
    [
        ("sm_80 sm_90 compute_80 compute_90", "sm_80 compute_90"),
        ("sm_80 compute_80 compute_90a compute_90f", "sm_80 compute_80"),
        ("sm_80 compute_120 compute_90", "sm_80 compute_120"),
        ("sm_80 compute_90 sm_90 compute_90", "sm_80 compute_90 compute_90"),
        ("sm_80 sm_90", "sm_80"),
        ("compute_50 compute_90", "compute_50 compute_90"),
    ],
)
def test_ptx_for_devices_to_come(there: str, stays: str) -> None:
    assert targets(kept(images(there), [ComputeCapability(8, 0)], ptx=True), there) == stays


def test_ptx_alone_is_no_reason_to_keep_cubins() -> None:
    there = "sm_80 compute_80 lto_80"
    assert targets(kept(images(there), [], ptx=True), there) == "compute_80 lto_80"


def test_what_is_no_code_runs_on_nothing() -> None:
    device = ComputeCapability(8, 0)
    assert not runs_on(an_image("lto_80"), device)
    assert not runs_on(an_image("other_80"), device)
    assert chosen(images("lto_80 other_80"), device) == frozenset()


def test_architectures_are_those_of_cubins() -> None:
    there = images("sm_90a sm_80 sm_90 compute_100 sm_120 lto_75 sm_80")
    assert [str(each) for each in architectures(there)] == ["80", "90", "90a", "120"]


DEVICES = st.sampled_from([ComputeCapability(*divmod(n, 10)) for n in (60, 61, 80, 90, 100, 103)])
IMAGES = st.lists(
    st.builds(
        lambda kind, number, suffix: an_image(f"{kind}_{number}{suffix}"),
        st.sampled_from(["sm", "sm", "compute", "lto", "other"]),
        st.sampled_from([50, 60, 61, 70, 80, 86, 90, 100, 103, 120]),
        st.sampled_from(["", "", "a", "f"]),
    ),
    max_size=9,
)


@given(there=IMAGES, devices=st.lists(DEVICES, max_size=3), ptx=st.booleans())
def test_a_device_is_served_afterwards_as_before(
    there: list[Image], devices: list[ComputeCapability], ptx: bool
) -> None:
    stays = kept(there, devices, ptx=ptx)
    left = [image for index, image in enumerate(there) if index in stays]
    for device in devices:
        before = [there[index] for index in sorted(chosen(there, device))]
        assert [left[index] for index in sorted(chosen(left, device))] == before
    assert kept(left, devices, ptx=ptx) == frozenset(range(len(left)))
    assert [i for i in left if not i.is_code] == [i for i in there if not i.is_code]
