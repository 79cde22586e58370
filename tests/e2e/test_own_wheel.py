"""slimwheel's own wheel: built, installed elsewhere, and used with the recipes inside it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from slimwheel.verify.environments import create_environment
from tests.support.upstream import make_torch_wheel

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def own_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("own")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(output), str(PROJECT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = output.glob("slimwheel-*.whl")
    return wheel


def test_every_module_table_and_recipe_is_in_it(own_wheel: Path) -> None:
    with zipfile.ZipFile(own_wheel) as wheel:
        names = set(wheel.namelist())
    for pattern in ("*.py", "*.toml", "page/*"):
        for source in (PROJECT / "slimwheel").rglob(pattern):
            assert source.relative_to(PROJECT).as_posix() in names
    for recipe in (PROJECT / "recipes").glob("*.toml"):
        assert f"slimwheel/recipes/{recipe.name}" in names
    assert "slimwheel/py.typed" in names


def test_builds_with_a_recipe_from_it(own_wheel: Path, tmp_path: Path) -> None:
    environment = create_environment(tmp_path / "env", Path(sys.executable))
    environment.install(own_wheel)
    upstream = make_torch_wheel(tmp_path)
    command = environment.python.parent / "slimwheel"
    listed = environment.run([command, "recipe", "list"], cwd=tmp_path, check=True)
    assert "cpu" in listed.stdout
    output = tmp_path / "dist"
    options: list[str | Path] = ["--recipe", "cpu", "--no-smoke", "--output-dir", output]
    environment.run([command, "build", *options, upstream], cwd=tmp_path, check=True)
    assert [path.name.split("-")[0] for path in sorted(output.iterdir())] == ["torch", "torch_cpu"]
