"""Wheels beyond what a zip's first fields can say: over 65,535 members, over 4 GiB.

Both are read, slimmed, checked and installed, by pip and by uv.
"""

import base64
import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from uv import find_uv_bin

from tests.support.installers import Environment, isolated
from tests.support.upstream import make_torch_wheel

FILES = 70_000
GIB = 1 << 30
_BLOCK = 1 << 24


def enlarged(wheel: Path, output: Path, more: Iterable[tuple[str, Iterator[bytes]]]) -> Path:
    """Write a wheel with further stored members, as zipfile writes them, and its RECORD in full."""
    lines = []
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(output, "w") as target:
        for info in source.infolist():
            if info.filename.endswith("/RECORD"):
                record = info
            else:
                target.writestr(info, source.read(info))
        for name, blocks in more:
            digest, size = hashlib.sha256(), 0
            info = zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6))
            info.external_attr = 0o100644 << 16
            with target.open(info, "w", force_zip64=True) as stream:
                for block in blocks:
                    digest.update(block)
                    size += len(block)
                    stream.write(block)
            text = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={text},{size}\n")
        target.writestr(record, source.read(record).decode() + "".join(lines))
    return output


def slimmed(upstream: Path, output: Path) -> list[Path]:
    command = [sys.executable, "-m", "slimwheel", "build", "--recipe", "cpu", "--no-smoke"]
    done = subprocess.run(
        [*command, "--output-dir", str(output), str(upstream)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [Path(line) for line in done.stdout.splitlines()]


def verified(wheel: Path) -> None:
    command = [sys.executable, "-m", "slimwheel", "verify", "--select", "SW1", str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def installed(wheels: list[Path], installer: str, directory: Path) -> Path:
    """Install wheels alone; the environment's torch."""
    environment = Environment.create(directory)
    command = [sys.executable, "-m", "pip", "--python", str(environment.python), "install"]
    if installer == "uv":
        command = [find_uv_bin(), "pip", "install", "--python", str(environment.python)]
    options = ["--no-deps", *(["--no-compile"] if installer == "pip" else ["--link-mode", "copy"])]
    subprocess.run([*command, *options, *map(str, wheels)], check=True, env=isolated())
    found = environment.run("import json, torch; print(json.dumps(torch.__file__))")
    return Path(str(found)).parent


@pytest.mark.slow
def test_more_members_than_sixteen_bits_count(tmp_path: Path) -> None:
    names = [f"torch/many/{number % 500}/{number}.txt" for number in range(FILES)]
    upstream = enlarged(
        make_torch_wheel(tmp_path),
        tmp_path / "torch-2.13.0.whl",
        ((name, iter([name.encode()])) for name in names),
    )
    wheels = slimmed(upstream, tmp_path / "dist")
    with zipfile.ZipFile(wheels[0]) as slim:
        assert len(slim.namelist()) > FILES
        assert slim.read(names[-1]) == names[-1].encode()
    verified(wheels[0])
    for installer in ("pip", "uv"):
        package = installed(wheels, installer, tmp_path / installer)
        assert sum(1 for _ in (package / "many").rglob("*.txt")) == FILES
        shutil.rmtree(tmp_path / installer)


@pytest.mark.slow
def test_more_bytes_than_thirty_two_bits_count(tmp_path: Path) -> None:
    size = 4 * GIB + _BLOCK
    block = bytes(range(256)) * (_BLOCK // 256)
    large = ("torch/data/large.bin", (block for _ in range(size // _BLOCK)))
    behind = ("torch/data/zbehind.txt", iter([b"what begins behind 4 GiB"]))
    upstream = enlarged(make_torch_wheel(tmp_path), tmp_path / "torch-2.13.0.whl", [large, behind])
    assert upstream.stat().st_size > 4 * GIB
    wheels = slimmed(upstream, tmp_path / "dist")
    upstream.unlink()
    verified(wheels[0])
    for installer in ("pip", "uv"):
        package = installed(wheels, installer, tmp_path / installer)
        assert (package / "data" / "large.bin").stat().st_size == size
        assert (package / "data" / "zbehind.txt").read_bytes() == b"what begins behind 4 GiB"
        with (package / "data" / "large.bin").open("rb") as stream:
            stream.seek(size - _BLOCK)
            assert stream.read() == block
        shutil.rmtree(tmp_path / installer)
