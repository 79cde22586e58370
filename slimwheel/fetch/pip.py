"""pip as a process: its command line, its progress, and what its failures mean."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from slimwheel.errors import OutputError, RemoteError, SlimwheelError, ToolError

PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
_UNREACHED = re.compile(r"Could not fetch URL (?P<url>\S+): (?P<reason>.*) - skipping")
_DISK = re.compile(r"OSError: (?P<reason>\[Errno \d+\] (?:No space left|Disk quota|Read-only).*)")
_TIMESTAMP = re.compile(r"^\d{4}-\d\d-\d\dT\S+ ")


class FetchProgress(NamedTuple):
    """How far a download is, in bytes; `total` is 0 where the server does not say."""

    done: int
    total: int


@dataclass(frozen=True)
class IndexOptions:
    """Where pip looks, beside what its own configuration says.

    Attributes:
        index_url: replaces the configured index.
        extra_index_url: further indexes.
        find_links: directories or pages with wheels.
    """

    index_url: str | None = None
    extra_index_url: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()

    def resolved(self) -> "IndexOptions":
        """The same places, whatever the working directory."""
        places = (str(Path(p).resolve()) if Path(p).exists() else p for p in self.find_links)
        return replace(self, find_links=tuple(places))

    def words(self) -> list[str]:
        """These options as pip's command line has them."""
        words = ["--index-url", self.index_url] if self.index_url else []
        for url in self.extra_index_url:
            words += ["--extra-index-url", url]
        for place in self.find_links:
            words += ["--find-links", place]
        return words


def download(
    requirement: str,
    options: list[str],
    directory: Path,
    progress: Callable[[FetchProgress], None] | None,
) -> Path:
    """Let pip put the one wheel that answers `requirement` into `directory`.

    A wheel that lies there already under the right name is not fetched again. Whatever happens,
    no child is left running.

    Args:
        requirement: as on pip's command line.
        options: pip's words for Python, platform and index.
        directory: exists; pip's temporary files go there too.
        progress: called as bytes arrive over a network.

    Raises:
        ToolError: pip is missing or too old.
        OutputError: the disk is full.
        RemoteError: everything else that pip can fail at.
    """
    before = set(directory.glob("*.whl"))
    log, stderr = directory / "pip.log", directory / "pip.stderr"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--no-input", "--disable-pip-version-check", "--progress-bar", "raw"]
    command += ["--dest", str(directory), "--log", str(log), *options, "--", requirement]
    # pip downloads into TMPDIR, which may be a small memory disk, and then moves.
    environment = os.environ | {"TMPDIR": str(directory)}
    with (
        stderr.open("wb") as errors,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            encoding="utf-8",
            errors="replace",
        ) as child,
    ):
        try:
            _follow(child, progress)
        except BaseException:
            child.kill()
            raise
    if child.returncode:
        text = "\n".join(_text(path) for path in (stderr, log))
        raise explain(requirement, text, child.returncode)
    return _only_wheel(directory, before, requirement)


def _follow(
    child: "subprocess.Popen[str]", progress: Callable[[FetchProgress], None] | None
) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        match = PROGRESS.match(line)
        if match and progress is not None:
            progress(FetchProgress(int(match[1]), int(match[2])))


def _only_wheel(directory: Path, before: set[Path], requirement: str) -> Path:
    # What lay there before is a candidate too: pip may have found it to be the answer.
    wheels = set(directory.glob("*.whl"))
    found = wheels - before or wheels
    if len(found) != 1:
        raise RemoteError(f"pip succeeded but left {len(found)} wheels for '{requirement}'")
    return found.pop()


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""


def explain(requirement: str, text: str, code: int) -> SlimwheelError:
    """Return what pip's failure means.

    Args:
        text: what it wrote to standard error and to its log.
        code: its exit code.
    """
    lines = [_TIMESTAMP.sub("", line).strip() for line in text.splitlines()]
    if any(line.endswith("No module named pip") for line in lines):
        return ToolError(
            f"pip is not installed for {sys.executable}", hint="Run `python -m ensurepip`."
        )
    if "invalid choice: 'raw'" in text or "no such option" in text:
        return ToolError(
            f"pip is too old: {_essential(lines, code)}", hint="Run `python -m pip install -U pip`."
        )
    for line in lines:
        if match := _DISK.search(line):
            return OutputError(
                f"pip cannot store '{requirement}': {match['reason']}",
                hint="Make room, or name another place in SLIMWHEEL_CACHE_DIR.",
            )
    for line in lines:
        # An index that does not have the project answers 404, which is no failure of it.
        if (match := _UNREACHED.search(line)) and not match["reason"].startswith("404"):
            return _unreached(requirement, match["url"], match["reason"])
    if constraints := {match[1] for match in re.finditer(r"\(constraint\) (\S+)", text)}:
        return RemoteError(
            f"no release answers '{requirement}' within {', '.join(sorted(constraints))}",
            hint="There is none for this Python and platform, or the bound, which comes from pip's "
            "own configuration (`pip config list`), rules it out.",
        )
    return RemoteError(
        f"pip cannot fetch '{requirement}': {_essential(lines, code)}",
        hint="Check name and version; --python, --platform and --index-url say where to look.",
    )


def _unreached(requirement: str, url: str, reason: str) -> RemoteError:
    refused = reason.startswith(("401", "403"))
    return RemoteError(
        f"pip cannot fetch '{requirement}': {url}: {reason}",
        hint="Give pip the credentials of this index (keyring or netrc)."
        if refused
        else "Check the network; --no-network uses a wheel that was fetched before.",
    )


def _essential(lines: list[str], code: int) -> str:
    """The one line of pip's output that says what is wrong."""
    for prefix in ("× ", "ERROR: ", "error: "):  # noqa: RUF001 - pip writes it
        for line in lines:
            message = line.removeprefix(prefix)
            if message != line and message != "Exception:":
                return message
    errors = [line for line in lines if re.match(r"[\w.]+(?:Error|Exception): ", line)]
    return errors[-1] if errors else f"it ended with code {code}"
