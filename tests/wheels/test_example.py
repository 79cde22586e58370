"""examples/image_classifier: trained on upstream's 2.13.0, served on the slim one."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from slimwheel.verify.environments import Environment, create_environment
from tests.support.real import python_says, slimwheel

EXAMPLE = Path(__file__).parents[2] / "examples" / "image_classifier"
# In one process, which does not import torch itself: each way of calling, and all of the images.
ANSWERS = """
import json
from torch_ergonomics import Worker, execute_workaround, run_isolated

with open("held_out.json") as file:
    calls = [{"pixels": image} for image in json.load(file)["images"]]
with Worker("algorithm.py:apply", threads=1) as worker:
    warm = [worker(call) for call in calls]
print(json.dumps({
    "Worker": warm,
    "run_isolated": run_isolated("algorithm.py:apply", calls[0], threads=1),
    "execute_workaround": execute_workaround(calls[0], "algorithm.py", "apply"),
}))
"""
ABSENT = """
import importlib.util
print([name for name in ("sklearn", "digits") if importlib.util.find_spec(name)])
"""
INSPECT = "import json, torch_ergonomics; print(json.dumps(torch_ergonomics.inspect('digits.zip')))"

pytestmark = [pytest.mark.wheels, pytest.mark.xdist_group("torch-cpu")]


@dataclass(frozen=True)
class Trained:
    """Where it was trained, what that said, and what there is to serve."""

    environment: Environment
    said: str
    serving: Path


@pytest.fixture(scope="module")
def trained(
    torch_cpu_upstream: Path, python311: Path, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    """The example as its README has it, up to the model."""
    place = tmp_path_factory.mktemp("example")
    runtime = Path(slimwheel("shim", "--output-dir", place / "dist").stdout.strip())
    environment = create_environment(place / "env", python311)
    environment.install(torch_cpu_upstream, runtime, "scikit-learn")
    for folder in ("training", "serving"):
        # What somebody left there while trying it out is not taken along.
        ignored = shutil.ignore_patterns("__pycache__", "*.zip", "*.json")
        shutil.copytree(EXAMPLE / folder, place / folder, ignore=ignored)
    serving = place / "serving"
    done = environment.run([environment.python, "training/train.py", serving], cwd=place)
    assert done.returncode == 0, done.stderr
    return Trained(environment, done.stdout, serving)


def said(environment: Environment, program: str, folder: Path) -> Any:
    """What a program of one text prints, in a directory to serve from."""
    done = environment.run([environment.python, "-c", program], cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_archive_is_what_was_saved(trained: Trained) -> None:
    found = said(trained.environment, INSPECT, trained.serving)
    sources = {source["file"]: source["bytes"] for source in found["sources"]}
    files = (EXAMPLE / "training" / "digits").glob("*.py")
    assert sources == {f"src/digits/{path.name}": path.stat().st_size for path in files}
    assert not found["pickled"]
    assert "sklearn" not in found["outside"]
    assert found["bytes"] == (trained.serving / "digits.zip").stat().st_size
    assert "saved and verified" in trained.said


def test_answers_are_upstreams(
    trained: Trained, slim_environment: Environment, tmp_path: Path
) -> None:
    serving = tmp_path / "serving"
    shutil.copytree(trained.serving, serving)
    assert python_says(slim_environment, ABSENT) == "[]"
    slim = said(slim_environment, ANSWERS, serving)
    assert slim == said(trained.environment, ANSWERS, serving)
    answers = slim["Worker"]
    assert slim["run_isolated"] == slim["execute_workaround"] == answers[0]
    labels = json.loads((serving / "held_out.json").read_text())["labels"]
    right = sum(answer["class"] == label for answer, label in zip(answers, labels, strict=True))
    assert len(labels) >= 300
    assert right / len(labels) > 0.97
    assert f"accuracy: {right / len(labels):.1%}" in trained.said


def test_serve(trained: Trained, slim_environment: Environment) -> None:
    done = slim_environment.run([slim_environment.python, trained.serving / "serve.py"])
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "run_isolated",
        "Worker, its first answer",
        "Worker, 360 answers",
        "right",
    ]
