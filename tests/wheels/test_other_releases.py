"""The recipes on CUDA wheels of other releases and Pythons than the reference wheels.

Several gigabytes are fetched, each release once; where its Python is on PATH, the build imports it.
"""

import json
import mmap
import re
from pathlib import Path

import pytest

from slimwheel.cuda import read_containers
from slimwheel.elf import ElfFile
from slimwheel.fetch import fetch
from slimwheel.verify.environments import find_python
from slimwheel.wheelfile.wheel import Wheel
from tests.support.real import slimwheel

pytestmark = [pytest.mark.wheels, pytest.mark.slow, pytest.mark.xdist_group("releases")]

OLD, NEW = "manylinux1_x86_64", "manylinux_2_28_x86_64"
RELEASES = [
    ("torch==1.4.0", "3.7", OLD, {"libtorch.so"}),
    ("torch==1.7.1", "3.8", OLD, set()),
    ("torch==1.11.0", "3.9", OLD, set()),
    ("torch==2.0.1", "3.10", OLD, set()),
    ("torch==2.6.0", "3.13", OLD, set()),
]


@pytest.mark.parametrize(
    ("requirement", "python", "platform", "mixed"), RELEASES, ids=[row[0] for row in RELEASES]
)
def test_release(
    requirement: str, python: str, platform: str, mixed: set[str], tmp_path: Path
) -> None:
    upstream = fetch(requirement, python=python, platform=platform).path
    done = slimwheel("build", "--recipe", "cpu", "--json", "--output-dir", tmp_path, upstream)
    (report,) = json.loads(done.stdout)["builds"]
    slim = Path(report["outputs"][0]["path"])
    assert report["smoke"]["ran"] == (find_python(python) is not None), report["smoke"]["detail"]
    assert report["outputs"][0]["download"] < 0.25 * report["upstream"]["download"]
    with Wheel.open(slim) as wheel:
        required = " ".join(wheel.metadata.get_all("Requires-Dist"))
        assert "nvidia" not in required
        assert "triton" not in required
        assert device_code(wheel, tmp_path) == mixed


# The first two have CUDA's libraries inside and can be imported; 2.0.1 requires them.
GPU_RELEASES = [
    ("torch==1.4.0", "3.7", "--smoke"),
    ("torch==1.12.1", "3.10", "--smoke"),
    ("torch==2.0.1", "3.10", "--no-smoke"),
]


@pytest.mark.parametrize(
    ("requirement", "python", "smoke"), GPU_RELEASES, ids=[row[0] for row in GPU_RELEASES]
)
def test_release_for_a_gpu(requirement: str, python: str, smoke: str, tmp_path: Path) -> None:
    """Of what a T4 runs, 7.0's and its own code, nothing but its own choice stays."""
    upstream = fetch(requirement, python=python, platform=OLD).path
    words = ("build", "--recipe", "gpu", "--device", "t4", smoke, "--json", "--output-dir")
    (report,) = json.loads(slimwheel(*words, tmp_path, upstream).stdout)["builds"]
    if smoke == "--smoke":
        assert report["smoke"]["ran"] == (find_python(python) is not None)
    assert not [w for w in report["warnings"] if "device code" in w or "program headers" in w]
    (slim, _) = report["outputs"]
    assert slim["installed"] < 0.6 * report["upstream"]["installed"]
    inspected = json.loads(slimwheel("inspect", "--cuda", "--json", slim["path"]).stdout)
    # NVIDIA's own libraries stay as they are.
    torchs = [each for each in inspected["libraries"] if re.search("libtorch|caffe2", each["name"])]
    targets = {target for library in torchs for target in library["targets"]}
    assert {"sm_75"} <= targets <= {"sm_70", "sm_75"}


def device_code(wheel: Wheel, scratch: Path) -> set[str]:
    """Return the libraries that have containers of device code; all of them must be empty."""
    found = set()
    for member in wheel.members.values():
        if ".so" not in member.name or wheel.archive.head(member, 4) != b"\x7fELF":
            continue
        path = scratch / "library"
        with path.open("wb") as out:
            for chunk in wheel.chunks(member):
                out.write(chunk)
        with path.open("rb") as stream:
            mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        path.unlink()
        if containers := read_containers(ElfFile.parse(mapped, member.name)):
            assert all(container.is_empty for container in containers), member.name
            found.add(member.name.rpartition("/")[2])
    return found
