"""Other people's tools accept a slim wheel."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from installer.sources import WheelFile

from tests.support.real import Built

pytestmark = [pytest.mark.wheels, pytest.mark.xdist_group("torch-cpu")]

SCRIPTS = Path(sysconfig.get_path("scripts"))
# W002: upstream itself has the same files twice, such as empty __init__.py and two stubs.
# The dev wheel's licences are upstream's, of which some are the same text.
# W009: upstream has functorch and torchgen beside torch; the shim adds torch_ergonomics.
# W007, W008: the companion is empty, which is its purpose.
IGNORED = {"slim": "W002,W009", "companion": "W007,W008", "dev": "W002"}


def _run(tool: str, *arguments: str | Path) -> str:
    command = [str(SCRIPTS / tool), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(params=["slim", "companion", "dev"])
def wheel(request: pytest.FixtureRequest, built: Built) -> Path:
    path: Path = getattr(built, request.param)
    return path


def test_wheel_unpack(wheel: Path, tmp_path: Path) -> None:
    """It checks the hashes in RECORD."""
    _run("wheel", "unpack", "--dest", tmp_path, wheel)
    assert len(list(tmp_path.iterdir())) == 1


def test_installer_validates_record(wheel: Path) -> None:
    with WheelFile.open(wheel) as source:
        source.validate_record(validate_contents=True)


def test_installer_installs(built: Built, tmp_path: Path) -> None:
    arguments = ["--destdir", tmp_path, "--prefix", "/usr", "--no-compile-bytecode", built.slim]
    command = [sys.executable, "-m", "installer", "--validate-record", "all", *arguments]
    subprocess.run([str(word) for word in command], check=True)
    assert list(tmp_path.rglob("torch/_slimwheel/manifest.json"))


@pytest.mark.parametrize("kind", IGNORED)
def test_check_wheel_contents(built: Built, kind: str) -> None:
    wheel: Path = getattr(built, kind)
    _run("check-wheel-contents", "--ignore", IGNORED[kind], wheel)


def test_auditwheel_accepts_the_tag(built: Built) -> None:
    said = _run("auditwheel", "show", built.slim)
    assert '"manylinux_2_28_x86_64"' in said
