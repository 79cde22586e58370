"""From what a command was given to a wheel on disk."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from slimwheel.errors import RemoteError
from slimwheel.fetch import cache, pip
from slimwheel.fetch.source import Wanted, parse_source
from slimwheel.fetch.tags import platform_options, python_options


class FetchedWheel(NamedTuple):
    """A wheel on disk.

    Attributes:
        path: for a requirement, in the cache: do not change it.
        sha256: in hex, of a wheel from the cache; None for a path, which nobody has hashed yet.
        source: what was asked for.
    """

    path: Path
    sha256: str | None
    source: str


def fetch(
    source: str,
    *,
    python: str | None = None,
    platform: str | None = None,
    index: pip.IndexOptions = pip.IndexOptions(),  # noqa: B008 - frozen
    network: bool = True,
    cache_dir: Path | None = None,
    sha256: str | None = None,
    progress: Callable[[pip.FetchProgress], None] | None = None,
) -> FetchedWheel:
    """Find the wheel that `source` names.

    A requirement that pins one version is answered from the cache without asking pip; any other
    is put to pip each time, and a wheel that is already here is not fetched again.

    Args:
        source: a path, a requirement (`torch==2.13.0+cpu`, `torch @ https://…whl`) or a URL.
        python: the Python that the wheel is for, such as `3.11`; None for the one running.
        platform: the platform tag that the wheel has to run on, such as
            `manylinux_2_28_x86_64`; None for this machine.
        index: where pip looks.
        network: False to use only what the cache has.
        cache_dir: where wheels are kept; None for SLIMWHEEL_CACHE_DIR or the user's cache.
        sha256: what the wheel should have, in hex, where that is known. An answer in the cache
            that has another does not count. A wheel in the cache that has it is not fetched again:
            pip holds it against the hash that the index states, and without a network it is the
            answer. What pip finds may have another still.
        progress: called as bytes arrive.

    Raises:
        UsageError: neither a file nor a requirement, or not a Python or platform.
        ToolError: pip is missing or too old.
        RemoteError: there is no such wheel, or it cannot be reached.
        OutputError: the cache cannot be written.
    """
    wanted = parse_source(source)
    if isinstance(wanted, Path):
        return FetchedWheel(wanted, None, source)
    options = python_options(python) if python else []
    options += platform_options(platform) if platform else []
    question = question_of(wanted, python, platform, index)
    with cache.locked_entry(cache_dir or cache.default_directory(), question) as entry:
        known = staged = entry.wheel()
        wrong = sha256 is not None and (known is None or known.sha256 != sha256)
        if sha256 is not None and wrong:
            staged = cache.held(cache_dir or cache.default_directory(), sha256)
            known = None if network else staged
        if known is None and not network:
            raise RemoteError(
                f"'{source}' is not in the cache, and the network is not to be used",
                hint="Run it once without --no-network and with the same options, or give a path.",
            )
        if known is None or (network and not wanted.pinned):
            if staged is not None:
                entry.stage(staged)
            options += index.words()
            known = entry.store(pip.download(wanted.requirement, options, entry.staging, progress))
        return FetchedWheel(known.path, known.sha256, source)


def question_of(
    wanted: Wanted, python: str | None, platform: str | None, index: pip.IndexOptions
) -> list[object]:
    """Return what the cache knows a wheel by: what was asked for, for what, and where."""
    return [wanted.requirement, *_for(python, platform), asdict(index.resolved())]


def _for(python: str | None, platform: str | None) -> tuple[str, str]:
    """What tells the answers of two machines or Pythons apart where the user did not."""
    from packaging.tags import sys_tags

    here = next(sys_tags())
    return python or f"{here.interpreter}-{here.abi}", platform or here.platform
