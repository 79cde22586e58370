"""Which GPUs a wheel serves when some of its images are gone."""

import pytest

from slimwheel.cuda import Architecture, ComputeCapability, Image, Kind
from slimwheel.plan.device_code import DevicePlan, LibraryCode, majors, runs

Container = tuple[Image, ...]


def images(*targets: str) -> Container:
    """Return images for targets such as sm_90a and compute_70."""
    return tuple(_image(target, 1000 * number) for number, target in enumerate(targets))


def _image(target: str, offset: int) -> Image:
    kind, _, text = target.partition("_")
    number = text.rstrip("af")
    architecture = Architecture(int(number), text.removeprefix(number))
    return Image(
        Kind.PTX if kind == "compute" else Kind.CUBIN, architecture, offset, 64, 936, 0, 0, 0
    )


def planned(
    devices: list[tuple[int, int]], *containers: Container, ptx: bool = False
) -> DevicePlan:
    plan = DevicePlan(tuple(ComputeCapability(*device) for device in devices), ptx)
    after = tuple(tuple(each[index] for index in sorted(plan.choose(each))) for each in containers)
    plan.libraries["torch/lib/libtorch_cuda.so"] = LibraryCode(containers, after)
    return plan


def served(plan: DevicePlan) -> list[str]:
    return [str(device) for device in plan.served]


ALL = images("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")


def test_a_later_gpu_of_the_same_generation_is_served() -> None:
    assert served(planned([(8, 0)], ALL)) == ["8.0", "8.6", "8.7", "8.9"]
    assert served(planned([(8, 6)], ALL)) == ["8.6", "8.7", "8.9"]
    assert served(planned([(7, 5), (9, 0)], ALL)) == ["7.5", "9.0"]


def test_one_container_without_code_is_enough_to_be_of_no_use() -> None:
    assert served(planned([(8, 6)], ALL, images("sm_80", "sm_86"))) == ["8.6", "8.7", "8.9"]
    # 8.9 has code of its own there, which went, and nothing else that it could run.
    assert served(planned([(8, 6)], ALL, images("sm_89"))) == ["8.6", "8.7"]


def test_what_upstream_does_not_serve_is_no_loss() -> None:
    assert served(planned([(7, 5)], ALL, images("sm_80"))) == ["7.5"]


def test_code_for_one_architecture_is_not_replaced_by_what_is_for_all() -> None:
    blackwell = images("sm_100", "sm_100a", "sm_103f")
    assert served(planned([(10, 0)], ALL, blackwell)) == ["10.0"]
    assert served(planned([(10, 0), (10, 3)], ALL, blackwell)) == ["10.0", "10.3"]


def test_ptx_serves_later_gpus() -> None:
    old = images("sm_70", "compute_70")
    assert served(planned([(7, 0)], old)) == ["7.0", "7.5"]
    later = served(planned([(7, 0)], old, ptx=True))
    assert {"8.0", "9.0", "12.0"} <= {*later}


def test_what_tells_results_apart() -> None:
    assert planned([(8, 0), (12, 1)], ALL).segments == ("sm80", "sm121")
    assert planned([(8, 0)], (*ALL, *images("compute_70")), ptx=True).segments == ("sm80", "ptx")
    assert planned([(8, 0)], ALL, ptx=True).segments == ("sm80",), "there is none"
    assert planned([(8, 0)], (*ALL, *images("compute_90a")), ptx=True).segments == ("sm80",)


def test_targets_are_those_that_stay() -> None:
    plan = planned([(9, 0), (10, 0)], ALL, images("sm_90a", "sm_100a", "compute_120"))
    assert plan.targets == ("sm_90", "sm_90a", "sm_100", "sm_100a")
    plan.stays_whole("torch/lib/libtorch_cuda.so")
    assert "sm_75" in plan.targets
    assert "compute_120" in plan.targets
    assert plan.libraries["torch/lib/libtorch_cuda.so"].removed_packed == 0


@pytest.mark.parametrize(
    ("containers", "least"),
    [
        ([ALL], ["7.5", "8.0", "9.0", "10.0", "12.0"]),
        ([images("sm_86"), images("sm_89", "sm_80")], ["8.0", "8.6"]),
        ([images("sm_35", "sm_50"), images("sm_37", "sm_50")], ["3.5", "3.7", "5.0"]),
        ([images("sm_72", "sm_75"), images("sm_70")], ["7.0", "7.2", "7.5"]),
        ([images("sm_90a", "compute_70")], []),
        ([images("sm_35", "sm_37", "sm_50", "sm_52")], ["3.5", "5.0"]),
    ],
)
def test_majors(containers: list[Container], least: list[str]) -> None:
    assert [str(device) for device in majors([tuple(containers)])] == least


def test_whether_a_gpu_finds_anything() -> None:
    libraries = [(images("sm_80"),), (images("compute_90"), ())]
    found = [runs(libraries, ComputeCapability(*device)) for device in ((7, 5), (8, 6), (12, 0))]
    assert found == [False, True, True]
