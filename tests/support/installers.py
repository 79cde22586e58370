"""Installers of several kinds and ages, at work on environments that have none of their own."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin

from slimwheel.fetch import fetch


def isolated() -> dict[str, str]:
    """The environment without the user's settings for pip, uv and Python.

    Nothing is cached: an index on loopback gets the port, and so the URL, of an earlier one.
    """
    ours = ("PIP_", "UV_", "PYTHON", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {
        "NO_PROXY": "127.0.0.1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "UV_NO_CONFIG": "1",
        "UV_NO_CACHE": "1",
        "UV_PYTHON_DOWNLOADS": "never",
    }


@dataclass(frozen=True)
class Environment:
    """A virtual environment without pip, of the Python that runs the tests."""

    directory: Path

    @classmethod
    def create(cls, directory: Path) -> "Environment":
        """Make an empty one."""
        command = [sys.executable, "-m", "venv", "--without-pip", str(directory)]
        subprocess.run(command, check=True, env=isolated())
        return cls(directory)

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.directory / "bin" / "python"

    def run(self, code: str) -> object:
        """What `code` prints, read as JSON."""
        done = _run([str(self.python), "-I", "-c", code])
        return json.loads(done)


@dataclass(frozen=True)
class Installer:
    """A way to install into an environment; `kind` is pip or uv.

    Attributes:
        kind: whose command line it has.
        pip: for pip, the directory of the package, which is what `pip --python` runs too.
    """

    kind: str
    pip: Path | None = None

    def install(self, environment: Environment, words: Sequence[str]) -> str:
        """Run `install`; options are those that pip and uv share."""
        return self._do(environment, "install", *words)

    def uninstall(self, environment: Environment, names: Sequence[str]) -> str:
        """Run `uninstall` without questions."""
        return self._do(environment, "uninstall", *(["-y"] if self.pip else []), *names)

    def check(self, environment: Environment) -> str:
        """Run `check`, which fails where requirements are not met."""
        return self._do(environment, "check")

    def _do(self, environment: Environment, verb: str, *words: str) -> str:
        python = str(environment.python)
        if self.pip is not None:
            return _run([python, str(self.pip), verb, *words])
        return _run([find_uv_bin(), "pip", verb, "--python", python, *words])


def pip_installer(requirement: str, directory: Path) -> Installer:
    """A pip of its own, such as `pip==23.2`, unpacked into `directory`."""
    with zipfile.ZipFile(fetch(requirement).path) as wheel:
        wheel.extractall(directory)
    return Installer("pip", directory / "pip")


def uv_installer() -> Installer:
    """The uv that the tests were installed with."""
    return Installer("uv")


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=isolated(), check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout
