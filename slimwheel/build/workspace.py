"""Where a build works: a hidden directory beside its destination, renamed from at the end.

Until then nothing in the output directory looks like a wheel. The hidden directory is locked, so
that a later run can tell what a killed one left behind from what a running one uses.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from slimwheel.errors import OutputError, OutputExists
from slimwheel.wheelfile.archive import CHUNK

_PREFIX = ".slimwheel-"
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def workspace(output_dir: Path) -> Iterator[Path]:
    """Make a hidden directory inside the output directory, and remove it however the work ends.

    Raises:
        OutputError: the output directory cannot be made or written to, or its disk is full.
    """
    with contextlib.ExitStack() as held:
        try:
            output_dir.mkdir(parents=True, exist_ok=True)
            with locked(output_dir):
                _remove_leftovers(output_dir)
                directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=output_dir))
                held.callback(shutil.rmtree, directory, ignore_errors=True)
                held.enter_context(locked(directory))
            yield directory
        except OSError as error:
            raise _explained(error, output_dir) from error


@contextlib.contextmanager
def unfinished(path: Path) -> Iterator[BinaryIO]:
    """Open a new file that bears another name until it is whole."""
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("xb", buffering=CHUNK) as stream:
        yield stream
    partial.rename(path)


def publish(finished: dict[Path, Path], *, force: bool, untouched: Path | None = None) -> None:
    """Move finished files to their places, in order, once it is clear that all can be moved.

    A file that is there already with the same bytes is left as it is.

    Args:
        finished: destination by finished file; both on one file system.
        force: replace files that differ.
        untouched: the input, which is never replaced; None where there is none.

    Raises:
        OutputExists: a destination exists and differs, or is the input.
        OutputError: a destination is a directory.
    """
    new = {}
    for source, destination in finished.items():
        if untouched and destination.exists() and destination.samefile(untouched):
            raise OutputExists("is the input", file=destination, hint="Choose another directory.")
        if destination.is_dir():
            raise OutputError("is a directory", file=destination)
        if not destination.exists():
            new[source] = destination
        elif not _same(source, destination):
            if not force:
                raise OutputExists(
                    "exists already and differs",
                    file=destination,
                )
            new[source] = destination
    for source in new:
        with source.open("rb") as stream:
            os.fsync(stream.fileno())
    for source, destination in new.items():
        if force:
            source.replace(destination)
        else:
            # A name is not taken from a file that somebody has put there since.
            _place(source, destination)


@contextlib.contextmanager
def locked(directory: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock on a directory itself; the system drops it when the process dies."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


def _place(source: Path, destination: Path) -> None:
    try:
        destination.hardlink_to(source)
    except FileExistsError as error:
        if not _same(source, destination):
            raise OutputExists("exists already and differs", file=destination) from error
    except OSError:  # A file system without hard links.
        source.replace(destination)


def _remove_leftovers(output_dir: Path) -> None:
    for directory in output_dir.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), locked(directory, wait=False):
            shutil.rmtree(directory, ignore_errors=True)


def _same(left: Path, right: Path) -> bool:
    if left.stat().st_size != right.stat().st_size:
        return False
    with left.open("rb") as one, right.open("rb") as other:
        while chunk := one.read(CHUNK):
            if chunk != other.read(CHUNK):
                return False
    return True


def _explained(error: OSError, output_dir: Path) -> OutputError:
    if error.errno in _NO_SPACE:
        problem = "has no space left for the wheel and the libraries unpacked for it"
    elif isinstance(error, FileExistsError | NotADirectoryError):
        problem = "is not a directory"
    else:
        problem = f"cannot be written: {error.strerror or error}"
    return OutputError(problem, file=output_dir)
