"""The cpu recipe on wheels built with CUDA, from the command line to the running result."""

import json
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from slimwheel.elf import ElfFile
from slimwheel.verify.environments import Environment, create_environment
from slimwheel.verify.static import check_wheel
from tests.support.cuda_native import (
    DEVICE_CODE,
    cuda_members,
    make_cuda_torch,
    mixed_members,
    thread_local_members,
)
from tests.support.native import compile_c
from tests.support.upstream import TAG

HERE = f"cp{sys.version_info.major}{sys.version_info.minor}"
THIS_PYTHON = TAG.replace("cp311", HERE)
MESSAGE = "CUDA is not available: this torch was made for the CPU, without CUDA's libraries"
WORDS = f"""{MESSAGE}
Lost: running anything on a GPU: torch.cuda behaves as in a build without CUDA
To have it back, install upstream: pip uninstall -y torch_cpu torch && pip install torch==2.14.1"""
RECIPE = """\
extends = "cpu"

[[shadow.answer]]
symbols = ["_ZN4c10d11CudaOptionsC1Eb"]
constructs = { vtable = "_ZTVN4c10d11CudaOptionsE" }
"""


def slimwheel(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "slimwheel", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "look-alike.toml"
    path.write_text(RECIPE)
    return path


def build(wheel: Path, recipe: Path, output: Path) -> Path:
    done = slimwheel("build", "--recipe", recipe, "--output-dir", output, wheel)
    assert done.returncode == 0, done.stderr
    assert "smoke import passed" in done.stderr
    return next(output.glob("torch_cpu-*.whl"))


def installed(directory: Path, *wheels: Path) -> Environment:
    environment = create_environment(directory / "env", Path(sys.executable))
    environment.install(*wheels, deps=False, offline=True)
    return environment


def says(environment: Environment, expression: str) -> str:
    program = f"import torch; print({expression})"
    done = environment.run([environment.python, "-c", program])
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def slim(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("slim")
    upstream = make_cuda_torch(directory, tag=THIS_PYTHON)
    return build(upstream, recipe, directory / "dist")


@pytest.fixture(scope="module")
def environment(slim: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    companion = next(slim.parent.glob("torch-*.whl"))
    return installed(tmp_path_factory.mktemp("installed"), slim, companion)


def test_it_computes_and_its_versions_say_that_it_is_for_the_cpu(environment: Environment) -> None:
    assert says(environment, "torch.answer()") == "42"
    assert says(environment, "torch.__version__, torch.version.cuda") == "2.14.1+cpu None"


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (0, f"runtime_error: at::cuda::mm: {WORDS}"),
        (1, f"runtime_error: c10::cuda::device_count: {WORDS}"),
        (2, f"runtime_error: c10::cuda::allocator: {WORDS}"),
        (3, "11"),
        (4, str(len("N4c10d9CudaGroupE"))),
        (5, "0"),
    ],
    ids=["function", "other-library", "object", "vtable", "typeinfo", "no-devices"],
)
def test_what_reaches_for_cuda_gets_an_answer(
    environment: Environment, call: int, answer: str
) -> None:
    assert says(environment, f"torch._C._call({call})") == answer


def test_a_constructor_leaves_an_empty_object(environment: Environment) -> None:
    assert says(environment, "torch._C._options()") == "0"


def test_no_library_of_cuda_is_left_and_none_is_required(slim: Path) -> None:
    upstream = next(slim.parent.parent.glob("torch-*.whl"))
    known = {(finding.code, finding.member) for finding in check_wheel(upstream)}
    assert [f for f in check_wheel(slim) if (f.code, f.member) not in known] == []
    with zipfile.ZipFile(slim) as archive:
        metadata = archive.read("torch_cpu-2.14.1.dist-info/METADATA").decode()
        names = {name for name in archive.namelist() if name.startswith("torch/lib/")}
        shadow = archive.read("torch/lib/libtorch_cuda.so")
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist")]
    assert required == [
        'Requires-Dist: optree>=0.13.0; extra == "optree"',
        "Requires-Dist: torch==2.14.1+slim.cpu",
    ]
    assert "torch/lib/libcudart.so.13" in names
    assert not [s for s in ElfFile.parse(shadow, "shadow").sections if "fatbin" in s.name]


def test_the_libraries_no_longer_look_into_directories_of_nvidia(slim: Path) -> None:
    with zipfile.ZipFile(slim) as archive:
        for name in ("libtorch_cpu.so", "libtorch_python.so", "libtorch_global_deps.so"):
            elf = ElfFile.parse(archive.read(f"torch/lib/{name}"), name)
            assert elf.rpath == "$ORIGIN"


def test_extensions_find_what_the_wheels_own_libraries_do_not_ask_for(
    environment: Environment,
) -> None:
    lib = "__import__('os').path.dirname(torch.__file__) + '/lib/libtorch_cuda.so'"
    wanted = "'aoti_torch_stream', 'nothing_of_the_kind'"
    have = f"[hasattr(__import__('ctypes').CDLL({lib}), name) for name in ({wanted})]"
    assert says(environment, have) == "[True, False]"


def test_a_missing_rule_is_named_with_its_function(tmp_path: Path) -> None:
    upstream = make_cuda_torch(tmp_path, tag=THIS_PYTHON)
    done = slimwheel("build", "--recipe", "cpu", "--output-dir", tmp_path / "dist", upstream)
    assert done.returncode == 7, done.stderr
    assert "import torch fails" in done.stderr
    assert "c10d::CudaOptions::{ctor}" in done.stderr
    assert "[[shadow.answer]]" in done.stderr
    assert "'_ZN4c10d11CudaOptionsC1Eb'" in done.stderr
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "dist").iterdir()) == []


def test_cpu_and_cuda_code_in_one_library(tmp_path: Path, recipe: Path) -> None:
    upstream = make_cuda_torch(tmp_path, mixed=True, tag=THIS_PYTHON)
    slim = build(upstream, recipe, tmp_path / "dist")
    with zipfile.ZipFile(slim) as archive:
        library = archive.read("torch/lib/libATen.so")
    elf = ElfFile.parse(library, "libATen.so")
    section = next(s for s in elf.sections if s.name == ".nv_fatbin")
    assert section.size == DEVICE_CODE + 16
    assert bytes(elf.data[section.offset + 8 : section.end]) == bytes(DEVICE_CODE + 8)
    environment = installed(tmp_path, slim, next(slim.parent.glob("torch-*.whl")))
    said = says(environment, "torch.answer(), torch._C._devices(), torch._C._device_code()")
    assert said == "42 0 0"


def test_the_plan_shows_what_becomes_of_cuda(tmp_path: Path, recipe: Path) -> None:
    upstream = make_cuda_torch(tmp_path, tag=THIS_PYTHON)
    plan = json.loads(slimwheel("plan", "--recipe", recipe, "--json", upstream).stdout)
    goes = {found["member"] for found in plan["cuda"]["libraries"] if found["goes"]}
    assert goes == {"torch/lib/libc10_cuda.so", "torch/lib/libtorch_cuda.so"}
    shadows = {found["member"]: found["symbols"] for found in plan["cuda"]["shadows"]}
    assert shadows["torch/lib/libcudart.so.13"] == {"cudart": 2}
    assert plan["cuda"]["emptied"] == []
    shown = slimwheel("plan", "--recipe", recipe, upstream).stdout
    for word in ("goes with CUDA", "shadow library", "2 of cudart", "nvidia-cudnn-cu13"):
        assert word in shown
    why = slimwheel("plan", "--recipe", recipe, "--why", "torch/lib/libtorch_cpu.so", upstream)
    assert "CUDA       stays: 0 of the" in why.stdout


def test_without_the_rule_nothing_of_cuda_changes(tmp_path: Path, recipe: Path) -> None:
    upstream = make_cuda_torch(tmp_path, tag=THIS_PYTHON)
    options = ["--recipe", recipe, "--keep", "cuda", "--local", "whole", "--no-smoke"]
    done = slimwheel("build", *options, "--output-dir", tmp_path / "d", upstream)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next((tmp_path / "d").glob("torch_cpu-*.whl"))) as archive:
        metadata = archive.read("torch_cpu-2.14.1+whole.dist-info/METADATA").decode()
        version = archive.read("torch/version.py").decode()
        library = archive.read("torch/lib/libtorch_cuda.so")
    assert "nvidia-cudnn-cu13" in metadata
    assert "'13.0'" in version
    assert [s for s in ElfFile.parse(library, "").sections if s.name == ".nv_fatbin"]


def with_dynamic(data: bytes, tag: int, value: int) -> bytes:
    """Give an entry of the dynamic section another value."""
    elf = ElfFile.parse(data, "")
    (entry,) = elf.entries([tag])
    changed = bytearray(data)
    struct.pack_into("<Q", changed, entry.offset + 8, value)
    return bytes(changed)


def symbols_outside(data: bytes) -> bytes:
    return with_dynamic(data, 6, 1 << 60)  # DT_SYMTAB


def versions_outside(data: bytes) -> bytes:
    return with_dynamic(data, 0x6FFFFFFE, 1 << 60)  # DT_VERNEED


def relocations_outside(data: bytes) -> bytes:
    return with_dynamic(data, 7, 1 << 60)  # DT_RELA


@pytest.mark.parametrize("damage", [symbols_outside, versions_outside, relocations_outside])
def test_a_damaged_library_of_cuda_gives_one_error(
    damage: Callable[[bytes], bytes], tmp_path: Path, recipe: Path
) -> None:
    member = "torch/lib/libtorch_cuda.so"
    broken = {member: damage(cuda_members()[member])}
    upstream = make_cuda_torch(tmp_path, tag=THIS_PYTHON, members=broken)
    done = slimwheel("build", "--recipe", recipe, "--output-dir", tmp_path / "d", upstream)
    assert done.returncode == 6, done.stderr
    assert done.stderr.startswith(f"slimwheel: error: {upstream}: {member}")
    assert len(done.stderr.splitlines()) == 2
    assert list((tmp_path / "d").iterdir()) == []


@pytest.mark.parametrize(
    ("offset", "value", "code"),
    [(8, (1 << 64) - 1, 6), (8, 1 << 40, 6), (4, 0x10_0002, 0)],
    ids=["size-without-end", "size-beyond-the-section", "unknown-version"],
)
def test_damaged_device_code(
    offset: int, value: int, code: int, tmp_path: Path, recipe: Path
) -> None:
    """Damage is an error; a version that nobody knows is left alone, and said so."""
    member = "torch/lib/libATen.so"
    data = bytearray(mixed_members()[member])
    elf = ElfFile.parse(bytes(data), "")
    section = next(s for s in elf.sections if s.name == ".nv_fatbin")
    struct.pack_into("<Q" if offset == 8 else "<I", data, section.offset + offset, value)
    upstream = make_cuda_torch(tmp_path, mixed=True, tag=THIS_PYTHON, members={member: bytes(data)})
    done = slimwheel("build", "--recipe", recipe, "--output-dir", tmp_path / "d", upstream)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    if code:
        assert member in done.stderr
        assert "offset" in done.stderr
    else:
        assert f"warning: {member} stays as upstream has it: .nv_fatbin holds" in done.stderr


def test_what_nothing_can_stand_in_for_stays(tmp_path: Path, recipe: Path) -> None:
    """A thread-local variable: the library that has it stays, without its device code."""
    with tempfile.TemporaryDirectory() as directory:
        native = thread_local_members(Path(directory))
    upstream = make_cuda_torch(tmp_path, tag=THIS_PYTHON, members=native)
    options = ["--recipe", recipe, "--json"]
    plan = json.loads(slimwheel("plan", *options, upstream).stdout)
    (verdict,) = [
        found for found in plan["cuda"]["libraries"] if found["member"].endswith("libx_cuda.so")
    ]
    assert not verdict["goes"]
    assert verdict["why"].startswith("nothing can stand in for it: cuda_depth: ")
    assert plan["cuda"]["emptied"] == ["torch/lib/libx_cuda.so"]


def test_a_file_that_is_no_library_where_a_shadow_belongs(tmp_path: Path, recipe: Path) -> None:
    """A linker script, as distributions have them: nothing could load it."""
    member = "torch/lib/libcudart.so.13"
    upstream = make_cuda_torch(tmp_path, tag=THIS_PYTHON, members={member: "INPUT(libcudart)\n"})
    slim = build(upstream, recipe, tmp_path / "dist")
    with zipfile.ZipFile(slim) as archive:
        assert ElfFile.parse(archive.read(member), member).soname == "libcudart.so.13"


def test_a_library_of_cuda_that_no_family_names_is_missed_aloud(
    tmp_path: Path, recipe: Path
) -> None:
    """Upstream has it from a dependency, which is dropped: nothing must hide that."""
    upstream = make_cuda_torch(tmp_path, tag=THIS_PYTHON, members=needs_unknown(tmp_path))
    done = slimwheel("build", "--recipe", recipe, "--output-dir", tmp_path / "d", upstream)
    assert done.returncode == 0, done.stderr
    said = "warning: torch/lib/libnew.so needs libnvfuture.so.1, which neither the wheel nor"
    assert said in done.stderr
    assert "a dropped requirement may have brought it" in done.stderr


def needs_unknown(directory: Path) -> dict[str, bytes]:
    shared = ["-shared", "-fPIC", f"-L{directory}", "-Wl,--no-as-needed"]
    compile_c("int future(void) { return 1; }", directory / "libnvfuture.so.1", *shared)
    user = compile_c(
        "int f(void) { return 1; }", directory / "libnew.so", *shared, "-l:libnvfuture.so.1"
    )
    return {"torch/lib/libnew.so": user.read_bytes()}
