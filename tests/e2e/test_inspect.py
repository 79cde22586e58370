"""`slimwheel inspect` and `slimwheel diff` from the command line, and budgets."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.native import native_members
from tests.support.upstream import make_torch_wheel, make_wheel


def slimwheel(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "slimwheel", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    requires = ["Requires-Dist: sympy>=1.13"]
    return make_torch_wheel(tmp_path_factory.mktemp("upstream"), metadata_extra=requires)


def test_tables(upstream: Path) -> None:
    done = slimwheel("inspect", upstream)
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("host code", "C++ headers", "torch/lib/", "largest members", "AWS Lambda, zip"):
        assert words in done.stdout
    assert "not counted, though required: sympy" in done.stdout
    assert "recipe" not in done.stdout


def test_with_a_recipe(upstream: Path) -> None:
    done = slimwheel("inspect", "--recipe", "cpu", upstream)
    assert done.returncode == 0, done.stderr
    for words in ("recipe removes", "(removed)", "headers", "loses", "with the recipe, AWS"):
        assert words in done.stdout


def test_json_has_everything(upstream: Path) -> None:
    report = json.loads(slimwheel("inspect", "--recipe", "cpu", "--json", upstream).stdout)
    wheel = report["wheel"]
    installed = sum(member["installed"] for member in wheel["members"])
    assert wheel["installed"] == installed == sum(k["installed"] for k in report["kinds"].values())
    download = sum(member["download"] for member in wheel["members"])
    assert wheel["download"] == download + wheel["archive_overhead"] == upstream.stat().st_size
    plan = json.loads(slimwheel("plan", "--recipe", "cpu", "--json", upstream).stdout)
    assert report["remains"]["installed"] == plan["installed"]["after"]
    assert report["dependencies"] == {"counted": [], "not_counted": ["sympy"]}
    assert [limit["fits"] for limit in report["limits"]] == [True, True, True]
    rewritten = report["remains"]["members"]["torch/lib/libc10.so"]
    assert any(part["rules"] == ["symbols"] for part in rewritten["parts"])


def test_sections_and_members(upstream: Path) -> None:
    done = slimwheel("inspect", "--sections", upstream)
    assert done.stdout.count(".text") == len(native_members())
    done = slimwheel("inspect", "--member", "torch/lib/libc10.so", upstream)
    assert done.stdout.count(".text") == 1
    done = slimwheel("inspect", "--member", "libc10.so", upstream)
    assert done.returncode == 2
    assert "Did you mean torch/lib/libc10.so?" in done.stderr


def test_a_library_alone(tmp_path: Path) -> None:
    path = tmp_path / "libc10.so"
    path.write_bytes(native_members()["torch/lib/libc10.so"])
    done = slimwheel("inspect", path)
    assert (done.returncode, ".text" in done.stdout) == (0, True)
    library = json.loads(slimwheel("inspect", "--json", path).stdout)["library"]
    assert sum(part["installed"] for part in library["parts"]) == path.stat().st_size
    assert slimwheel("inspect", "--recipe", "cpu", path).returncode == 2
    assert slimwheel("inspect", "--max-wheel", 10, path).returncode == 1


@pytest.mark.parametrize(
    "words",
    [
        ["--device", "9.0"],
        ["--max-installed", "much"],
        ["--with", "nowhere.whl"],
        ["--recipe", "nonsense"],
    ],
)
def test_words_that_do_not_fit(upstream: Path, words: list[str]) -> None:
    done = slimwheel("inspect", *words, upstream)
    assert done.returncode == 2
    assert done.stderr.startswith("slimwheel: error: ")


def test_what_is_neither(tmp_path: Path) -> None:
    (tmp_path / "text.whl").write_text("text")
    assert slimwheel("inspect", tmp_path / "text.whl").returncode == 4
    assert slimwheel("inspect", tmp_path / "nothing.whl").returncode == 2


def test_wheels_beside_are_counted(upstream: Path, tmp_path: Path) -> None:
    made = make_wheel(tmp_path, {"sympy/a.py": "a" * 10**6}, name="sympy", version="1.14")
    report = json.loads(slimwheel("inspect", "--json", "--with", tmp_path, upstream).stdout)
    assert report["dependencies"] == {"counted": [made.name], "not_counted": []}
    assert report["limits"][0]["size"] > report["wheel"]["installed"] + 10**6
    allowed = report["wheel"]["installed"]
    words = ("inspect", "--max-installed", allowed)
    assert slimwheel(*words, upstream).returncode == 0
    assert slimwheel(*words, "--with", made, upstream).returncode == 1


def test_budgets_of_inspect(upstream: Path) -> None:
    done = slimwheel("inspect", "--max-wheel", "1kB", "--max-installed", "1 KiB", upstream)
    assert done.returncode == 1
    assert "AWS Lambda" in done.stdout
    first, second = done.stderr.splitlines()
    assert "--max-installed allows 1,024" in first
    assert "--max-wheel allows 1,000" in second
    size = upstream.stat().st_size
    assert f"{size:,} bytes" in second
    assert f"{size - 1000:,} bytes too many" in second
    done = slimwheel("inspect", "--max-wheel", "1kB", "--json", upstream)
    (excess,) = json.loads(done.stdout)["over_budget"]
    assert (done.returncode, excess["excess"]) == (1, size - 1000)
    assert slimwheel("inspect", "--max-wheel", "240MiB", upstream).returncode == 0


def test_budgets_of_build(upstream: Path, tmp_path: Path) -> None:
    build = ("build", "--recipe", "cpu", "--no-smoke", "--output-dir", tmp_path)
    done = slimwheel(*build, "--max-installed", "10MB", upstream)
    assert done.returncode == 0, done.stderr
    done = slimwheel(*build, "--max-wheel", "1kB", upstream)
    assert done.returncode == 1
    assert "over budget" in done.stderr
    slim = Path(done.stdout.splitlines()[0])
    assert slim.exists(), "the wheel stays, so that it can be looked at"
    done = slimwheel(*build, "--max-wheel", "1kB", "--json", upstream)
    (report,) = json.loads(done.stdout)["builds"]
    assert report["over_budget"][0]["excess"] == slim.stat().st_size - 1000


def test_diff(upstream: Path, tmp_path: Path) -> None:
    build = ("build", "--recipe", "cpu", "--no-smoke", "--output-dir", tmp_path)
    slim = Path(slimwheel(*build, upstream).stdout.splitlines()[0])
    done = slimwheel("diff", "--sections", upstream, slim)
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("C++ headers", "-100 %", "largest changes", ".symtab", "only in A"):
        assert words in done.stdout
    page = tmp_path / "page.html"
    report = json.loads(slimwheel("diff", "--json", "--html", page, upstream, slim).stdout)
    assert "torch/include/ATen/ATen.h" in report["only_in_a"]
    assert "torch/lib/libc10.so" in report["changed"]
    assert "*.dist-info/METADATA" in report["changed"]
    assert page.read_text("utf-8").startswith("<!doctype html>")


def test_a_page_that_cannot_be_written(upstream: Path, tmp_path: Path) -> None:
    done = slimwheel("inspect", "--html", tmp_path / "none" / "page.html", upstream)
    assert (done.returncode, "cannot be written" in done.stderr) == (10, True)
