"""How large wheels are, to download and installed, and what they are installed with."""

import zipfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from packaging.utils import canonicalize_name

# A new environment brings them, whatever is installed there.
_BROUGHT = ("pip", "setuptools")


@dataclass(frozen=True)
class Sizes:
    """Sizes in bytes. `installed` is the sum of the files in the wheel, bytecode not counted."""

    download: int
    installed: int


@dataclass(frozen=True)
class Dependency:
    """A distribution that is there because another requires it; `installed` as in `Sizes`."""

    version: str
    installed: int


def sizes_of(wheels: Iterable[Path]) -> Sizes:
    """Return the sizes of wheels that are installed together."""
    download = installed = 0
    for path in wheels:
        download += path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            installed += sum(member.file_size for member in archive.infolist())
    return Sizes(download, installed)


def dependencies_in(site_packages: Path, projects: Collection[str]) -> dict[str, Dependency]:
    """Return what is installed besides some projects, by normalised name.

    Sizes are those that RECORD states; RECORD itself, which states none of its own, is looked at.

    Args:
        site_packages: of an environment of any Python.
        projects: whose dependencies the others are.
    """
    aside = {canonicalize_name(project) for project in (*projects, *_BROUGHT)}
    found = {}
    for distribution in distributions(path=[str(site_packages)]):
        name = canonicalize_name(distribution.metadata["Name"])
        if name not in aside:
            sizes = (
                path.size if path.size is not None else Path(str(path.locate())).stat().st_size
                for path in distribution.files or ()
                if path.suffix != ".pyc"
            )
            found[str(name)] = Dependency(distribution.version, sum(sizes))
    return dict(sorted(found.items()))
