"""How large wheels are: to download, and installed."""

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sizes:
    """Sizes in bytes. `installed` is the sum of the files in the wheel, bytecode not counted."""

    download: int
    installed: int


def sizes_of(wheels: Iterable[Path]) -> Sizes:
    """Return the sizes of wheels that are installed together."""
    download = installed = 0
    for path in wheels:
        download += path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            installed += sum(member.file_size for member in archive.infolist())
    return Sizes(download, installed)
