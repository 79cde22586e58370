"""The shape of the project: imports point one way, modules stay short, the library is silent."""

import ast
import configparser
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SOURCES = sorted((PROJECT / "slimwheel").rglob("*.py"))
LONGEST = 350

# What each package may import of the others. The road runs from left to right in this order:
# cli, report and matrix, publish, build and contents and verify, plan, recipe and wheelfile and
# pysource and shim, cuda, elf.
MAY_IMPORT = {
    "cli": {
        "build",
        "contents",
        "fetch",
        "matrix",
        "plan",
        "publish",
        "recipe",
        "report",
        "verify",
        "wheelfile",
    },
    "report": {
        "build",
        "contents",
        "cuda",
        "fetch",
        "plan",
        "publish",
        "recipe",
        "verify",
        "wheelfile",
    },
    "matrix": {"build", "fetch", "plan", "publish", "recipe", "verify"},
    "publish": {"build", "wheelfile"},
    "build": {"elf", "plan", "recipe", "shim", "verify", "wheelfile"},
    "contents": {"cuda", "elf", "plan", "wheelfile"},
    "verify": {"cuda", "elf", "wheelfile"},
    "plan": {"cuda", "elf", "pysource", "recipe", "shim", "wheelfile"},
    "shim": {"pysource"},
    "fetch": set(),
    "recipe": {"pysource"},
    "pysource": set(),
    "wheelfile": set(),
    "cuda": {"elf"},
    "elf": set(),
}
# What runs in the wheel's own Python, without slimwheel.
PAYLOAD = (
    "slimwheel/shim/boot",
    "slimwheel/shim/torch_ergonomics",
    "slimwheel/verify/battery",
    "slimwheel/verify/operators",
)


def name_of(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def packages() -> list[str]:
    return sorted(p.name for p in (PROJECT / "slimwheel").iterdir() if (p / "__init__.py").exists())


def test_the_table_names_every_package() -> None:
    assert packages() == sorted(MAY_IMPORT)


def test_setup_cfg_names_every_folder_with_modules() -> None:
    setup = configparser.ConfigParser()
    setup.read(PROJECT / "setup.cfg")
    listed = setup["options"]["packages"].split()
    elsewhere = [line.split(" = ") for line in setup["options"]["package_dir"].strip().splitlines()]
    folders = {name_of(path.parent).replace("/", ".") for path in SOURCES}
    assert set(listed) == folders | {package for package, _ in elsewhere}


@pytest.mark.parametrize("package", packages())
def test_imports_point_one_way(package: str) -> None:
    allowed = MAY_IMPORT[package] | {package}
    for path in (PROJECT / "slimwheel" / package).rglob("*.py"):
        for module in imports(path):
            parts = module.split(".")
            if parts[0] == "slimwheel" and len(parts) > 1 and parts[1] in MAY_IMPORT:
                assert parts[1] in allowed, f"{name_of(path)} imports {module}"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_modules_are_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_the_library_never_prints_exits_or_changes_directory(path: Path) -> None:
    name = name_of(path)
    if name.startswith(("slimwheel/cli/", *PAYLOAD)) or name == "slimwheel/__main__.py":
        return
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Call):
            call = ast.unparse(node.func)
            assert call not in {"print", "exit", "sys.exit", "os._exit", "os.chdir"}, name


@pytest.mark.parametrize(
    ("folder", "version"),
    [
        ("slimwheel/shim/boot", (3, 5)),
        ("slimwheel/shim/torch_ergonomics", (3, 5)),
        ("slimwheel/verify/battery", (3, 6)),
        ("slimwheel/verify/operators", (3, 6)),
    ],
)
def test_what_runs_elsewhere_is_valid_there(folder: str, version: tuple[int, int]) -> None:
    found = list((PROJECT / folder).rglob("*.py"))
    assert found
    for path in found:
        ast.parse(path.read_bytes(), feature_version=version)
        for module in imports(path):
            assert module.split(".")[0] != "slimwheel", f"{name_of(path)} imports {module}"


def test_no_file_names_a_place_of_one_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    homes = re.compile(rb"/(?:home|Users)/\w+/|/root/|\.pyenv/")
    for name in listed.stdout.splitlines():
        path = PROJECT / name
        if path.is_file() and path != Path(__file__):
            assert not homes.search(path.read_bytes()), name
