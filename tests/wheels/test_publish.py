"""Real slim wheels, published, and installed from there by pip old and new and by uv."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

from slimwheel.verify.environments import create_environment
from tests.support.installers import isolated
from tests.support.real import Built, python_says
from tests.support.s3_server import BUCKET, Server, s3_server
from tests.support.upstream import make_wheel
from tests.support.websites import bucket_website, website

pytestmark = pytest.mark.wheels

COMPUTE = """
import json, torch, vision
print(json.dumps([torch.__version__, vision.boxes(torch.ones(2, 4)).tolist()]))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with s3_server(tmp_path_factory.mktemp("s3") / "server") as running:
        yield running


@pytest.fixture(scope="module")
def dependent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel that requires torch, as torchvision does."""
    return make_wheel(
        tmp_path_factory.mktemp("dependent"),
        {"vision.py": "import torch\ndef boxes(x): return torch.cat([x, x + 1]).sum(1)\n"},
        name="vision",
        version="0.28.0",
        tags=["py3-none-any"],
        purelib=True,
        metadata_extra=["Requires-Dist: torch==2.13.0"],
    )


def publish(words: list[str | Path], variables: dict[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "slimwheel", "publish", "--json", *map(str, words)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | variables
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.fixture(scope="module")
def published(server: Server, built: Built, dependent: Path, tmp_path_factory: Any) -> str:
    """The prefix of an index with torch_cpu, its companion, and all that they require."""
    beside = tmp_path_factory.mktemp("required")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(beside)]
    requirements = ["filelock", "typing-extensions", "sympy", "networkx", "jinja2", "fsspec"]
    subprocess.run([*pip, "--only-binary=:all:", *requirements, "setuptools"], check=True)
    place = [f"s3://{BUCKET}/real", "--endpoint-url", server.url]
    report = publish(
        [*place, built.slim, dependent, *sorted(beside.glob("*.whl"))], server.environment()
    )
    assert built.companion.name in {file["filename"] for file in report["files"]}
    return "real"


@pytest.mark.parametrize("installer", ["pip", "uv"])
@pytest.mark.xdist_group("torch-cpu")
def test_installed_from_s3_with_a_dependent(
    server: Server, published: str, python311: Path, tmp_path: Path, installer: str
) -> None:
    environment = create_environment(tmp_path / "env", python311)
    commands = {
        "pip": [sys.executable, "-m", "pip", "--python", str(environment.python), "install"],
        "uv": [find_uv_bin(), "pip", "install", "--python", str(environment.python)],
    }
    # uv takes a yanked version for nobody but who asks for it.
    wanted = ["torch-cpu", "vision", *(["torch==2.13.0+slim.cpu"] if installer == "uv" else [])]
    with bucket_website(server) as url:
        index = ["--index-url", f"{url}{published}/simple/"]
        subprocess.run([*commands[installer], *index, *wanted], check=True, env=isolated())
    version, boxes = json.loads(python_says(environment, COMPUTE))
    assert version == "2.13.0+cpu"
    assert boxes == [4.0, 4.0, 8.0, 8.0]


@pytest.mark.xdist_group("torch-1.0")
def test_installed_by_the_words_that_are_printed_with_the_pip_of_an_old_python(
    built_100: Built, python36: Path, tmp_path: Path
) -> None:
    index = tmp_path / "index"
    with website(index) as url:
        report = publish([f"file://{index}", "--public-url", url, built_100.slim], {})
        assert report["url"] == f"{url}simple/"
        # With the pip that this Python came with.
        subprocess.run([str(python36), "-m", "venv", str(tmp_path / "env")], check=True)
        programs = tmp_path / "env" / "bin"
        variables = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}
        for line in report["snippets"]["pip"].splitlines():
            subprocess.run(line, shell=True, check=True, env=variables)
    command = [str(programs / "python"), "-c", "import torch; print(torch.ones(3).sum().item())"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "3.0"
