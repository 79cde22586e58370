"""RPATHs of a built wheel point inside it, and its libraries find each other."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile

from slimwheel.build import BuildOptions, build_wheel
from slimwheel.elf import ElfFile
from slimwheel.plan.search import wanted_rpath
from slimwheel.recipe import load_recipe
from slimwheel.recipe.patterns import Matcher
from slimwheel.verify.findings import Code
from slimwheel.verify.static import check_wheel
from slimwheel.wheelfile.places import Places
from tests.golden.cases import search_paths
from tests.support.native import compile_c

WANTED = {
    "torch/lib/libtail.so": ("DT_RUNPATH", "$ORIGIN"),
    "torch/lib/liboverwritten.so": ("DT_RPATH", "$ORIGIN"),
    "torch/lib/libemptied.so": None,
    "torch/ext/libgrown.so": ("DT_RPATH", "$ORIGIN/../lib"),
    "torch/ext/libnew.so": ("DT_RUNPATH", "$ORIGIN/../lib"),
    "torch/ext/libright.so": ("DT_RUNPATH", "$ORIGIN/../lib"),
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("search")
    report = build_wheel(
        search_paths(directory), load_recipe("cpu"), BuildOptions(directory / "dist")
    )
    # This machine's compiler may ask for a newer C library than the fixture's tag promises.
    found = {finding.code for finding in check_wheel(report.slim.path)}
    assert found <= {Code.VERSION_MISSING}
    with zipfile.ZipFile(report.slim.path) as wheel:
        manifest = json.loads(wheel.read("torch/_slimwheel/manifest.json"))
        wheel.extractall(directory / "installed")
    assert "patchelf" in manifest["tools"], "what had a hand in the bytes is named"
    return directory / "installed"


@pytest.mark.parametrize("member", WANTED)
def test_value_and_kind(installed: Path, member: str) -> None:
    with (installed / member).open("rb") as stream:
        elf = ELFFile(stream)
        (dynamic,) = (s for s in elf.iter_sections() if isinstance(s, DynamicSection))
        found = [
            (tag.entry.d_tag, getattr(tag, tag.entry.d_tag.removeprefix("DT_").lower()))
            for tag in dynamic.iter_tags()
            if tag.entry.d_tag in ("DT_RPATH", "DT_RUNPATH")
        ]
        assert elf.get_section_by_name(".symtab") is None
    wanted = WANTED[member]
    assert found == ([] if wanted is None else [wanted])


@pytest.mark.parametrize("member", WANTED)
def test_the_library_loads(installed: Path, member: str) -> None:
    function = "alone" if member.endswith("libemptied.so") else "answer"
    program = f"import ctypes, sys; print(ctypes.CDLL(sys.argv[1]).{function}())"
    command = [sys.executable, "-c", program, str(installed / member)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "42\n", done.stderr


@pytest.mark.parametrize(
    ("keep", "wanted"),
    [
        ((), "$ORIGIN"),
        (("/nvidia/",), "$ORIGIN/../../nvidia/cudnn/lib:$ORIGIN"),
        (("/nvidia/cu13/",), "$ORIGIN"),
    ],
)
def test_directories_of_requirements_stay_where_the_recipe_says(
    tmp_path: Path, keep: tuple[str, ...], wanted: str
) -> None:
    entries = "$ORIGIN/../../nvidia/cudnn/lib:$ORIGIN:/far/away:$ORIGIN/../../../nvidia/lib"
    library = compile_c(
        "int alone(void) { return 1; }", tmp_path / "libx.so", "-shared", f"-Wl,-rpath,{entries}"
    )
    elf = ElfFile.parse(library.read_bytes(), "libx.so")
    places = Places(["torch/lib/libx.so"])
    assert wanted_rpath(elf, "torch/lib/libx.so", places, Matcher(keep)) == wanted
