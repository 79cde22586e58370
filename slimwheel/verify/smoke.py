"""The smoke import: a slim wheel, installed in a fresh environment of its own Python, is imported.

It shows in seconds what no reading of files can: that the loader takes the libraries, that every
guard and edit is valid for this wheel, and that the companion satisfies what the wheel requires.
"""

import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slimwheel.errors import CheckFailed, ToolError, UsageError
from slimwheel.verify.environments import create_environment, find_python
from slimwheel.wheelfile.names import WheelName

_TIMEOUT = 300


@dataclass(frozen=True)
class SmokeOutcome:
    """Whether the import ran, and in which words to say so."""

    ran: bool
    detail: str


def parse_pythons(texts: Iterable[str]) -> dict[str, Path]:
    """Read `3.6=/path/to/python` choices.

    Raises:
        UsageError: not of that form.
    """
    pythons = {}
    for text in texts:
        version, equals, path = text.partition("=")
        if not equals or not re.fullmatch(r"\d+\.\d+", version):
            raise UsageError(
                f"{text!r} does not say which Python is where",
                hint="Write --python-for 3.6=/path/to/python3.6.",
            )
        pythons[version] = Path(path)
    return pythons


def python_version(tag: str) -> str | None:
    """Return the Python that a wheel's tag asks for, such as 3.11; None for any Python 3."""
    found = re.match(r"cp(\d)(\d+)-", tag)
    return f"{found[1]}.{found[2]}" if found else None


def smoke_import(
    wheels: Sequence[Path],
    imports: Sequence[str],
    *,
    pythons: Mapping[str, Path],
    scratch: Path,
) -> SmokeOutcome:
    """Install wheels in a fresh environment and import modules there.

    Args:
        wheels: the slim wheel first, then what it needs beside it.
        imports: the modules.
        pythons: interpreters by version, asked before PATH is.
        scratch: where the environment is made.

    Raises:
        CheckFailed: an import fails; the message holds its last words.
    """
    name = WheelName.parse(wheels[0].name)
    assert name is not None
    version = python_version(name.tag)
    python = find_python(version, pythons) if version else None
    if python is None:
        wanted = f"Python {version}" if version else "a Python for its tags"
        return SmokeOutcome(False, f"smoke import skipped: {wanted} was not found")
    with tempfile.TemporaryDirectory(prefix="smoke-", dir=scratch) as directory:
        try:
            environment = create_environment(Path(directory) / "env", python)
            environment.install(*wheels)
        except ToolError as error:
            reason = error.message.splitlines()[-1]
            return SmokeOutcome(False, f"smoke import skipped: could not install: {reason}")
        program = f"import {', '.join(imports)}"
        result = environment.run([environment.python, "-c", program], timeout=_TIMEOUT)
    if result.returncode:
        words = (result.stderr or "").strip().splitlines()[-1:] or [f"exit {result.returncode}"]
        raise CheckFailed(
            f"import {', '.join(imports)} fails: {words[0]}",
            file=wheels[0].name,
            hint="Build with --no-smoke to keep the result and look at it.",
        )
    return SmokeOutcome(True, f"smoke import passed with Python {version}")
