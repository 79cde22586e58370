"""Fresh virtual environments: found interpreters, installation by uv or pip, running in them."""

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from slimwheel.errors import OutputExists, ToolError

Installer = Literal["uv", "pip"]

_TAIL_LINES = 12
_PROBE = (
    "import sys; print(sys.implementation.name, '%d.%d' % sys.version_info[:2], sep='-', end='')"
)
_PROBE_SECONDS = 30


@dataclass(frozen=True)
class Environment:
    """A virtual environment and the tool that installs into it."""

    path: Path
    python: Path
    installer: Installer

    @cached_property
    def site_packages(self) -> Path:
        """Where wheels with libraries are installed."""
        program = "import sysconfig; print(sysconfig.get_path('platlib'), end='')"
        return Path(self.run([self.python, "-c", program], check=True).stdout)

    def install(
        self,
        *wanted: str | Path,
        deps: bool = True,
        offline: bool = False,
        find_links: Iterable[str | Path] = (),
        index_url: str | None = None,
        extra_index_urls: Iterable[str] = (),
        options: Iterable[str] = (),
    ) -> None:
        """Install requirements and wheel files, together, in one call of the installer.

        Args:
            wanted: requirements (`numpy>=1.20`) and paths of wheels.
            deps: install what they require too.
            offline: use no index, and nothing that pip's configuration files say. `find_links`
                is used still.
            find_links: directories or pages with wheels. uv does not read pip's configuration.
            index_url: the index to use instead of the configured one.
            extra_index_urls: indexes beside it.
            options: further options, of whichever installer this environment has.

        Raises:
            ToolError: the installer failed.
        """
        words: list[str | Path] = ["--no-index"] if offline else []
        for place in find_links:
            words += ["--find-links", place]
        if index_url is not None:
            words += ["--index-url", index_url]
        for url in extra_index_urls:
            words += ["--extra-index-url", url]
        words += options
        if self.installer == "uv":
            self._install_by_uv(wanted, words, deps)
            return
        words += [] if deps else ["--no-deps"]
        # pip before 20.3 refuses a path when a constraint of its configuration names the project.
        configuration = {"PIP_CONFIG_FILE": os.devnull} if offline else {}
        command = [self.python, "-m", "pip", "install", "--disable-pip-version-check", *words]
        self.run([*command, *wanted], configuration, check=True)

    def _install_by_uv(
        self, wanted: Sequence[str | Path], words: Sequence[str | Path], deps: bool
    ) -> None:
        """Install, the files first: uv would keep each in its cache, unpacked, for good."""
        command: list[str | Path] = [_uv(), "pip", "install", "--python", self.python, *words]
        files = [item for item in wanted if isinstance(item, Path)]
        if files:
            self.run([*command, "--no-deps", "--no-cache", *files], check=True)
        # Where the files are installed already, uv looks for what they require and is done.
        if deps or len(files) < len(wanted):
            self.run([*command, *([] if deps else ["--no-deps"]), *wanted], check=True)

    def run(
        self,
        arguments: Sequence[str | Path],
        environ: Mapping[str, str] | None = None,
        *,
        cwd: Path | None = None,
        timeout: float | None = None,
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as if this environment were active.

        Args:
            arguments: the command; `self.python` for the environment's Python.
            environ: variables to set besides those of this process.
            cwd: the directory to run in.
            timeout: seconds.
            check: take an exit code other than 0 for an error.

        Returns:
            The finished process with its stdout and stderr as text.

        Raises:
            ToolError: there is no such command, it took too long, or, with `check`, it failed.
        """
        path = os.pathsep.join([str(self.python.parent), os.environ.get("PATH", os.defpath)])
        active = {"VIRTUAL_ENV": str(self.path), "PATH": path, **(environ or {})}
        return run(arguments, active, cwd=cwd, timeout=timeout, check=check)


def create_environment(
    path: Path, python: Path, *, installer: Installer | None = None
) -> Environment:
    """Make a virtual environment.

    Args:
        path: the directory to make; what is missing above it is made too.
        python: the interpreter that it is for, 3.6 or newer.
        installer: `uv`, or `pip` (with the pip that this Python brings); uv where it is found.

    Raises:
        OutputExists: there is something at `path`.
        ToolError: uv is asked for and not found, or the environment could not be made.
    """
    if path.exists():
        raise OutputExists("an environment is made in a new directory", file=path)
    chosen = installer or ("uv" if find_uv() is not None else "pip")
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    if chosen == "uv":
        run([_uv(), "venv", "--no-project", "--python", python, path], check=True)
    else:
        run([python, "-m", "venv", path], check=True)
    return Environment(path, path / "bin" / "python", chosen)


def find_python(version: str, explicit: Mapping[str, Path] | None = None) -> Path | None:
    """An interpreter that runs and is CPython of a version.

    What `explicit` says is taken; else this process's own interpreter if it fits, else the first
    `pythonX.Y` on PATH. Each is run: a shim of a version manager may have the name and fail.

    Args:
        version: major and minor, `3.11`.
        explicit: interpreters by version, from the user.

    Raises:
        ToolError: the interpreter that is given explicitly does not run, or is another version.
    """
    named = (explicit or {}).get(version)
    if named is not None:
        if not _is_python(named, version):
            raise ToolError(f"this does not run as CPython {version}", file=named)
        return named
    on_path = (Path(entry) / f"python{version}" for entry in os.get_exec_path())
    for candidate in (Path(sys.executable), *on_path):
        if os.access(candidate, os.X_OK) and _is_python(candidate, version):
            return candidate
    return None


def _is_python(candidate: Path, version: str) -> bool:
    try:
        finished = run([candidate, "-I", "-c", _PROBE], timeout=_PROBE_SECONDS, check=True)
    except ToolError:
        return False
    return finished.stdout == f"cpython-{version}"


def find_uv() -> str | None:
    """The path of uv: from PATH, or from the package of that name."""
    found = shutil.which("uv")
    if found is not None:
        return found
    try:
        return str(importlib.import_module("uv").find_uv_bin())
    except (ImportError, FileNotFoundError):
        return None


def _uv() -> str:
    found = find_uv()
    if found is None:
        raise ToolError("uv is not found", hint="Install uv, or choose pip as the installer.")
    return found


def variables(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment variables without those about its own Python, and `extra`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTHON") and name not in ("VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
    }
    return {**kept, **extra}


def run(
    arguments: Sequence[str | Path],
    environ: Mapping[str, str] | None = None,
    *,
    cwd: Path | None = None,
    timeout: float | None = None,
    check: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a command without the variables that are about this process's own Python.

    Takes, returns and raises what `Environment.run` does.
    """
    command = [str(argument) for argument in arguments]
    try:
        finished = subprocess.run(
            command,
            env=variables(environ or {}),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except OSError as error:
        raise ToolError(f"cannot be run: {error.strerror}", file=command[0]) from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"still running after {timeout:g} s", file=command[0]) from error
    if check and finished.returncode != 0:
        tail = "\n".join((finished.stderr or finished.stdout).strip().splitlines()[-_TAIL_LINES:])
        raise ToolError(f"exit code {finished.returncode}: {tail}", file=command[0])
    return finished
