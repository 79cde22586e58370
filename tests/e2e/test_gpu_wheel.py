"""The gpu recipe on a look-alike with device code, from the command line to what comes out."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from slimwheel.verify.static import check_wheel
from tests.support.fatbins import PTX, HandMade, Row, container, image
from tests.support.upstream import Members, make_torch_wheel

LIBRARY = "torch/lib/libtorch_cuda.so"
LARGE = b"kernel " * 3000


def containers() -> list[bytes]:
    """Three containers: for three GPUs, for one with a suffix beside it, and with PTX."""
    return [
        container(image(n, payload=LARGE) for n in (70, 80, 86)),
        container([image(80, payload=LARGE), image(90), image(90, "a", payload=LARGE)]),
        container([image(70, kind=PTX, payload=LARGE), image(80), image(90)]),
    ]


CUDA = "def _check_capability():\n    print('upstream looks at the GPUs')\n"


def members(**changes: object) -> Members:
    library = HandMade({".nv_fatbin": containers()}, **changes).build()  # type: ignore[arg-type]
    return {LIBRARY: library, "torch/cuda/__init__.py": CUDA}


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_torch_wheel(tmp_path_factory.mktemp("upstream"), "2.14.1", members=members())


def slimwheel(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "slimwheel", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def build(wheel: Path, output: Path, *options: object) -> tuple[Path, Path, str]:
    command = ("build", "--recipe", "gpu", "--no-smoke", "--output-dir", output, *options)
    done = slimwheel(*command, wheel)
    assert done.returncode == 0, done.stderr
    slim, companion, *_ = (Path(line) for line in done.stdout.split())
    return slim, companion, done.stderr


def images(wheel: Path) -> dict[str, int]:
    """Return the number of images by target, as `inspect` tells them."""
    report = json.loads(slimwheel("inspect", "--cuda", "--json", wheel).stdout)
    (library,) = report["libraries"]
    return {target: part["images"] for target, part in library["targets"].items()}


def manifest(wheel: Path) -> dict[str, object]:
    with zipfile.ZipFile(wheel) as archive:
        found = json.loads(archive.read("torch/_slimwheel/manifest.json"))
    assert isinstance(found, dict)
    return found


def test_a_wheel_for_one_gpu(upstream: Path, tmp_path: Path) -> None:
    slim, companion, _ = build(upstream, tmp_path, "--device", "a100")
    assert slim.name.startswith("torch_gpu-2.14.1+sm80-")
    assert companion.name == "torch-2.14.1+slim.gpu-py3-none-any.whl"
    assert images(upstream) == {
        "sm_70": 1, "sm_80": 3, "sm_86": 1, "sm_90": 2, "sm_90a": 1, "compute_70": 1
    }  # fmt: skip
    assert images(slim) == {"sm_80": 3}
    with zipfile.ZipFile(slim) as archive, zipfile.ZipFile(upstream) as before:
        assert archive.getinfo(LIBRARY).file_size < before.getinfo(LIBRARY).file_size - len(LARGE)
        metadata = archive.read("torch_gpu-2.14.1+sm80.dist-info/METADATA").decode()
    assert "Name: torch-gpu" in metadata
    assert "Requires-Dist: torch==2.14.1+slim.gpu" in metadata
    assert [f for f in check_wheel(slim) if f.member == LIBRARY] == [
        f for f in check_wheel(upstream) if f.member == LIBRARY
    ]


def test_the_wheel_says_what_it_is_for(upstream: Path, tmp_path: Path) -> None:
    slim, _, _ = build(upstream, tmp_path, "--device", "9.0", "--device", "8.0")
    assert slim.name.startswith("torch_gpu-2.14.1+sm80.sm90-")
    code = manifest(slim)["device_code"]
    assert isinstance(code, dict)
    assert code["devices"] == ["8.0", "9.0"]
    assert code["architectures"] == ["sm_80", "sm_90", "sm_90a"]
    assert code["served"] == ["8.0", "8.6", "8.7", "8.9", "9.0"]
    sbom = json.loads(zipfile.ZipFile(slim).read(f"{dist_info(slim)}/sboms/slimwheel.cdx.json"))
    assert "sm_90a" in json.dumps(sbom)
    with zipfile.ZipFile(slim) as archive:
        cuda = archive.read("torch/cuda/__init__.py").decode()
    assert "check_devices" in cuda


def dist_info(wheel: Path) -> str:
    return "-".join(wheel.name.split("-")[:2]) + ".dist-info"


@pytest.mark.parametrize(
    ("options", "version", "left"),
    [
        (["--device", "8.6"], "sm86", {"sm_80": 2, "sm_86": 1}),
        (["--device", "7.0"], "sm70", {"sm_70": 1, "compute_70": 1}),
        (["--device", "8.0", "--ptx"], "sm80.ptx", {"sm_80": 3, "compute_70": 1}),
        (
            ["--device", "majors"],
            "sm70.sm80.sm90",
            {"sm_70": 1, "sm_80": 3, "sm_90": 2, "sm_90a": 1, "compute_70": 1},
        ),
        (["--device", "8.0", "--local", "mine"], "sm80.mine", {"sm_80": 3}),
    ],
)
def test_devices(
    upstream: Path, tmp_path: Path, options: list[str], version: str, left: dict[str, int]
) -> None:
    slim, _, _ = build(upstream, tmp_path, *options)
    assert slim.name.startswith(f"torch_gpu-2.14.1+{version}-")
    assert images(slim) == left


def test_the_gpus_of_this_machine(
    upstream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    asked = ("plan", "--recipe", "gpu", "--device", "native", "--json", upstream)
    done = slimwheel(*asked)
    assert (done.returncode, "--device 8.6" in done.stdout) == (5, True)
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 9.0\necho 8.0\necho 9.0\n")
    tool.chmod(0o755)
    report = json.loads(slimwheel(*asked).stdout)
    assert report["device_code"]["devices"] == ["8.0", "9.0"]


def test_a_recipe_names_devices_and_presets(upstream: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text(
        'extends = "gpu"\nschema = 1\nname = "mine"\nsummary = "for our own machines"\n'
        '[device-code]\ndevices = ["ours"]\n[device-code.presets]\nours = ["a100", "rtx3090"]\n'
    )
    command = ("build", "--recipe", recipe, "--no-smoke", "--output-dir", tmp_path, upstream)
    done = slimwheel(*command)
    assert done.returncode == 0, done.stderr
    assert "torch_gpu-2.14.1+sm80.sm86-" in done.stdout


def test_the_plan_shows_it(upstream: Path) -> None:
    done = slimwheel("plan", "--recipe", "gpu", "--device", "9.0", upstream)
    assert "9 -> 3" in done.stdout, done.stdout
    report = json.loads(
        slimwheel("plan", "--recipe", "gpu", "--device", "9.0", "--json", upstream).stdout
    )
    assert report["device_code"]["architectures"] == ["sm_90", "sm_90a"]
    why = slimwheel("plan", "--recipe", "gpu", "--device", "9.0", "--why", LIBRARY, upstream)
    assert "6 of 9 device images taken out" in why.stdout


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ([], 2, "has to know for which GPUs"),
        (["--device", "5.0"], 2, "It has sm_70, sm_80, sm_86, sm_90, sm_90a, compute_70."),
        (["--device", "rtx4091"], 2, "no GPU is known as 'rtx4091'"),
    ],
)
def test_what_cannot_be_asked_for(
    upstream: Path, tmp_path: Path, options: list[str], code: int, words: str
) -> None:
    output = tmp_path / "out"
    done = slimwheel("build", "--recipe", "gpu", "--output-dir", output, *options, upstream)
    assert done.returncode == code
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 2
    assert not output.exists() or not list(output.iterdir())


def test_majors_are_those_of_cubins(tmp_path: Path) -> None:
    library = HandMade({".nv_fatbin": [container([image(70, kind=PTX)])]}).build()
    files: Members = {LIBRARY: library, "torch/cuda/__init__.py": CUDA}
    wheel = make_torch_wheel(tmp_path, "2.14.1", members=files)
    done = slimwheel("plan", "--recipe", "gpu", "--device", "majors", wheel)
    assert (done.returncode, "majors names no GPU" in done.stderr) == (2, True)
    assert "it has compute_70" in done.stderr


def test_devices_are_for_recipes_that_take_device_code_out(upstream: Path) -> None:
    done = slimwheel("plan", "--recipe", "cpu", "--device", "9.0", upstream)
    assert (done.returncode, "or use --recipe gpu" in done.stderr) == (2, True)
    off = ("--keep", "device-code", "--local", "x")
    done = slimwheel("plan", "--recipe", "gpu", "--device", "9.0", *off, upstream)
    assert (done.returncode, "its rule device-code is off" in done.stderr) == (2, True)


def test_a_copy_that_goes_tells_nothing_of_what_stays(tmp_path: Path) -> None:
    copy = {LIBRARY.replace(".so", "-copy.so"): members()[LIBRARY]}
    wheel = make_torch_wheel(tmp_path, "2.14.1", members={**members(), **copy})
    done = slimwheel("plan", "--recipe", "gpu", "--device", "8.0", "--json", wheel)
    code = json.loads(done.stdout)["device_code"]
    assert code["architectures"] == ["sm_80"]
    assert len(code["libraries"]) == 1


def test_a_library_that_cannot_be_read(tmp_path: Path) -> None:
    odd = HandMade({".nv_fatbin": [container(), b"no container at all"]}).build()
    other = "torch/lib/libodd_cuda.so"
    wheel = make_torch_wheel(tmp_path, "2.14.1", members={**members(), other: odd})
    slim, _, said = build(wheel, tmp_path / "out", "--device", "8.0")
    assert f"{other} keeps all its device code" in said
    assert manifest(slim)["device_code"] is None, "nobody knows what it is for"
    alone = make_torch_wheel(tmp_path / "alone.whl", "2.14.1", members={other: odd})
    done = slimwheel("plan", "--recipe", "gpu", "--device", "8.0", alone)
    assert (done.returncode, f"no device code of a known shape: {other}" in done.stderr) == (
        4,
        True,
    )
    assert "cannot be read" in slimwheel("inspect", "--cuda", wheel).stdout


@pytest.mark.parametrize("local", ["sm90", "mine.ptx"])
def test_a_local_name_that_reads_like_a_gpu(upstream: Path, tmp_path: Path, local: str) -> None:
    words = ("--device", "8.0", "--local", local, "--output-dir", tmp_path, upstream)
    done = slimwheel("build", "--recipe", "gpu", *words)
    assert (done.returncode, "reads like a GPU" in done.stderr) == (2, True)


def test_a_wheel_without_device_code(tmp_path: Path) -> None:
    wheel = make_torch_wheel(tmp_path)
    done = slimwheel("plan", "--recipe", "gpu", "--device", "9.0", wheel)
    assert (done.returncode, "has no device code" in done.stderr) == (4, True)


@pytest.mark.parametrize(
    "changes",
    [
        {"unrelocated": frozenset({1})},
        {"rows": {1: Row(magic=0x12345678)}},
        {"wrapped": [0, 2]},
    ],
)
def test_a_library_of_another_shape_stays_whole(tmp_path: Path, changes: dict[str, object]) -> None:
    wheel = make_torch_wheel(tmp_path, "2.14.1", members=members(**changes))
    slim, _, said = build(wheel, tmp_path / "out", "--device", "8.0")
    assert f"{LIBRARY} keeps all its device code" in said
    assert images(slim) == images(wheel)
    code = manifest(slim)["device_code"]
    assert isinstance(code, dict)
    assert "7.0" in code["served"]


def test_inspect_of_what_is_no_wheel(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")
    done = slimwheel("inspect", "--cuda", tmp_path / "text")
    assert (done.returncode, "Name a wheel" in done.stderr) == (2, True)
    done = slimwheel("inspect", "--cuda", tmp_path / "nothing")
    assert (done.returncode, "cannot be read" in done.stderr) == (2, True)
    lone = tmp_path / "code.fatbin"
    lone.write_bytes(containers()[0])
    done = slimwheel("inspect", "--cuda", lone)
    assert (done.returncode, "sm_86" in done.stdout) == (0, True)
