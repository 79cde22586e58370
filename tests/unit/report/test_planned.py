"""What a plan says as a document: whole after a round trip, refused where it is anything else."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from slimwheel.build import BuildOptions, plan_wheel
from slimwheel.plan import Facts
from slimwheel.recipe import load_recipe
from slimwheel.report.planned import PlannedWheel
from slimwheel.report.shapes import Shape, fits
from slimwheel.wheelfile.wheel import Wheel
from tests.golden.cases import CASES


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("planned")
    path = CASES["cuda"](folder)
    (folder / "scratch").mkdir()
    with Wheel.open(path) as wheel, Facts(wheel, folder / "scratch", blocks=False) as facts:
        plan, _, _ = plan_wheel(facts, load_recipe("cpu"), BuildOptions(output_dir=Path()))
    planned = PlannedWheel.of(plan, 12_345)
    assert planned.head["cuda"]["libraries"]
    return json.loads(json.dumps(planned.to_document()))


def test_a_document_says_all_of_a_plan(document: Any) -> None:
    planned = PlannedWheel.from_document(document)
    assert planned is not None
    report = planned.to_json()
    assert list(report)[:3] == ["schema", "recipe", "switches"]
    assert [d["member"] for d in report["decisions"]] == sorted(planned.members)
    assert json.loads(json.dumps(planned.to_document())) == document


def other_member(document: Any) -> None:
    document["head"]["cuda"]["libraries"][0]["member"] = "torch/lib/nowhere.so"


def without_cuda_why(document: Any) -> None:
    del document["head"]["cuda"]["libraries"][0]["why"]


def text_for_a_size(document: Any) -> None:
    document["head"]["installed"]["before"] = "1"


def truth_for_a_size(document: Any) -> None:
    document["members"][0][3] = True


def short_member(document: Any) -> None:
    document["members"][0].pop()


def saving_without_size(document: Any) -> None:
    document["members"][0][-1] = [["symbols"]]


def more_than_a_document(document: Any) -> None:
    document["more"] = 1


def decisions_in_the_head(document: Any) -> None:
    document["head"]["decisions"] = [1]


@pytest.mark.parametrize(
    "change",
    [
        other_member,
        without_cuda_why,
        text_for_a_size,
        truth_for_a_size,
        short_member,
        saving_without_size,
        more_than_a_document,
        decisions_in_the_head,
    ],
)
def test_a_foreign_document_is_refused(document: Any, change: Any) -> None:
    changed = copy.deepcopy(document)
    change(changed)
    assert PlannedWheel.from_document(changed) is None


@pytest.mark.parametrize("value", [None, [], "plan", {"head": {}, "members": []}, {"head": 1}])
def test_what_is_no_document_is_refused(value: object) -> None:
    assert PlannedWheel.from_document(value) is None


@pytest.mark.parametrize(
    ("value", "shape", "expected"),
    [
        (1, int, True),
        (True, int, False),
        (None, None, True),
        (0, None, False),
        (None, (None, str), True),
        ([1, "a"], [(int, str)], True),
        ([1, None], [int], False),
        ([1], [], False),
        ({"a": 1}, {str: int}, True),
        ({"a": "b"}, {str: int}, False),
        ({"a": 1, "b": 2}, {"a": int}, False),
        ([], {"a": int}, False),
    ],
)
def test_shapes(value: object, shape: Shape, expected: bool) -> None:
    assert fits(value, shape) is expected
