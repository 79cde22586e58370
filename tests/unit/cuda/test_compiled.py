"""What NVIDIA's own compiler makes of two units for several devices, pruned and loaded.

No GPU is needed: the runtime that is linked in only takes note of the containers at start.
"""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from slimwheel.cuda import ComputeCapability, kept, prune, read_containers, read_images
from slimwheel.elf import ElfFile, check_layout, is_symbol_or_debug_section, shorten, slim
from tests.support.compiled_fatbins import run_nvcc

_UNIT = r"""
__global__ void work_{name}(float *x) {{ x[threadIdx.x] += {number}; }}
extern "C" int run_{name}(int launch) {{
    if (launch) work_{name}<<<1, 1>>>(0);
    return {number};
}}
"""

# Run in a process of its own: what the wrappers of a loaded library point at.
_LOOK = r"""
import ctypes, json, struct, sys
path, addresses = sys.argv[1], json.loads(sys.argv[2])
library = ctypes.CDLL(path)
maps = [line for line in open("/proc/self/maps") if line.rstrip().endswith(path)]
base = min(int(line.split("-")[0], 16) for line in maps)
rows = []
for address in addresses:
    magic, version, pointer, _ = struct.unpack("<IIQQ", ctypes.string_at(base + address, 24))
    size, = struct.unpack("<Q", ctypes.string_at(pointer + 8, 8))
    rows.append((magic, version, ctypes.string_at(pointer, 16 + size).hex()))
print(json.dumps((library.run_one(0), library.run_two(0), rows)))
"""


@pytest.fixture(scope="module", params=["whole", "relocatable"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a library of two units: linked at once, or with code that can be linked again."""
    folder = tmp_path_factory.mktemp(request.param)
    for number, name in enumerate(("one", "two"), 1):
        (folder / f"{name}.cu").write_text(_UNIT.format(name=name, number=number))
    options = []
    for code in ("sm_80", "sm_86", "sm_90", "sm_90a", "compute_90"):
        _, _, number_ = code.partition("_")
        options += ["-gencode", f"arch=compute_{number_},code={code}"]
    options += ["-rdc=true"] if request.param == "relocatable" else []
    options += ["-shared", "-Xcompiler", "-fPIC", "-o", "libcompiled.so"]
    run_nvcc(folder, *options, "one.cu", "two.cu")
    return folder / "libcompiled.so"


def look(path: Path) -> list[tuple[int, int, bytes]]:
    elf = ElfFile.parse(path.read_bytes(), path.name)
    (section,) = (s for s in elf.sections if s.name == ".nvFatBinSegment")
    places = list(range(section.address, section.address + section.size, 24))
    command = [sys.executable, "-c", _LOOK, str(path), json.dumps(places)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    one, two, rows = json.loads(result.stdout)
    assert (one, two) == (1, 2)
    return [(magic, version, bytes.fromhex(content)) for magic, version, content in rows]


def targets(path: Path) -> list[list[str]]:
    elf = ElfFile.parse(path.read_bytes(), path.name)
    return [[image.target for image in read_images(elf, each)] for each in read_containers(elf)]


@pytest.mark.parametrize("symbols", [False, True])
@pytest.mark.parametrize(
    ("device", "stays"), [("8.0", {"sm_80"}), ("8.9", {"sm_86"}), ("9.0", {"sm_90", "sm_90a"})]
)
def test_for_one_device(
    library: Path, tmp_path: Path, device: str, stays: set[str], symbols: bool
) -> None:
    before = library.read_bytes()
    elf = ElfFile.parse(before, "before")
    wanted = ComputeCapability(int(device[0]), int(device[2]))
    pruning = prune(elf, lambda images: kept(images, [wanted]), symbols=symbols)
    edits = slim(
        elf,
        drop=(lambda section: False) if symbols else is_symbol_or_debug_section,
        patches=pruning.patches,
        shortened=shorten(elf, pruning.sizes),
    )
    out = io.BytesIO()
    edits.write(before, out)
    path = tmp_path / "libpruned.so"
    path.write_bytes(out.getvalue())
    assert check_layout(ElfFile.parse(out.getvalue(), "after")) == check_layout(elf)

    old, new = look(library), look(path)
    assert [row[:2] for row in new] == [row[:2] for row in old]
    found = [before[each.offset : each.end] for each in read_containers(elf)]
    by_content = dict(zip(found, pruning.before, strict=True))
    for (_, _, whole), (_, _, left) in zip(old, new, strict=True):
        kept_here = [image for image in by_content[whole] if image.target in stays]
        assert left[16:] == b"".join(before[image.offset : image.end] for image in kept_here)
    upstream = targets(library)
    assert all(len(row) >= 4 for row in upstream)
    assert targets(path) == [[t for t in row if t in stays] for row in upstream]
