"""`slimwheel rebuild`: what it prints, where, and how it ends."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from slimwheel.build import BuildOptions, build_wheel
from slimwheel.recipe import load_recipe
from tests.golden.cases import look_alike
from tests.support.altered import altered
from tests.support.upstream import make_torch_wheel


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return look_alike(tmp_path_factory.mktemp("upstream"))


@pytest.fixture(scope="module")
def slim(upstream: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = BuildOptions(tmp_path_factory.mktemp("dist"))
    return build_wheel(upstream, load_recipe("cpu"), options).slim.path


@pytest.fixture
def rebuild(tmp_path: Path) -> "Rebuild":
    return Rebuild(tmp_path)


class Rebuild:
    """Runs the command where there is no index and an empty cache."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        own = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
        kept = {name: value for name, value in os.environ.items() if name[:4] != "PIP_"}
        self._environment = kept | own | {"SLIMWHEEL_CACHE_DIR": str(folder / "cache")}

    def __call__(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "slimwheel", "rebuild", *map(str, words)],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )


def test_the_same_bytes_are_one_line(rebuild: Rebuild, slim: Path, upstream: Path) -> None:
    done = rebuild("--check", "--upstream", upstream, slim)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    sha256 = subprocess.run(["sha256sum", slim], capture_output=True, text=True).stdout.split()[0]
    assert line == f"{slim.name}: the same bytes, sha256 {sha256}"


def test_differences_are_listed(
    rebuild: Rebuild, slim: Path, upstream: Path, tmp_path: Path
) -> None:
    other = altered(
        slim,
        tmp_path / "other",
        contents={"torch/more.py": b"x = 1\n"},
        levels={"torch/lib/libtorch_cpu.so": 1},
    )
    done = rebuild("--check", "--upstream", upstream, other)
    assert done.returncode == 1
    *members, verdict = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in members] == [
        "torch/lib/libtorch_cpu.so",
        "torch/more.py",
        "torch_cpu-2.13.0+cpu.dist-info/RECORD",
    ]
    assert "compressed otherwise" in members[0]
    assert members[1].endswith(": added")
    assert "differs, and the environment is the same: " in verdict
    assert "deflate " in verdict


def test_json(rebuild: Rebuild, slim: Path, upstream: Path, tmp_path: Path) -> None:
    done = rebuild("--check", "--json", "--upstream", upstream, slim)
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert report["same"] is True
    assert report["difference"] is None
    assert report["wheel"]["sha256"] == report["rebuilt"]["sha256"]
    other = altered(slim, tmp_path / "other", contents={"torch/py.typed": None})
    done = rebuild("--check", "--json", "--upstream", upstream, other)
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert report["same"] is False
    assert report["environment"] == []
    kinds = {entry["member"]: entry["kind"] for entry in report["difference"]["members"]}
    assert kinds["torch/py.typed"] == "missing"


def test_without_check_wheels_are_written(
    rebuild: Rebuild, slim: Path, upstream: Path, tmp_path: Path
) -> None:
    done = rebuild("--upstream", upstream, slim)
    assert done.returncode == 0
    made = [tmp_path / line for line in done.stdout.splitlines()]
    assert [path.name for path in made] == [slim.name, "torch-2.13.0+slim.cpu-py3-none-any.whl"]
    for path in made:
        assert path.read_bytes() == (slim.parent / path.name).read_bytes()
    again = rebuild("--upstream", upstream, "--output-dir", "more", "--json", slim)
    assert [Path(o["path"]).parent.name for o in json.loads(again.stdout)["outputs"]] == 2 * [
        "more"
    ]


def test_upstream_is_fetched_by_what_the_wheel_names(
    rebuild: Rebuild, slim: Path, upstream: Path
) -> None:
    done = rebuild("--check", "--find-links", upstream.parent, slim)
    assert done.returncode == 0, done.stderr
    # It is in the cache now, and found by its hash whoever asked for it.
    assert rebuild("--check", "--no-network", slim).returncode == 0


def test_another_file_of_the_same_name_is_refused(
    rebuild: Rebuild, slim: Path, tmp_path: Path
) -> None:
    links = tmp_path / "links"
    links.mkdir()
    make_torch_wheel(links)
    done = rebuild("--check", "--find-links", links, slim)
    assert done.returncode == 4
    assert "is not the wheel that" in done.stderr
    assert done.stdout == ""


def test_an_upstream_that_cannot_be_found_may_be_given(rebuild: Rebuild, slim: Path) -> None:
    done = rebuild("--check", "--no-network", slim)
    assert done.returncode == 9
    assert "--upstream" in done.stderr


def test_what_is_not_slim(rebuild: Rebuild, upstream: Path) -> None:
    done = rebuild("--check", upstream)
    assert done.returncode == 4
    assert "is not slim" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_a_recipe_of_ones_own_is_noted(rebuild: Rebuild, upstream: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text('extends = "cpu"\nschema = 1\nname = "mine"\nsummary = "of our own making"\n')
    options = BuildOptions(tmp_path / "own")
    made = build_wheel(upstream, load_recipe(str(recipe)), options).slim.path
    done = rebuild("--check", "--upstream", upstream, made)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert "recipe mine is not one that comes with this slimwheel" in done.stderr


def test_what_a_manifest_says_cannot_steer_the_terminal(
    rebuild: Rebuild, slim: Path, tmp_path: Path
) -> None:
    member = "torch/_slimwheel/manifest.json"
    with zipfile.ZipFile(slim) as archive:
        manifest = json.loads(archive.read(member))
    manifest["options"]["\x1b[2J\n"] = 1
    other = altered(slim, tmp_path / "other", contents={member: json.dumps(manifest).encode()})
    done = rebuild("--check", other)
    assert done.returncode == 4
    assert "is not an option" in done.stderr
    assert "\x1b" not in done.stderr
    assert len(done.stderr.splitlines()) == 2
