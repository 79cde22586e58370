"""The benchmark of packing libraries: every way makes the same library; the page's figures."""

import zipfile
import zlib
from pathlib import Path

import pytest

from benchmarks.pack_library import pack
from benchmarks.splicing import WAYS, Packed, render
from slimwheel.verify.measure import Cost
from tests.support.native import compile_c
from tests.support.streams import content


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("packed")
    blob = directory / "blob"
    blob.write_bytes(content(1 << 20))
    source = f'__asm__(".section .rodata\\n.incbin \\"{blob}\\"\\n.text"); int answer = 42;\n'
    library = compile_c(source, directory / "a.so", "-shared")
    path = directory / "a.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(library, "a.so")
    return path


def test_all_ways_make_the_same_library(wheel: Path, tmp_path: Path) -> None:
    found, results = set(), {}
    for way in WAYS:
        output = tmp_path / way / "packed"
        output.parent.mkdir()
        results[way] = pack(wheel, "a.so", way, output)
        assert results[way]["packed"] == output.stat().st_size
        found.add(zlib.decompress(output.read_bytes(), -15))
    assert len(found) == 1
    assert {result["size"] for result in results.values()} == {len(found.pop())}
    assert results["fast"]["copied"] > 800_000
    assert results["best"]["copied"] == results["whole"]["copied"] == 0
    assert results["best"]["packed"] < results["whole"]["packed"]


def test_the_page() -> None:
    costs = tuple(Cost(cpu, cpu, 30_000_000, 60_000_000) for cpu in (2.0, 1.0, 4.0))
    result = {"size": 345_000_000, "packed": 106_800_000, "copied": 344_655_000}
    packed = Packed("torch==1", "a.so", {"fast": costs}, {"fast": result})
    text = render([packed], {"cores": "2"})
    assert "| 2.00 s | 2.00 s | 30.0 MB | 106.8 MB | 99.90 % |" in text
    assert "2.00 1.00 4.00" in text
