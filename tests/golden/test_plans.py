"""Plans of small wheels against golden files.

A golden file holds what happens to each member and by which rule. Sizes are not in it: they are
the compiler's. After a change that is meant, run `pytest tests/golden --update-golden`.
"""

import json
from pathlib import Path

import pytest

from slimwheel.build import BuildOptions, plan_wheel
from slimwheel.plan import Facts
from slimwheel.recipe import load_recipe
from slimwheel.wheelfile.wheel import Wheel
from tests.golden.cases import CASES, RECIPES

HERE = Path(__file__).parent


def planned(path: Path, recipe: str, scratch: Path) -> dict[str, object]:
    with Wheel.open(path) as wheel, Facts(wheel, scratch) as facts:
        plan, _, _ = plan_wheel(facts, load_recipe(recipe), BuildOptions(output_dir=scratch))
    rules = {
        summary.rule.id: {"files": len(summary.members), "loses": summary.rule.loses}
        for summary in plan.summaries
        if summary.members
    }
    members = {
        name: " ".join([decision.action, *decision.rules])
        for name, decision in sorted(plan.decisions.items())
    }
    found: dict[str, object] = {"rules": rules, "members": members, "warnings": plan.warnings}
    if plan.cuda is not None:
        verdicts = plan.cuda.verdicts.items()
        found["cuda"] = {
            "verdicts": {
                m: f"{'goes' if v.goes else 'stays'}: {v.why}" for m, v in sorted(verdicts)
            },
            "shadows": {shadow.member: shadow.families for shadow in plan.cuda.shadows},
            "emptied": sorted(plan.cuda.emptied),
            "dropped": plan.dropped_requirements,
        }
        if plan.cuda.renamed:
            found["renamed"] = plan.cuda.renamed
    if plan.replaced_requirements:
        found["replaced"] = plan.replaced_requirements
    return found


@pytest.mark.parametrize("case", CASES)
def test_plan(case: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    found = planned(CASES[case](tmp_path), RECIPES.get(case, "cpu"), scratch)
    golden = HERE / f"{case}.json"
    if request.config.getoption("--update-golden"):
        golden.write_text(json.dumps(found, indent=1) + "\n")
    assert found == json.loads(golden.read_text())
