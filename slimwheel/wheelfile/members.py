"""Members of a wheel and the names that they may have."""

import re
import stat
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass

from slimwheel.errors import WheelError

STORED = zipfile.ZIP_STORED
DEFLATED = zipfile.ZIP_DEFLATED

_ENCRYPTED = 0x1 | 0x40
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_REBUILD = "Ask whoever built this wheel to rebuild it; installers differ on such files."


@dataclass(frozen=True)
class Member:
    """One file of a wheel. Sizes in bytes, `mode` as in st_mode's permission bits."""

    name: str
    size: int
    compressed_size: int
    crc: int
    method: int
    mode: int
    header_offset: int

    @property
    def executable(self) -> bool:
        """Whether anybody may execute the installed file."""
        return bool(self.mode & 0o111)


def checked_members(infos: Iterable[zipfile.ZipInfo], *, file: str) -> dict[str, Member]:
    """Return the files of a directory listing by name; directory entries carry nothing.

    Raises:
        WheelError: a name that leaves the wheel, stands twice or is both file and directory; an
            encrypted member, a symbolic link, or a compression that installers do not share.
    """
    members: dict[str, Member] = {}
    directories: set[str] = set()
    for info in infos:
        name = info.orig_filename
        _check_name(name, file=file)
        if name in members:
            raise WheelError("stands twice in the archive", file=file, place=name, hint=_REBUILD)
        if name.endswith("/"):
            directories.add(name.rstrip("/"))
            continue
        _check_kind(info, file=file)
        members[name] = Member(
            name=name,
            size=info.file_size,
            compressed_size=info.compress_size,
            crc=info.CRC,
            method=info.compress_type,
            mode=stat.S_IMODE(info.external_attr >> 16),
            header_offset=info.header_offset,
        )
        while (name := name.rpartition("/")[0]) and name not in directories:
            directories.add(name)
    for name in sorted(directories.intersection(members)):
        raise WheelError("is a file and also a directory", file=file, place=name, hint=_REBUILD)
    return members


def _check_name(name: str, *, file: str) -> None:
    parts = name.rstrip("/").split("/")
    problem = None
    if not name or "\0" in name:
        problem = "has an empty name or one with a NUL byte"
    elif _CONTROL.search(name):
        problem = "has a control character in its name"
    elif "\\" in name:
        problem = "has a backslash in its name"
    elif name.startswith("/") or name[1:2] == ":":
        problem = "has an absolute name"
    elif ".." in parts:
        problem = "has a name that leaves the wheel"
    elif "" in parts or "." in parts:
        problem = "has a name that is not normal"
    if problem:
        raise WheelError(problem, file=file, place=repr(name), hint=_REBUILD)


def _check_kind(info: zipfile.ZipInfo, *, file: str) -> None:
    problem = None
    if info.flag_bits & _ENCRYPTED:
        problem = "is encrypted"
    elif info.compress_type not in (STORED, DEFLATED):
        problem = f"is compressed by method {info.compress_type}; wheels use deflate or none"
    elif stat.S_ISLNK(info.external_attr >> 16):
        problem = "is a symbolic link, which installers write as a plain file"
    elif info.compress_type == STORED and info.compress_size != info.file_size:
        problem = "is stored, but its two sizes differ"
    if problem:
        raise WheelError(problem, file=file, place=info.orig_filename, hint=_REBUILD)
