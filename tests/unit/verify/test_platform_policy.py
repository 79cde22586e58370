"""What platforms promise, held against auditwheel's own reading of its data."""

import pytest
from auditwheel.architecture import Architecture
from auditwheel.libc import Libc
from auditwheel.policy import Policy, WheelPolicies

from slimwheel.verify.platform_policy import PlatformPolicy

POLICIES = [
    policy
    for policy in WheelPolicies(libc=Libc.GLIBC, arch=Architecture.x86_64)
    if not policy.name.startswith("linux_")
]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_every_platform_is_read_as_auditwheel_reads_it(policy: Policy) -> None:
    for tag in (policy.name, *policy.aliases):
        found = PlatformPolicy.of([tag])
        assert found == PlatformPolicy(policy.name, policy.whitelist, policy.symbol_versions)


def test_of_several_platforms_the_newest_counts() -> None:
    tags = ["manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64"]
    assert PlatformPolicy.of(tags).name == "manylinux_2_28_x86_64"
    assert PlatformPolicy.of(reversed(tags)).name == "manylinux_2_28_x86_64"


@pytest.mark.parametrize(
    "tag", ["any", "linux_x86_64", "manylinux_2_28_aarch64", "manylinux_2_28_i686", "win_amd64"]
)
def test_other_platforms_promise_nothing_and_all_is_accepted(tag: str) -> None:
    policy = PlatformPolicy.of([tag])
    assert policy == PlatformPolicy(tag, None, {})
    assert policy.has_library("libanything.so.1")
    assert policy.has_version("GLIBC_99.0")


def test_versions_up_to_the_newest_are_promised() -> None:
    policy = PlatformPolicy.of(["manylinux_2_28_x86_64"])
    assert policy.has_library("libc.so.6")
    assert policy.has_library("ld-linux-x86-64.so.2")
    assert not policy.has_library("libgomp.so.1")
    assert policy.has_version("GLIBC_2.28")
    assert policy.has_version("GLIBC_2.2.5")
    assert not policy.has_version("GLIBC_2.29")
    assert not policy.has_version("GLIBC_PRIVATE")
    assert policy.has_version("OTHER_1.0")
