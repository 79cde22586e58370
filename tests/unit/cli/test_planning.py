"""Plans that were made before are shown from the cache, and only where all is as it was."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slimwheel.cli import planning
from slimwheel.errors import WheelError
from slimwheel.fetch.documents import Documents
from slimwheel.report.planned import PlannedWheel
from tests.e2e.test_gpu_wheel import members
from tests.golden.cases import CASES, RECIPES
from tests.support.upstream import make_torch_wheel
from tests.unit.cli.test_commands import run

OPTIONS: dict[str, Any] = {
    "keep": (),
    "drop": (),
    "device": (),
    "ptx": None,
    "local": None,
    "build_number": None,
}


class Planner:
    """Plans with a cache of its own, counting the plans that were made."""

    def __init__(self, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made = 0
        self.cache = cache
        monkeypatch.setenv("SLIMWHEEL_CACHE_DIR", str(cache))
        real = planning._made

        def counted(*arguments: Any) -> tuple[PlannedWheel, bool]:
            self.made += 1
            return real(*arguments)

        monkeypatch.setattr(planning, "_made", counted)

    def __call__(self, path: Path, recipe: str = "cpu", **options: Any) -> dict[str, Any]:
        cached = options.pop("cached", True)
        planned = planning.planned_wheel(path, None, recipe, OPTIONS | options, cached=cached)
        return planned.to_json() | {"savings": [m.savings for m in planned.members.values()]}


@pytest.fixture
def planner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planner:
    return Planner(tmp_path / "cache", monkeypatch)


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    folder = tmp_path / "upstream"
    folder.mkdir()
    return make_torch_wheel(folder)


@pytest.mark.parametrize("case", CASES)
def test_a_plan_from_the_cache_is_the_plan(case: str, tmp_path: Path, planner: Planner) -> None:
    path, recipe = CASES[case](tmp_path), RECIPES.get(case, "cpu")
    fresh = planner(path, recipe, cached=False)
    assert not planner.cache.exists()
    assert planner(path, recipe) == fresh
    assert planner.made == 2
    assert planner(path, recipe) == fresh
    assert planner.made == 2


def test_everything_that_a_plan_depends_on_counts(
    upstream: Path, tmp_path: Path, planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.toml"
    base = tmp_path / "base.toml"
    base.write_text('extends = "cpu"\nname = "own"\n')
    own.write_text('extends = "base.toml"\n')

    def touched() -> None:
        planner(upstream, str(own))

    touched()
    assert planner.made == 1
    plans: list[Callable[[], object]] = [
        lambda: planner(upstream),
        lambda: planner(upstream, keep=("headers",)),
        lambda: planner(upstream, keep=("headers",), local="x"),
        lambda: planner(upstream, build_number=1),
    ]
    for number, plan in enumerate(plans, 2):
        plan()
        assert planner.made == number
    base.write_text('extends = "cpu"\nname = "own"\nwithout = ["headers"]\n')
    touched()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    touched()
    monkeypatch.setattr(planning, "_digest_of_code", lambda: "other code")
    touched()
    monkeypatch.setattr(planning, "_versions", lambda: iter(["deflate 99"]))
    touched()
    assert planner.made == 9
    touched()
    assert planner.made == 9


def test_a_wheel_that_changed_is_looked_at_again(upstream: Path, planner: Planner) -> None:
    planner(upstream)
    stat = upstream.stat()
    size = stat.st_size
    other = make_torch_wheel(upstream.parent / "other", version="2.12.0+cpu")
    upstream.write_bytes(other.read_bytes()[:size].ljust(size, b"\0"))
    os.utime(upstream, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(WheelError):
        planner(upstream)


def test_damaged_plans_are_made_again(upstream: Path, planner: Planner) -> None:
    fresh = planner(upstream)
    for path in (planner.cache / "plans").iterdir():
        path.write_bytes(path.read_bytes()[:-9])
    assert planner(upstream) == fresh
    assert planner.made == 2
    assert planner(upstream) == fresh
    assert planner.made == 2


def test_a_build_takes_nothing_from_the_cache(
    upstream: Path, tmp_path: Path, planner: Planner
) -> None:
    fresh = planner(upstream)
    (kept,) = (planner.cache / "plans").iterdir()
    documents = Documents(kept.parent)
    document: Any = documents.get(kept.name)
    document["head"]["installed"]["after"] = 7
    for row in document["members"]:
        row[1] = "keep"
    documents.put(kept.name, document)
    assert planner(upstream)["installed"]["after"] == 7
    assert planner.made == 1
    build = ["build", "--recipe", "cpu", "--no-smoke", "--json", "--output-dir", str(tmp_path)]
    report = json.loads(run(*build, upstream).stdout)["builds"][0]
    assert report["outputs"][0]["installed"] == fresh["installed"]["after"]


def test_plans_for_the_gpus_of_this_machine_are_not_kept(
    tmp_path: Path, planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from slimwheel.cuda import parse_device
    from slimwheel.plan import device_rules

    path = make_torch_wheel(tmp_path, "2.14.1", members=members())
    monkeypatch.setattr(device_rules, "native_capabilities", lambda: (parse_device("9.0"),))
    for made in (1, 2):
        planner(path, "gpu", device=("native",))
        assert planner.made == made
    for _ in range(2):
        planner(path, "gpu", device=("9.0",))
        assert planner.made == 3
    # The rule is off, so that nobody has to name a GPU.
    for _ in range(2):
        planner(path, "gpu", keep=("device-code",), local="x")
        assert planner.made == 4


def test_a_cache_that_cannot_be_written_costs_time_only(
    upstream: Path, planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIMWHEEL_CACHE_DIR", str(upstream / "below-a-file"))
    assert planner(upstream) == planner(upstream)
    assert planner.made == 2


def test_the_digest_is_of_every_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "slimwheel"
    (package / "cli" / "__pycache__").mkdir(parents=True)
    monkeypatch.setattr(planning, "__file__", str(package / "cli" / "planning.py"))
    seen = [planning._digest_of_code()]
    for name in ("cli/planning.py", "elf.py", "cuda.toml"):
        (package / name).write_text("one")
        seen.append(planning._digest_of_code())
    (package / "elf.py").write_text("two")
    seen.append(planning._digest_of_code())
    (package / "elf.py").rename(package / "shadow.py")
    seen.append(planning._digest_of_code())
    assert len(set(seen)) == len(seen)
    (package / "cli" / "__pycache__" / "x.pyc").write_text("compiled")
    assert planning._digest_of_code() == seen[-1]


def test_the_second_time_loads_nothing_of_plans(upstream: Path, tmp_path: Path) -> None:
    import subprocess
    import sys

    program = (
        f"import sys; sys.argv = ['slimwheel', 'plan', '--recipe', 'cpu', {str(upstream)!r}]\n"
        "from slimwheel.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'pydantic', 'slimwheel.plan', 'slimwheel.build', 'slimwheel.recipe'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    environment = os.environ | {"SLIMWHEEL_CACHE_DIR": str(tmp_path / "cache")}
    outputs = [
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        ).stdout.splitlines()
        for _ in range(2)
    ]
    assert outputs[0][-1] != "[]"
    assert outputs[1][-1] == "[]"
    assert outputs[0][:-1] == outputs[1][:-1]


def test_the_command_says_the_same_in_every_form(
    upstream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIMWHEEL_CACHE_DIR", str(tmp_path / "cache"))
    for words in (
        [],
        ["--json"],
        ["--why", "torch/version.py"],
        ["--json", "--why", "torch/version.py"],
    ):
        plan = ["plan", "--recipe", "cpu", str(upstream), *words]
        uncached = run(*plan, "--no-cache")
        assert uncached.returncode == 0
        assert (tmp_path / "cache" / "plans").exists() == bool(words)
        for _ in range(2):
            done = run(*plan)
            assert (done.stdout, done.stderr) == (uncached.stdout, uncached.stderr)
    assert len(list((tmp_path / "cache" / "plans").iterdir())) == 1


def test_a_bad_recipe_is_told_before_anything_is_fetched(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    for recipe, text in ((str(own), "extends = 'cpu'\nnonsense = 1"), (str(own), "="), ("cpo", "")):
        own.write_text(text)
        done = run("plan", "--recipe", recipe, "--no-network", "--json", "torch==9.9")
        assert json.loads(done.stdout)["error"] == "RecipeError", recipe
