"""The command line: what it prints, and where."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from slimwheel.build import BuildOptions, Compression
from slimwheel.cli.build import COMPRESSIONS
from tests.support.upstream import make_torch_wheel


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "slimwheel", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_torch_wheel(tmp_path_factory.mktemp("upstream"))


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["build"],
        ["diff"],
        ["inspect"],
        ["matrix"],
        ["plan"],
        ["publish"],
        ["rebuild"],
        ["recipe"],
        ["recipe", "show"],
        ["shim"],
        ["verify"],
    ],
    ids=" ".join,
)
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    program = (
        f"import sys; sys.argv = ['slimwheel', *{words}, '--help']\n"
        "from slimwheel.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'pydantic', 'rich', 'deflate', 'packaging', 'importlib.metadata', 'hashlib',\n"
        "         'slimwheel.build', 'slimwheel.contents', 'slimwheel.elf', 'slimwheel.plan'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "Usage: " in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
    if not words:
        for command in ("build", "diff", "inspect", "matrix", "plan", "rebuild", "recipe", "shim"):
            assert command in done.stdout


def test_the_words_for_compressing_are_those_of_the_library() -> None:
    assert tuple(each.value for each in Compression) == COMPRESSIONS
    assert COMPRESSIONS[0] == BuildOptions(Path()).compression.value


def test_a_build_loads_nothing_of_other_commands(upstream: Path, tmp_path: Path) -> None:
    words = ["build", "--recipe", "cpu", "--no-smoke", "--output-dir", str(tmp_path), str(upstream)]
    program = (
        f"import sys; sys.argv = ['slimwheel', *{words}]\n"
        "from slimwheel.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'rich', 'jinja2', 'botocore', 'elftools', 'itanium_demangler',\n"
        "         'slimwheel.contents', 'slimwheel.matrix', 'slimwheel.publish'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    *written, loaded = done.stdout.splitlines()
    assert [Path(path).suffix for path in written] == [".whl", ".whl"]
    assert loaded == "[]"


def test_checking_a_wheel_loads_nothing_of_builds(upstream: Path) -> None:
    program = (
        f"import sys; sys.argv = ['slimwheel', 'verify', {str(upstream)!r}]\n"
        "from slimwheel.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'pydantic', 'rich', 'jinja2', 'elftools', 'slimwheel.build', 'slimwheel.plan'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    *report, loaded = done.stdout.splitlines()
    assert upstream.name in report[-1]
    assert loaded == "[]"


@pytest.mark.parametrize(
    "words",
    [
        ["frobnicate"],
        ["build"],
        ["build", "--nonsense"],
        ["build", "--recipe"],
        ["build", "--recipe", "cpu", "--build-number", "two", "torch.whl"],
        ["recipe", "frobnicate"],
        ["shim", "torch"],
    ],
)
def test_unknown_words_are_usage_errors(words: list[str]) -> None:
    done = run(*words)
    assert done.returncode == 2
    what, way_out = done.stderr.splitlines()
    assert what.startswith("slimwheel: error: ")
    assert "--help" in way_out
    report = json.loads(run(*words, "--json").stdout)
    assert (report["error"], report["exit_code"]) == ("UsageError", 2)


def test_a_command_without_words_explains_itself() -> None:
    done = run("recipe")
    assert done.returncode == 2
    assert "Usage: " in done.stderr
    assert "error" not in done.stderr


def test_plan_as_a_table(upstream: Path) -> None:
    done = run("plan", "--recipe", "cpu", upstream)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for word in ("headers", "test-programs", "loses", "installed", "largest members"):
        assert word in done.stdout


def test_plan_as_json_adds_up(upstream: Path) -> None:
    plan = json.loads(run("plan", "--recipe", "cpu", "--json", upstream).stdout)
    before = sum(decision["installed"]["before"] for decision in plan["decisions"])
    after = sum(decision["installed"]["after"] for decision in plan["decisions"])
    assert plan["installed"] == {"before": before, "after": after}
    headers = next(rule for rule in plan["rules"] if rule["rule"] == "headers")
    sizes = [
        decision["installed"]["before"]
        for decision in plan["decisions"]
        if "headers" in decision["rules"]
    ]
    assert headers["saved"] == sum(sizes)
    assert headers["files"] == len(sizes)
    assert plan["dropped"] == {"requirements": [], "entry_points": []}


def test_plan_and_build_agree(upstream: Path, tmp_path: Path) -> None:
    plan = json.loads(run("plan", "--recipe", "cpu", "--json", upstream).stdout)
    options = ["--recipe", "cpu", "--no-smoke", "--json", "--output-dir", str(tmp_path)]
    (build,) = json.loads(run("build", *options, upstream).stdout)["builds"]
    assert build["rules"] == plan["rules"]
    assert build["outputs"][0]["installed"] == plan["installed"]["after"]
    assert build["upstream"]["installed"] == plan["installed"]["before"]


def test_why(upstream: Path) -> None:
    done = run("plan", "--recipe", "cpu", upstream, "--why", "torch/include/ATen/ATen.h")
    assert done.stdout.startswith("torch/include/ATen/ATen.h: drop\n")
    assert "C++ headers are read by compilers only" in done.stdout
    done = run("plan", "--recipe", "cpu", upstream, "--json", "--why", "torch/version.py")
    assert json.loads(done.stdout)["action"] == "keep"
    done = run("plan", "--recipe", "cpu", upstream, "--why", "lib/libc10.so")
    assert done.returncode == 2
    assert "torch/lib/libc10.so" in done.stderr


def test_build_prints_paths(upstream: Path, tmp_path: Path) -> None:
    options = ["--recipe", "cpu", "--no-smoke", "--dev", "--output-dir", str(tmp_path)]
    done = run("build", *options, upstream)
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert sorted(paths) == sorted(tmp_path.iterdir())
    assert len(paths) == 3


def test_shim_prints_its_path(tmp_path: Path) -> None:
    options = ["--output-dir", str(tmp_path / "dist")]
    done = run("shim", *options)
    assert (done.returncode, done.stderr) == (0, "")
    (wheel,) = (tmp_path / "dist").iterdir()
    assert done.stdout == f"{wheel}\n"
    (output,) = json.loads(run("shim", *options, "--json").stdout)["outputs"]
    assert (output["path"], output["download"]) == (str(wheel), wheel.stat().st_size)
    wheel.write_bytes(b"another")
    done = run("shim", *options)
    assert done.returncode == 8
    assert "exists already and differs" in done.stderr
    assert run("shim", *options, "--force").returncode == 0
    assert wheel.stat().st_size == output["download"]


def test_recipe_commands(tmp_path: Path) -> None:
    assert run("recipe", "list").stdout.startswith("cpu")
    names = [recipe["name"] for recipe in json.loads(run("recipe", "list", "--json").stdout)]
    assert "cpu" in names
    shown = run("recipe", "show", "cpu").stdout
    copy = tmp_path / "copy.toml"
    copy.write_text(shown)
    assert run("recipe", "check", copy).returncode == 0
    assert json.loads(run("recipe", "show", "cpu", "--json").stdout)["name"] == "cpu"
    assert "properties" in json.loads(run("recipe", "schema").stdout)
    assert run("recipe", "show", "absent").returncode == 2


def test_a_closed_pipe_is_no_error(upstream: Path) -> None:
    command = f"{sys.executable} -m slimwheel plan --recipe cpu --json {upstream} | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_output_that_cannot_be_written(upstream: Path) -> None:
    options = ["--recipe", "cpu", "--json", str(upstream)]
    command = [sys.executable, "-m", "slimwheel", "plan", *options]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 10
    assert "standard output" in done.stderr
    assert "Traceback" not in done.stderr
