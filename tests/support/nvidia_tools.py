"""NVIDIA's own programs and libraries that tests ask about device code, none of which need a GPU.

Each is fetched from where NVIDIA or Debian publish it, kept in slimwheel's cache, and nothing of
it is redistributed. A test that asks for one that cannot be had here is skipped, with the reason.
"""

import fcntl
import platform
import re
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from slimwheel.errors import SlimwheelError
from slimwheel.fetch import fetch
from slimwheel.fetch.cache import default_directory

# Any that the torch under test can be asked about: it reads older device code too.
_CUOBJDUMP = "nvidia-cuda-cuobjdump==13.5.37", "nvidia/cu13/bin/cuobjdump"
_NVJITLINK = "nvidia-nvjitlink==13.5.37", "nvidia/cu13/lib/libnvJitLink.so.13"
# The last that knows devices older than 7.5: 5.0 and newer.
_NVJITLINK_12 = "nvidia-nvjitlink-cu12==12.9.86", "nvidia/nvjitlink/lib/libnvJitLink.so.12"

# The last release of CUDA that knows 3.5 and 3.7, and the release of Debian that has it.
_DEBIAN = "bookworm"
_TOOLKIT = "nvidia-cuda-toolkit"
_RELEASE = "release 11.8"
_APT = """\
Dir::Etc::sourcelist "{here}/sources.list";
Dir::Etc::sourceparts "{here}/none";
Dir::State::lists "{here}/lists";
Dir::Cache "{here}/cache";
APT::Sandbox::User "";
"""


@cache
def cuobjdump() -> Path:
    """The program of CUDA 13, for devices from 7.5."""
    return _of_wheel(*_CUOBJDUMP)


@cache
def nvjitlink() -> Path:
    """The library of CUDA 13, for devices from 7.5."""
    return _of_wheel(*_NVJITLINK)


@cache
def nvjitlink_12() -> Path:
    """The library of CUDA 12.9, for devices from 5.0 to 12.1."""
    return _of_wheel(*_NVJITLINK_12)


@cache
def old_cuobjdump() -> Path:
    """The program of CUDA 11.8, for devices from 3.5 to 9.0.

    PyPI has none so old. Debian 12 has, in its section non-free: 84 MB are fetched, half a
    megabyte is kept. The system's own list of sources does not change, and nothing is installed.
    """
    _need_x86()
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        pytest.skip("cuobjdump 11.8 is a package of Debian's, and apt-get is not here")
    place = _kept("cuobjdump-11.8", _unpack_old_cuobjdump) / "cuobjdump"
    said = subprocess.run([place, "--version"], capture_output=True, text=True, check=True)
    assert _RELEASE in said.stdout, said.stdout
    return place


def _need_x86() -> None:
    if platform.machine() != "x86_64" or platform.system() != "Linux":
        pytest.skip("NVIDIA's tools are fetched for Linux on x86_64")


def _of_wheel(requirement: str, member: str) -> Path:
    _need_x86()
    try:
        wheel = fetch(requirement, python="3.11", platform="manylinux_2_28_x86_64").path
    except SlimwheelError as error:
        pytest.skip(f"{requirement} cannot be had: {error}")

    def unpack(place: Path) -> None:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as source:
            with (place / Path(member).name).open("wb") as target:
                shutil.copyfileobj(source, target)
            (place / Path(member).name).chmod(0o755)

    return _kept(requirement.replace("==", "-"), unpack) / Path(member).name


def _kept(name: str, fill: Callable[[Path], None]) -> Path:
    """Return a directory of the cache, filled now or by whichever process came first."""
    place = default_directory().absolute() / "tools" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_name(f"{name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            # It gets its name when it is complete.
            with tempfile.TemporaryDirectory(dir=place.parent) as made:
                filled = Path(made, "filled")
                filled.mkdir()
                fill(filled)
                filled.rename(place)
    return place


def _unpack_old_cuobjdump(place: Path) -> None:
    with tempfile.TemporaryDirectory(dir=place.parent) as directory:
        here = Path(directory)
        try:
            package = _download_toolkit(here)
        except subprocess.CalledProcessError as error:
            said = error.stderr.strip().splitlines() or ["nothing"]
            pytest.skip(f"Debian's {_TOOLKIT} cannot be had: {error.cmd[:2]} says {said[-1]}")
        command = ["dpkg-deb", "--fsys-tarfile", str(package)]
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE) as unpacking,
            tarfile.open(fileobj=unpacking.stdout, mode="r|") as archive,
        ):
            for member in archive:
                # Read to the end all the same: dpkg-deb fails if nobody takes what it writes.
                if member.name == "./usr/bin/cuobjdump":
                    found = archive.extractfile(member)
                    assert found is not None
                    with (place / "cuobjdump").open("wb") as out:
                        shutil.copyfileobj(found, out)
        (place / "cuobjdump").chmod(0o755)


def _download_toolkit(here: Path) -> Path:
    """Fetch the package from the mirror that this system uses, with apt's signatures checked."""
    mirror = re.search(rf"'(\S+)/dists/{_DEBIAN}/InRelease'", _apt_get(here, "update --print-uris"))
    if mirror is None:
        pytest.skip(f"cuobjdump 11.8 is in Debian {_DEBIAN}, which this system does not use")
    for name in ("lists/partial", "cache/archives/partial", "none"):
        (here / name).mkdir(parents=True)
    (here / "sources.list").write_text(f"deb {mirror[1]} {_DEBIAN} non-free\n")
    (here / "apt.conf").write_text(_APT.format(here=here))
    _apt_get(here, "update", "--config-file", str(here / "apt.conf"))
    _apt_get(here, f"download {_TOOLKIT}", "--config-file", str(here / "apt.conf"))
    (package,) = here.glob(f"{_TOOLKIT}_*.deb")
    return package


def _apt_get(here: Path, words: str, *options: str) -> str:
    command = ["apt-get", *options, "--quiet", *words.split()]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=True)
    return done.stdout
