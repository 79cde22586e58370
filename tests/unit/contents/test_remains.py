"""What a recipe leaves, part by part, adds up to what the plan says."""

import tempfile
from pathlib import Path

import pytest

from slimwheel.build import BuildOptions, plan_wheel
from slimwheel.contents import Breakdown, Kind, Remains, contents_of, remains_of
from slimwheel.plan import Action, Facts, Plan, Targets
from slimwheel.recipe import load_recipe
from slimwheel.wheelfile.wheel import Wheel
from tests.support.cuda_native import make_cuda_torch
from tests.support.fatbins import HandMade, container, image
from tests.support.upstream import make_torch_wheel

DEVICE = "torch/lib/libtorch_cuda.so"
Looked = tuple[Breakdown, Plan, Remains]


def looked_at(path: Path, recipe: str, *devices: str) -> Looked:
    breakdown = contents_of(path)
    options = BuildOptions(Path(), targets=Targets(devices))
    with (
        tempfile.TemporaryDirectory() as scratch,
        Wheel.open(path) as wheel,
        Facts(wheel, Path(scratch)) as facts,
    ):
        plan, _, _ = plan_wheel(facts, load_recipe(recipe), options)
        return breakdown, plan, remains_of(breakdown, plan)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Looked:
    return looked_at(make_torch_wheel(tmp_path_factory.mktemp("plain")), "cpu")


@pytest.fixture(scope="module")
def cuda(tmp_path_factory: pytest.TempPathFactory) -> Looked:
    return looked_at(make_cuda_torch(tmp_path_factory.mktemp("cuda")), "cpu")


@pytest.fixture(scope="module")
def gpu(tmp_path_factory: pytest.TempPathFactory) -> Looked:
    large = b"kernel " * 9000
    code = [container(image(n, payload=large) for n in (80, 90))]
    members: dict[str, bytes | str] = {
        DEVICE: HandMade({".nv_fatbin": code}).build(),
        "torch/cuda/__init__.py": "def _check_capability():\n    pass\n",
    }
    wheel = make_torch_wheel(tmp_path_factory.mktemp("gpu"), "2.14.1", members=members)
    return looked_at(wheel, "gpu", "9.0")


@pytest.mark.parametrize("name", ["plain", "cuda", "gpu"])
def test_sums_are_those_of_the_plan(name: str, request: pytest.FixtureRequest) -> None:
    breakdown, plan, remains = request.getfixturevalue(name)
    assert remains.installed == plan.installed_after
    assert remains.download == plan.packed_after
    removed = remains.removed_by_kind(breakdown)
    gone = sum(removed.values()) - remains.written_anew(breakdown)
    assert gone == breakdown.installed - remains.installed
    for member in breakdown.members:
        left = remains.members[member.name]
        for (_, _, size, _), stays in zip(member.shares, left.kept(member), strict=True):
            assert 0 <= stays <= size
        assert sum(left.kept(member)) <= left.installed


def test_files_that_go(plain: Looked) -> None:
    breakdown, _, remains = plain
    header = remains.members["torch/include/ATen/ATen.h"]
    assert (header.action, header.rules, header.installed) == (Action.DROP, ("headers",), 0)
    assert remains.loses["headers"].startswith("building C++ extensions")
    removed = remains.removed_by_kind(breakdown)
    assert Kind.HEADERS in removed
    assert Kind.LICENCES not in removed


def test_symbols_go_by_their_rule(plain: Looked) -> None:
    breakdown, _, remains = plain
    name = "torch/lib/libc10.so"
    member, left = breakdown.member(name), remains.members[name]
    assert member is not None
    parts = {part.section: rest for part, rest in zip(member.parts, left.parts, strict=True)}
    assert parts[".symtab"] == parts[".debug_info"] == (0, ("symbols",))
    text = next(part for part in member.parts if part.section == ".text")
    assert parts[".text"] == (text.size, ())


def test_device_code_goes_by_its_rule(gpu: Looked) -> None:
    breakdown, _, remains = gpu
    member, left = breakdown.member(DEVICE), remains.members[DEVICE]
    assert member is not None
    parts = {part.target: rest for part, rest in zip(member.parts, left.parts, strict=True)}
    (kept,) = (part for part in member.parts if part.target == "sm_90")
    assert parts["sm_90"] == (kept.size, ())
    # Pages of the other's go; what is left of it on the last one is zeros or somebody else's.
    assert parts["sm_80"] == (0, ("device-code",))


def test_a_stand_in_has_nothing_of_the_original(cuda: Looked) -> None:
    breakdown, plan, remains = cuda
    assert plan.cuda is not None
    stand_ins = {shadow.member for shadow in plan.cuda.shadows}
    replaced = [m for m in breakdown.members if m.name in stand_ins]
    assert replaced
    for member in replaced:
        left = remains.members[member.name]
        assert left.installed > 0
        assert not any(left.kept(member))


def test_what_is_added_is_told(plain: Looked) -> None:
    breakdown, plan, remains = plain
    names = {member.name for member in breakdown.members}
    added = {decision.member for decision in plan.with_action(Action.ADD)} - names
    assert {member.name for member in remains.added} == added != set()
