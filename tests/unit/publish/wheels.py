"""Wheels for an index, small and of every kind that matters to one."""

from pathlib import Path

from tests.support.upstream import make_wheel

REASON = "empty: it stands in for torch where torch-cpu provides it"


def plain(directory: Path, name: str = "plain", version: str = "1.0", content: str = "") -> Path:
    """A wheel like any other."""
    return make_wheel(
        directory,
        {f"{name}/__init__.py": f"content = {content!r}\n"},
        name=name,
        version=version,
        tags=["py3-none-any"],
        purelib=True,
        metadata_extra=["Requires-Python: >=3.6"],
    )


def companion(directory: Path, version: str = "1.0+slim.cpu") -> Path:
    """An empty wheel of torch's name."""
    return make_wheel(
        directory, {}, name="torch", version=version, tags=["py3-none-any"], purelib=True
    )


def slim(directory: Path, version: str = "1.0", name: str = "torch-cpu") -> Path:
    """A wheel that needs its companion."""
    variant = name.removeprefix("torch-")
    public = version.partition("+")[0]
    return make_wheel(
        directory,
        {"torch/__init__.py": f"__version__ = {version!r}\n"},
        name=name,
        version=version,
        tags=["py3-none-any"],
        purelib=True,
        metadata_extra=[f"Requires-Dist: torch=={public}+slim.{variant}"],
    )
