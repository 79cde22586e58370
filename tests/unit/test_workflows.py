"""The workflows: valid, as little allowed as goes, everything pinned; and what their steps run."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

PROJECT = Path(__file__).parents[2]
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
SCRIPTS = Path(sys.executable).parent
PIN = re.compile(r"uses: [\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
# A slimwheel that does nothing, but for refusing words that the real one refuses.
STUB = """\
#!{python}
import importlib, json, os, sys
command = importlib.import_module(f"slimwheel.cli.{{sys.argv[1]}}").command
command.make_context(sys.argv[1], sys.argv[2:])
with open(os.environ["CALLS"], "a") as calls:
    print(json.dumps(sys.argv[1:]), file=calls)
print('{{"include": []}}' if sys.argv[1] == "matrix" else "")
"""


def read(path: Path) -> dict[str, Any]:
    workflow: dict[str, Any] = YAML(typ="safe", pure=True).load(path)
    return workflow


def by_name(path: Path) -> str:
    return path.name


def tool(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [SCRIPTS / words[0], *words[1:]]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_there_are_workflows() -> None:
    assert [path.name for path in WORKFLOWS] == ["publish.yml", "test.yml"]


def test_they_are_workflows_by_githubs_schema(tmp_path: Path) -> None:
    words = ("check-jsonschema", "--builtin-schema", "vendor.github-workflows")
    done = tool(*words, *WORKFLOWS)
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "run-on:"))
    assert tool(*words, wrong).returncode == 1


def test_an_auditor_finds_nothing(tmp_path: Path) -> None:
    words = ("zizmor", "--offline", "--no-config", "--pedantic", "--format", "plain")
    done = tool(*words, PROJECT / ".github" / "workflows")
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(
        WORKFLOWS[0].read_text().replace("persist-credentials: false", "fetch-depth: 1")
    )
    assert tool(*words, wrong).returncode != 0


@pytest.mark.parametrize("path", WORKFLOWS, ids=by_name)
def test_actions_are_pinned_by_commit_with_their_version(path: Path) -> None:
    used = [line.strip() for line in path.read_text().splitlines() if "uses:" in line]
    assert used
    for line in used:
        assert PIN.search(line), line


def test_an_action_is_everywhere_the_same() -> None:
    pins: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        for action, pin in re.findall(r"uses: (\S+)@(.+)", path.read_text()):
            pins.setdefault(action, set()).add(pin)
    assert {action: found for action, found in pins.items() if len(found) > 1} == {}


@pytest.mark.parametrize("path", WORKFLOWS, ids=by_name)
def test_jobs_may_do_little_and_not_for_ever(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {}
    assert workflow["concurrency"]["group"]
    for name, job in workflow["jobs"].items():
        more = {"id-token": "write"} if (path.name, name) == ("publish.yml", "wheel") else {}
        assert job["permissions"] == {"contents": "read"} | more
        assert job["timeout-minutes"] <= 90
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_credentials_come_after_all_that_runs_upstreams_code() -> None:
    steps = read(PROJECT / ".github/workflows/publish.yml")["jobs"]["wheel"]["steps"]
    names = [step.get("name") or step.get("uses", "").partition("@")[0] for step in steps]
    credentials = names.index("aws-actions/configure-aws-credentials")
    assert names.index("Build") < names.index("Verify") < credentials
    assert names[credentials + 1 :] == ["Publish"]


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a slimwheel that does nothing writes down what it was told."""
    stub = tmp_path / "bin" / "slimwheel"
    stub.parent.mkdir()
    stub.write_text(STUB.format(python=sys.executable))
    stub.chmod(0o755)
    monkeypatch.setenv(
        "PATH", os.pathsep.join([str(stub.parent), str(SCRIPTS), os.environ["PATH"]])
    )
    (tmp_path / "matrix.toml").touch()
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


def step_run(job: str, name: str, directory: Path, **variables: str) -> None:
    """Run a step's script as the runner does."""
    steps = read(PROJECT / ".github/workflows/publish.yml")["jobs"][job]["steps"]
    (script,) = (s["run"] for s in steps if name in (s.get("name"), s.get("id")))
    subprocess.run(
        ["bash", "-e", "-c", script], cwd=directory, env=os.environ | variables, check=True
    )


@pytest.mark.parametrize(
    ("public_url", "everything", "words"),
    [
        ("", "false", ["matrix", "matrix.toml"]),
        ("https://e.org/w/", "true", ["matrix", "matrix.toml"]),
        ("https://e.org/w/", "", ["matrix", "--index", "https://e.org/w/simple/", "matrix.toml"]),
    ],
)
def test_the_matrix_is_handed_to_the_next_job(
    tmp_path: Path, calls: Path, public_url: str, everything: str, words: list[str]
) -> None:
    output = tmp_path / "output"
    variables = {"PUBLIC_URL": public_url, "EVERYTHING": everything, "GITHUB_OUTPUT": str(output)}
    step_run("matrix", "matrix", tmp_path, **variables)
    assert [json.loads(line) for line in calls.read_text().splitlines()] == [words]
    assert output.read_text() == 'matrix={"include": []}\n'


def test_a_build_gets_its_words_as_they_are(tmp_path: Path, calls: Path) -> None:
    words = ["--recipe", "cpu", "--index-url", "https://e.org/$(id)/a b", "torch >=2, <3"]
    step_run("wheel", "Build", tmp_path, WORDS=json.dumps(words, indent=2))
    (call,) = map(json.loads, calls.read_text().splitlines())
    assert call == ["build", "--output-dir", "dist", *words]


def test_all_wheels_are_verified_and_published(tmp_path: Path, calls: Path) -> None:
    (tmp_path / "dist").mkdir()
    for name in ("a.whl", "b.whl"):
        (tmp_path / "dist" / name).touch()
    words = ["--ignore", "SW210"]
    known = {"LOCATION": "s3://b/p", "WORDS": json.dumps(words)}
    step_run("wheel", "Verify", tmp_path, **known)
    step_run("wheel", "Publish", tmp_path, **known, PUBLIC_URL="https://e.org/w")
    known["WORDS"] = "[]"
    step_run("wheel", "Verify", tmp_path, **known)
    step_run("wheel", "Publish", tmp_path, **known, PUBLIC_URL="")
    wheels = ["dist/a.whl", "dist/b.whl"]
    assert [json.loads(line) for line in calls.read_text().splitlines()] == [
        ["verify", *words, "dist/a.whl"],
        ["verify", *words, "dist/b.whl"],
        ["publish", *words, "--public-url", "https://e.org/w", "s3://b/p", *wheels],
        ["verify", "dist/a.whl"],
        ["verify", "dist/b.whl"],
        ["publish", "s3://b/p", *wheels],
    ]
