"""What a build of a torch look-alike puts out, file by file."""

import csv
import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from installer.sources import WheelFile

from slimwheel import __version__
from slimwheel.build import BuildOptions, BuildReport, Progress, build_wheel
from slimwheel.build.gone import Shipped, collapsed, gone_modules
from slimwheel.errors import UsageError
from slimwheel.plan import Switches
from slimwheel.recipe import load_recipe
from tests.golden.cases import look_alike, old_layout
from tests.support.upstream import make_torch_wheel

DIST_INFO = "torch_cpu-2.13.0+cpu.dist-info"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> BuildReport:
    directory = tmp_path_factory.mktemp("results")
    options = BuildOptions(directory / "dist", dev=True)
    return build_wheel(look_alike(directory), load_recipe("cpu"), options)


@pytest.fixture(scope="module")
def slim(report: BuildReport) -> dict[str, bytes]:
    return contents(report.outputs[0].path)


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as wheel:
        assert wheel.testzip() is None
        return {name: wheel.read(name) for name in wheel.namelist()}


def test_metadata_says_what_it_is(slim: dict[str, bytes]) -> None:
    text = slim[f"{DIST_INFO}/METADATA"].decode()
    head, _, body = text.partition("\n\n")
    lines = head.splitlines()
    assert "Name: torch-cpu" in lines
    assert "Version: 2.13.0+cpu" in lines
    assert "Requires-Dist: torch==2.13.0+slim.cpu" in lines
    assert 'Requires-Dist: optree>=0.13.0; extra == "optree"' in lines
    assert "License-File: third_party/fmt/LICENSE" in lines
    (summary,) = (line for line in lines if line.startswith("Summary: "))
    assert "modified from torch 2.13.0+cpu by slimwheel" in summary
    assert body == "# torch\n"


def test_wheel_names_both_generators(slim: dict[str, bytes]) -> None:
    lines = slim[f"{DIST_INFO}/WHEEL"].decode().splitlines()
    generators = [line for line in lines if line.startswith("Generator: ")]
    assert generators == ["Generator: setuptools (81.0.0)", f"Generator: slimwheel ({__version__})"]
    assert "Root-Is-Purelib: false" in lines
    assert "Tag: cp311-cp311-manylinux_2_28_x86_64" in lines


def test_dist_info_is_whole(slim: dict[str, bytes]) -> None:
    assert slim[f"{DIST_INFO}/top_level.txt"] == b"functorch\ntorch\ntorch_ergonomics\ntorchgen\n"
    assert slim[f"{DIST_INFO}/licenses/third_party/fmt/LICENSE"]
    sbom = json.loads(slim[f"{DIST_INFO}/sboms/slimwheel.cdx.json"])
    ancestor = sbom["metadata"]["component"]["pedigree"]["ancestors"][0]
    assert (ancestor["name"], ancestor["version"]) == ("torch", "2.13.0+cpu")
    record = list(csv.reader(io.StringIO(slim[f"{DIST_INFO}/RECORD"].decode())))
    assert {row[0] for row in record} == set(slim)
    assert list(slim)[-1] == f"{DIST_INFO}/RECORD"


def test_the_manifest_tells_what_is_gone(slim: dict[str, bytes], report: BuildReport) -> None:
    manifest = json.loads(slim["torch/_slimwheel/manifest.json"])
    assert manifest["upstream"]["sha256"] == report.upstream_sha256
    assert manifest["recipe"]["text"] == load_recipe("cpu").text
    removed = {rule["rule"]: rule for rule in manifest["removed"]}
    assert removed["headers"]["paths"] == ["torch/include/*", "torch/lib/libshm/*"]
    assert removed["test-modules"]["modules"] == ["torch.fx"]
    assert removed["headers"]["dev"]
    assert not removed["test-programs"]["dev"]


def test_the_dev_wheel_puts_back_exactly_what_went(report: BuildReport) -> None:
    dev = contents(report.outputs[2].path)
    upstream = contents(report.upstream)
    back = [name for name in dev if ".dist-info/" not in name and "_slimwheel_dev" not in name]
    assert "torch/include/ATen/ATen.h" in back
    assert "torch/fx/passes/tests/test_pass_manager.py" in back
    assert "torch/test/basic" not in back
    for name in back:
        assert dev[name] == upstream[name]
    metadata = dev["torch_cpu_dev-2.13.0+cpu.dist-info/METADATA"].decode().splitlines()
    requires = [line for line in metadata if line.startswith("Requires-Dist")]
    assert requires == ["Requires-Dist: torch-cpu==2.13.0+cpu"]


def test_the_companion_depends_on_version_and_variant_alone(
    report: BuildReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    other = make_torch_wheel(tmp_path, members={"torch/other.py": "x = 1\n"})
    again = build_wheel(other, load_recipe("cpu"), BuildOptions(tmp_path / "dist"))
    assert again.outputs[1].sha256 == report.outputs[1].sha256
    assert again.outputs[0].sha256 != report.outputs[0].sha256
    names = set(contents(report.outputs[1].path))
    assert {name.split("/")[0] for name in names} == {"torch-2.13.0+slim.cpu.dist-info"}


def test_entry_points_whose_module_is_gone_go(tmp_path: Path) -> None:
    built = build_wheel(old_layout(tmp_path), load_recipe("cpu"), BuildOptions(tmp_path / "dist"))
    text = contents(built.slim.path)["torch_cpu-1.0.0.dist-info/entry_points.txt"].decode()
    assert text == "[console_scripts]\nconvert = caffe2.python.core:main\n"


def test_switched_rules_show_in_the_result(tmp_path: Path) -> None:
    upstream = make_torch_wheel(tmp_path)
    options = BuildOptions(tmp_path / "dist", switches=Switches(keep=("headers", "symbols")))
    with pytest.raises(UsageError, match="--keep headers --keep symbols"):
        build_wheel(upstream, load_recipe("cpu"), options)
    options = BuildOptions(
        tmp_path / "dist",
        switches=Switches(keep=("headers", "symbols")),
        local="whole",
        build_number=2,
    )
    built = build_wheel(upstream, load_recipe("cpu"), options)
    assert built.slim.filename.startswith("torch_cpu-2.13.0+cpu.whole-2-cp311-")
    members = contents(built.slim.path)
    assert "torch/include/ATen/ATen.h" in members
    assert members["torch/lib/libc10.so"] == contents(upstream)["torch/lib/libc10.so"]
    manifest = json.loads(members["torch/_slimwheel/manifest.json"])
    assert manifest["options"]["switches"] == ["--keep headers", "--keep symbols"]
    assert manifest["guards"] == [g for g in manifest["guards"] if g["rule"] == "test-libraries"]


def test_progress_reaches_its_end(tmp_path: Path) -> None:
    seen: list[Progress] = []
    upstream = make_torch_wheel(tmp_path)
    options = BuildOptions(tmp_path / "dist")
    build_wheel(upstream, load_recipe("cpu"), options, progress=seen.append)
    assert list(dict.fromkeys(report.step for report in seen)) == ["plan", "write", "check"]
    done = [report.done for report in seen]
    assert done == sorted(done)
    assert all(report.done <= report.total for report in seen)


def test_a_date_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    options = BuildOptions(tmp_path / "dist")
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH"):
        build_wheel(make_torch_wheel(tmp_path), load_recipe("cpu"), options)


def test_what_is_gone_is_told_shortly() -> None:
    shipped = ["a/b/kept.py", "a/__init__.py"]
    removed = ["a/b/gone.py", "a/c/__init__.py", "a/c/d/x.py", "top.py", "e/f/data.txt"]
    assert collapsed(removed, Shipped(shipped)) == ["a/b/gone.py", "a/c/*", "e/*", "top.py"]
    assert gone_modules(removed, Shipped(shipped)) == ["a.b.gone", "a.c", "top"]
    assert collapsed([], Shipped(shipped)) == gone_modules([], Shipped(shipped)) == []


def test_extension_modules_are_gone_where_nothing_of_their_name_is_left() -> None:
    tag = "cpython-36m-x86_64-linux-gnu"
    shipped = ["torch/__init__.py", "torch/lib/libc10.so", f"torch/both.{tag}.so", "torch/p/x.py"]
    removed = [
        f"torch/_nvrtc.{tag}.so",
        "torch/_stable.abi3.so",
        "torch/both.py",
        f"torch/p.{tag}.so",
        "torch/plain.so",
        "torch/lib/libc10_cuda.so",
        f"torch/gone/inner.{tag}.so",
        "torch-1.0.dist-info/x.py",
    ]
    assert gone_modules(removed, Shipped(shipped)) == [
        "torch._nvrtc",
        "torch._stable",
        "torch.gone",
        "torch.p",
    ]


def test_the_data_directory_bears_the_new_name(tmp_path: Path) -> None:
    """Installers look for it under the distribution's own name and version."""
    upstream = make_torch_wheel(
        tmp_path, members={"torch-2.13.0+cpu.data/scripts/convert": "#!python\n"}
    )
    built = build_wheel(upstream, load_recipe("cpu"), BuildOptions(tmp_path / "dist"))
    assert "torch_cpu-2.13.0+cpu.data/scripts/convert" in contents(built.slim.path)
    with WheelFile.open(built.slim.path) as wheel:
        wheel.validate_record(validate_contents=True)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_other_tools_accept_what_is_written(
    report: BuildReport, number: int, tmp_path: Path
) -> None:
    path = report.outputs[number].path
    with WheelFile.open(path) as wheel:
        wheel.validate_record(validate_contents=True)
    commands = [[sys.executable, "-m", "wheel", "unpack", "--dest", str(tmp_path), str(path)]]
    if unzip := shutil.which("unzip"):
        commands.append([unzip, "-tqq", str(path)])
    for command in commands:
        subprocess.run(command, check=True, capture_output=True)
    assert len(list(tmp_path.iterdir())) == 1
