"""File names of wheels: distribution, version, build tag, and compatibility tags.

Source: PyPA specifications, "Binary distribution format", section "File name convention".
"""

import re
from pathlib import PurePath
from typing import NamedTuple

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from slimwheel.errors import WheelError

_TAG = re.compile(r"[\w.]+-[\w.]+-[\w.]+", re.ASCII)


def escaped(distribution: str) -> str:
    """Return a project's name as file names and dist-info directories spell it."""
    return re.sub(r"[-_.]+", "_", distribution).lower()


def normalized_version(text: str, *, file: str) -> str:
    """Return a version in PEP 440's normal form.

    Raises:
        WheelError: text is no PEP 440 version.
    """
    try:
        return str(Version(text))
    except InvalidVersion as error:
        raise WheelError(
            f"version {text!r} is not a PEP 440 version",
            file=file,
            place="METADATA",
            hint="Ask whoever built this wheel for one with a valid version.",
        ) from error


class WheelName(NamedTuple):
    """What the name of a wheel's file says.

    `tag` is the compressed set as upstream wrote it, such as
    `cp311-cp311-manylinux_2_28_x86_64` or `py2.py3-none-any`.
    """

    distribution: str
    version: str
    tag: str
    build: str | None = None

    @classmethod
    def parse(cls, filename: str) -> "WheelName | None":
        """Read a file's name; None where it is not a legal wheel name (its tags lost, say)."""
        name = PurePath(filename).name
        try:
            distribution, version, build, _ = parse_wheel_filename(name)
        except InvalidWheelFilename:
            return None
        tag = "-".join(name.removesuffix(".whl").split("-")[-3:])
        if not is_tag(tag):
            # What a browser makes of a second download: `... (1).whl`.
            return None
        return cls(
            distribution=escaped(distribution),
            version=str(version),
            tag=tag,
            build="".join(str(part) for part in build) or None,
        )

    @property
    def filename(self) -> str:
        """The file's name, with `.whl`."""
        parts = [self.distribution, self.version, self.build, self.tag]
        return "-".join(part for part in parts if part) + ".whl"

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platform tags, such as `("manylinux_2_28_x86_64",)`."""
        return tuple(self.tag.split("-")[-1].split("."))


def is_tag(text: str) -> bool:
    """Whether a text is a tag or a compressed set; only such may become part of a file name."""
    return _TAG.fullmatch(text) is not None


def expand_tag(tag: str) -> list[str]:
    """Return the single tags of a compressed set, in the order in which WHEEL lists them."""
    pythons, abis, platforms = (part.split(".") for part in tag.split("-"))
    return [f"{p}-{a}-{f}" for p in pythons for a in abis for f in platforms]


def compress_tags(tags: list[str]) -> str:
    """Return the compressed set of single tags, each component in order of appearance."""
    columns = zip(*(tag.split("-", 2) for tag in tags), strict=True)
    return "-".join(".".join(dict.fromkeys(column)) for column in columns)
