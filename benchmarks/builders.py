"""What builds images here, if anything does, and how pip in a build reaches its indexes."""

import os
import shutil
import stat
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slimwheel.errors import ToolError

LOCAL_BASE = "localhost/slimwheel-base"
"""The base image that a builder without a registry is looked for: docs/docker.md makes it."""

_TAIL_LINES = 20
_OUTPUT = "/tmp/output-of-command"
_CERTIFICATES = "/run/pip-certificates.crt"


@dataclass(frozen=True)
class Builder(ABC):
    """A program that builds images.

    Attributes:
        base: what images are built on; None for what their Dockerfile says.
    """

    base: str | None

    def build(
        self, dockerfile: Path, context: Path, tag: str, arguments: Mapping[str, str]
    ) -> None:
        """Build an image.

        Args:
            dockerfile: what is done.
            context: the directory whose files it may copy.
            tag: the image's name.
            arguments: build arguments beside the base and pip's own.

        Raises:
            ToolError: the build failed.
        """
        values = pip_arguments() | ({"BASE": self.base} if self.base else {}) | dict(arguments)
        words = [word for item in values.items() for word in ("--build-arg", "=".join(item))]
        self._run([*self._build_words(), *words, "-f", str(dockerfile), "-t", tag, str(context)])

    @abstractmethod
    def run(self, tag: str, command: Sequence[str]) -> str:
        """Run a command in a fresh container and return what it prints.

        Raises:
            ToolError: it failed.
        """

    @abstractmethod
    def size(self, tag: str) -> int:
        """Return what an image takes, all its layers, in bytes."""

    @abstractmethod
    def remove(self, tag: str) -> None:
        """Remove an image."""

    @abstractmethod
    def _build_words(self) -> list[str]: ...

    @staticmethod
    def _run(command: Sequence[str]) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            tail = "\n".join((done.stdout + done.stderr).splitlines()[-_TAIL_LINES:])
            raise ToolError(f"{' '.join(command[:3])} failed: {tail}")
        return done.stdout


class Docker(Builder):
    """docker, or podman under its name, with a daemon that answers."""

    def _build_words(self) -> list[str]:
        return ["docker", "build"]

    def run(self, tag: str, command: Sequence[str]) -> str:
        return self._run(["docker", "run", "--rm", "--entrypoint", command[0], tag, *command[1:]])

    def size(self, tag: str) -> int:
        return int(self._run(["docker", "image", "inspect", "--format", "{{.Size}}", tag]))

    def remove(self, tag: str) -> None:
        self._run(["docker", "image", "rm", tag])


class Buildah(Builder):
    """buildah as root, on a base image that is here: for machines without a registry."""

    WORDS = ("buildah", "--storage-driver", "overlay")

    def _build_words(self) -> list[str]:
        words = [
            *self.WORDS,
            "build",
            "--isolation",
            "chroot",
            "--format",
            "docker",
            "--pull-never",
        ]
        certificates = _pip_option("cert")
        if certificates:
            words += ["-v", f"{Path(certificates).resolve()}:{_CERTIFICATES}:ro"]
            words += ["--build-arg", f"PIP_CERT={_CERTIFICATES}"]
        return words

    def run(self, tag: str, command: Sequence[str]) -> str:
        container = self._run([*self.WORDS, "from", "--pull-never", tag]).strip()
        try:
            run = [*self.WORDS, "run", "--isolation", "chroot", container, "--"]
            # Of a short command buildah may lose what it prints.
            self._run([*run, "sh", "-c", f'exec "$@" > {_OUTPUT}', "sh", *command])
            root = Path(self._run([*self.WORDS, "mount", container]).strip())
            return (root / _OUTPUT.lstrip("/")).read_text()
        finally:
            self._run([*self.WORDS, "rm", container])

    def size(self, tag: str) -> int:
        """Measure the image's files: its own figure counts what a later layer has replaced."""
        container = self._run([*self.WORDS, "from", "--pull-never", tag]).strip()
        try:
            root = Path(self._run([*self.WORDS, "mount", container]).strip())
            return tree_size(root)
        finally:
            self._run([*self.WORDS, "rm", container])

    def remove(self, tag: str) -> None:
        self._run([*self.WORDS, "rmi", tag])


def find_builder() -> Builder | str:
    """Return what builds images here, or why nothing does.

    SLIMWHEEL_IMAGE_BASE names another base image.
    """
    base = os.environ.get("SLIMWHEEL_IMAGE_BASE")
    if shutil.which("docker") and _succeeds("docker", "info"):
        return Docker(base)
    if not shutil.which("buildah"):
        return "no docker with a daemon, and no buildah"
    if os.geteuid():
        return "no docker with a daemon, and buildah needs root"
    base = base or LOCAL_BASE
    if not _succeeds(*Buildah.WORDS, "inspect", "--type", "image", base):
        return f"no docker with a daemon, and buildah has no image {base}: docs/docker.md"
    return Buildah(base)


def pip_arguments() -> dict[str, str]:
    """Return pip's indexes here as build arguments; those on this machine's disk stay here."""
    found = {}
    for option, argument in (
        ("index-url", "PIP_INDEX_URL"),
        ("extra-index-url", "PIP_EXTRA_INDEX_URL"),
    ):
        urls = [url for url in (_pip_option(option) or "").split() if not url.startswith("file:")]
        if urls:
            found[argument] = " ".join(urls)
    return found


def tree_size(root: Path) -> int:
    """Return the bytes of all regular files below a directory, each file once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for directory, _, names in os.walk(root):
        for name in names:
            status = os.lstat(Path(directory, name))
            known = (status.st_dev, status.st_ino) in seen
            if stat.S_ISREG(status.st_mode) and not known:
                seen.add((status.st_dev, status.st_ino))
                total += status.st_size
    return total


def _pip_option(name: str) -> str | None:
    """Return what pip's configuration or environment says of an option."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    values = {}
    for line in text.splitlines():
        key, _, value = line.partition("=")
        section, _, option = key.rpartition(".")
        if option == name:
            values[section] = value.strip("'\"").replace("\\n", " ")
    # What the environment says goes before the files.
    return values.get(":env:") or values.get("install") or values.get("global")


def _succeeds(*command: str) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
