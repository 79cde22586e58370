"""Pruning library by library, as the plan has it, on a wheel with one small library."""

from pathlib import Path

import pytest

from benchmarks.prune_library import prune_library
from benchmarks.pruning import measure_pruning
from slimwheel.cuda import parse_device, read_containers, read_images
from slimwheel.elf import ElfFile
from tests.support.compiled_fatbins import compile_library
from tests.support.fatbins import PTX, container, image
from tests.support.upstream import make_wheel

MEMBER = "torch/lib/libcode.so"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    images = [image(number, payload=bytes([number]) * 20_000) for number in (80, 90)]
    sections = {".nv_fatbin": [container([*images, image(90, kind=PTX)])]}
    return compile_library(tmp_path, sections)


def test_every_library_of_the_plan_is_pruned(library: Path, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "upstream.whl", {MEMBER: library.read_bytes()})
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    code = {"devices": ["9.0"], "ptx": False, "libraries": [{"member": MEMBER}]}
    found = measure_pruning(wheel, {"device_code": code}, scratch, 2, lambda _: None)
    assert list(found) == [MEMBER]
    pruned = found[MEMBER]
    assert pruned.before == library.stat().st_size
    assert pruned.before - pruned.after > 16_000
    assert len(pruned.costs) == 2
    assert [path.name for path in scratch.iterdir()] == ["output.log"]


@pytest.mark.parametrize("ptx", [False, True])
def test_what_is_measured_is_what_a_build_does(library: Path, tmp_path: Path, ptx: bool) -> None:
    output = tmp_path / "pruned.so"
    prune_library(library, output, [parse_device("9.0")], ptx=ptx)
    elf = ElfFile.parse(output.read_bytes(), output.name)
    targets = [i.target for c in read_containers(elf) for i in read_images(elf, c)]
    assert targets == ["sm_90", *(["compute_90"] if ptx else [])]
    assert not any(section.name == ".symtab" for section in elf.sections)
