"""The sha256 of the wheel that a requirement would bring, without the wheel."""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from slimwheel.fetch import cache
from slimwheel.fetch.fetcher import question_of
from slimwheel.fetch.pip import PROGRESS, IndexOptions, explain
from slimwheel.fetch.source import parse_source
from slimwheel.fetch.tags import platform_options, python_options
from slimwheel.files import file_sha256

# What is larger than this is no METADATA: pip has begun to download the wheel itself.
_LARGEST_METADATA = 1 << 20


def upstream_sha256(
    source: str,
    *,
    python: str,
    platform: str,
    index: IndexOptions,
    cache_dir: Path | None = None,
) -> str | None:
    """Return the sha256, in hex, of the wheel that `fetch` would bring.

    What is pinned and in the cache already is that. Of others the index says it: pip is asked what
    it would install, which takes METADATA alone where the index has it apart from the wheel, or
    serves parts of files. Where pip starts to download the whole wheel it is stopped.

    Args:
        source: a path, whose file is read, or a requirement.
        python: the Python that the wheel is for, such as `3.11`.
        platform: the platform tag that it has to run on.
        index: where pip looks.
        cache_dir: where fetched wheels are; None for the place that `fetch` has.

    Returns:
        None where the index does not say it.

    Raises:
        UsageError: neither a file nor a requirement, or not a Python or platform.
        ToolError: pip is missing or too old.
        RemoteError: there is no such wheel, or the index cannot be reached.
        OutputError: the cache cannot be written.
    """
    wanted = parse_source(source)
    if isinstance(wanted, Path):
        return file_sha256(wanted)
    question = question_of(wanted, python, platform, index)
    with cache.locked_entry(cache_dir or cache.default_directory(), question) as entry:
        known = entry.wheel()
    if known is not None and wanted.pinned:
        return known.sha256
    options = [*python_options(python), *platform_options(platform), *index.words()]
    with tempfile.TemporaryDirectory(prefix="slimwheel-hash-") as directory:
        report = _report(wanted.requirement, options, Path(directory))
    return None if report is None else _sha256(report)


def _report(requirement: str, options: list[str], directory: Path) -> dict[str, Any] | None:
    """Return what pip would install, None where only the wheel itself would tell."""
    report, log, stderr = (directory / name for name in ("report.json", "log", "stderr"))
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
    command += ["--no-deps", "--only-binary", ":all:", "--use-feature", "fast-deps", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar", "raw", "--log", str(log)]
    command += ["--report", str(report), *options, "--", requirement]
    with (
        stderr.open("wb") as errors,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=os.environ | {"TMPDIR": str(directory)},
            encoding="utf-8",
            errors="replace",
        ) as child,
    ):
        assert child.stdout is not None
        try:
            for line in child.stdout:
                match = PROGRESS.match(line)
                if match and int(match[2]) > _LARGEST_METADATA:
                    child.kill()
                    return None
        except BaseException:
            child.kill()
            raise
    if child.returncode:
        raise explain(requirement, _text(stderr) + "\n" + _text(log), child.returncode)
    answer: dict[str, Any] = json.loads(report.read_bytes())
    return answer


def _sha256(report: dict[str, Any]) -> str | None:
    """Return the hash in pip's report of the one thing that it would install."""
    (wheel,) = report["install"]
    sha256 = wheel["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256")
    return sha256 if isinstance(sha256, str) else None


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""
