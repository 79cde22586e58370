"""Edits, dependencies and names that depend on a rule: there where it removed something."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from slimwheel.build import BuildOptions, plan_wheel
from slimwheel.errors import WheelError
from slimwheel.plan import Action, Facts, Plan
from slimwheel.recipe import load_recipe
from slimwheel.report.planned import PlannedWheel
from slimwheel.report.tables import totals
from slimwheel.wheelfile.wheel import Wheel
from tests.golden.cases import old_layout
from tests.support.upstream import make_torch_wheel

Planned = Callable[[str], Plan]

# Rule `types` finds the type stubs of every look-alike, rule `none` finds nothing.
RULES = """
extends = "cpu"
name = "own"
[[remove]]
id = "types"
paths = ["*.pyi"]
reason = "a rule for tests"
loses = "nothing of worth"
[[remove]]
id = "none"
paths = ["/nothing/"]
reason = "a rule for tests"
loses = "nothing of worth"
"""


@pytest.fixture
def planned(tmp_path: Path) -> Planned:
    """Plan a look-alike by `cpu` with what a recipe of its own lays over it."""
    requires = ("Requires-Dist: nvidia-nccl-cu13==2.30; platform_system == 'Linux'",)
    wheel_file = make_torch_wheel(tmp_path, "2.13.0+cu130", metadata_extra=requires)
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def plan(recipe: str) -> Plan:
        own = tmp_path / "own.toml"
        own.write_text(RULES + recipe)
        with Wheel.open(wheel_file) as wheel, Facts(wheel, scratch) as facts:
            return plan_wheel(facts, load_recipe(str(own)), BuildOptions(scratch))[0]

    return plan


def edit(rule: str, file: str, place: str, code: str, more: str = "") -> str:
    return (
        f"[[python]]\nrule = '{rule}'\nfile = '{file}'\nplace = '{place}'\n"
        f"code = '''{code}'''\n{more}"
    )


def test_edits_are_made_where_their_rule_removed_something(planned: Planned) -> None:
    version = ("torch/version.py", "assignment:__version__", "'{public-version}+own'")
    cuda = ("torch/version.py", "assignment:cuda", "'none'")
    plan = planned(edit("types", *version) + edit("none", *cuda))
    text = plan.contents["torch/version.py"].decode()
    assert "__version__ = '2.13.0+own'\n" in text
    assert "cuda: Optional[str] = None\n" in text
    assert plan.decisions["torch/version.py"].why == "rule types"


@pytest.mark.parametrize(
    ("file", "place"),
    [("torch/_ops.py", "function:nothing"), ("torch/nothing.py", "assignment:x")],
)
def test_edits_that_find_no_place(planned: Planned, file: str, place: str) -> None:
    with pytest.raises(WheelError) as caught:
        planned(edit("types", file, place, "0"))
    assert file in str(caught.value)
    plan = planned(edit("types", file, place, "0", "required = false\n"))
    assert f"no edit of {file} at {place}: this wheel does not have it" in plan.warnings
    old = planned(edit("types", file, place, "0", "versions = '<2'\n"))
    assert not [warning for warning in old.warnings if file in warning]


def test_dependencies_go_where_their_rule_removed_something(planned: Planned) -> None:
    requires = '[requires]\nadd = ["numpy"]\ndrop = ["nvidia-*"]\nrule = '
    plan = planned(requires + "'types'\n")
    value = "nvidia-nccl-cu13==2.30; platform_system == 'Linux'"
    assert plan.dropped_requirements == [value]
    assert "requires   no longer nvidia-nccl-cu13" in totals(PlannedWheel.of(plan, 1))
    metadata = next(c for name, c in plan.contents.items() if name.endswith("/METADATA")).decode()
    assert "nvidia" not in metadata
    assert "Requires-Dist: numpy\n" in metadata
    kept = planned(requires + "'none'\n")
    assert kept.dropped_requirements == []
    assert not [line for line in totals(PlannedWheel.of(kept, 1)) if line.startswith("requires")]
    metadata = next(c for name, c in kept.contents.items() if name.endswith("/METADATA")).decode()
    assert f"Requires-Dist: {value}\n" in metadata
    assert "Requires-Dist: numpy\n" in metadata


def test_entry_points_of_modules_that_go(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    with Wheel.open(old_layout(tmp_path)) as wheel, Facts(wheel, tmp_path / "scratch") as facts:
        plan, _, _ = plan_wheel(facts, load_recipe("cpu"), BuildOptions(tmp_path))
    assert plan.dropped_entry_points == ["console_scripts:coverage"]
    assert "offers     no longer console_scripts:coverage" in totals(PlannedWheel.of(plan, 1))


def test_what_the_shim_forgets_goes_with_its_rule(planned: Planned) -> None:
    forget = "[[shim.forget]]\nmodule = 'torch._C'\nrule = '{}'\nnames = ['_{}*']\n"
    old = "versions = '<2'\n"
    plan = planned(
        forget.format("types", "typed")
        + "except = ['_typed_x']\nset = {_has = false}\n"
        + forget.format("types", "old")
        + old
        + forget.format("none", "none")
    )
    manifest = json.loads(plan.contents["torch/_slimwheel/manifest.json"])
    assert manifest["forget"] == [
        {
            "module": "torch._C",
            "rule": "types",
            "names": ["_typed*"],
            "except": ["_typed_x"],
            "set": {"_has": False},
        }
    ]


def test_a_cpu_build_keeps_its_version_its_names_and_its_dependencies(planned: Planned) -> None:
    plan = planned("")
    assert plan.decisions["torch/version.py"].action is Action.KEEP
    assert json.loads(plan.contents["torch/_slimwheel/manifest.json"])["forget"] == []
    assert plan.dropped_requirements == plan.dropped_entry_points == []
