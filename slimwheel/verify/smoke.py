"""The smoke import: a slim wheel, installed in a fresh environment of its own Python, is imported.

It shows in seconds what no reading of files can: that the loader takes the libraries, that every
guard and edit is valid for this wheel, and that the companion satisfies what the wheel requires.
"""

import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from slimwheel.errors import CheckFailed, ToolError, UsageError
from slimwheel.verify.environments import Environment, create_environment, find_python
from slimwheel.wheelfile.names import WheelName

_TIMEOUT = 300


class SmokeOutcome(NamedTuple):
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


class Expected(NamedTuple):
    """What a result must do, and what it needs for that.

    Attributes:
        imports: modules that can be imported.
        loads: files of the slim wheel, by member name, that the loader takes behind the imports.
        siblings: requirements of other slim wheels. They are never looked for on an index, where
            anybody may have taken their names.
        beside: the directory where such wheels are, besides those of `find_links`.
    """

    imports: Sequence[str]
    loads: Sequence[str] = ()
    siblings: Sequence[str] = ()
    beside: Path | None = None

    @property
    def program(self) -> str:
        """What is run, for `-c`; the files are its arguments."""
        return f"import {', '.join(self.imports)}, ctypes, sys\nfor file in sys.argv[1:]: " + (
            "ctypes.CDLL(file)"
        )


@dataclass(frozen=True)
class Smoke:
    """How to import a result.

    Attributes:
        pythons: interpreters by version, asked before PATH is.
        offline: use no index for what the wheels require.
        index_url, extra_index_urls, find_links: where the installer looks.
    """

    pythons: Mapping[str, Path] = field(default_factory=dict)
    offline: bool = False
    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()

    def python_for(self, tag: str) -> Path | None:
        """Return an interpreter for a wheel's tag, None where there is none.

        Raises:
            ToolError: the one that was named does not run, or is another version.
        """
        version = python_version(tag)
        return find_python(version, self.pythons) if version else None

    def run(
        self,
        wheels: Sequence[Path],
        expected: Expected,
        python: Path | None,
        scratch: Path,
        explain: Callable[[str], str | None] = lambda _: None,
    ) -> SmokeOutcome:
        """Install wheels in a fresh environment and import modules there.

        Args:
            wheels: the slim wheel first, then what it needs beside it.
            expected: what is imported and loaded.
            python: what `python_for` found.
            scratch: where the environment is made.
            explain: given what a failed import wrote, the way out of it in a sentence, if known.

        Raises:
            CheckFailed: the wheels cannot be installed, or an import fails.
        """
        name = WheelName.parse(wheels[0].name)
        version = python_version(name.tag) if name else None
        if python is None:
            wanted = f"Python {version}" if version else "a Python for its tags"
            return SmokeOutcome(False, f"smoke import skipped: {wanted} was not found")
        with tempfile.TemporaryDirectory(prefix="smoke-", dir=scratch) as directory:
            try:
                environment = create_environment(Path(directory) / "env", python)
            except ToolError as error:
                return SmokeOutcome(False, f"smoke import skipped: no environment: {_words(error)}")
            problem = self._install(environment, wheels, expected)
            if problem is not None:
                return SmokeOutcome(False, f"smoke import skipped: no dependencies: {problem}")
            files = [environment.site_packages / member for member in expected.loads]
            result = environment.run(
                [environment.python, "-c", expected.program, *files], timeout=_TIMEOUT
            )
        if result.returncode:
            said = result.stderr.strip().splitlines()[-1:] or [f"exit {result.returncode}"]
            raise CheckFailed(
                f"import {', '.join(expected.imports)} fails: {said[0]}",
                file=wheels[0].name,
                hint=explain(result.stderr)
                or "Build with --no-smoke to keep the result and look at it.",
            )
        return SmokeOutcome(True, f"smoke import passed with Python {version}")

    def _install(
        self, environment: Environment, wheels: Sequence[Path], expected: Expected
    ) -> str | None:
        """Install the wheels, then what they require; return why the latter cannot be had."""
        try:
            environment.install(*wheels, deps=False, offline=True)
        except ToolError as error:
            raise CheckFailed(
                f"cannot be installed: {_words(error)}", file=wheels[0].name
            ) from error
        beside = [expected.beside] if expected.beside else []
        places: list[str | Path] = [*beside, *self.find_links]
        try:
            if expected.siblings:
                environment.install(*expected.siblings, deps=False, offline=True, find_links=places)
        except ToolError as error:
            return f"{_words(error)} --find-links says where slim wheels are that it requires."
        try:
            environment.install(
                *wheels,
                offline=self.offline,
                index_url=self.index_url,
                extra_index_urls=self.extra_index_urls,
                find_links=places,
            )
        except ToolError as error:
            return _words(error)
        return None


def _words(error: ToolError) -> str:
    """Return what an installer said, on one line, without the drawing around it."""
    lines = (line.strip(" \t\N{MULTIPLICATION SIGN}╰─▶│├·^") for line in error.message.splitlines())
    return " ".join(line for line in lines if line)
