"""What device code a wheel or a library holds, found without NVIDIA's tools."""

import mmap
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from slimwheel.cuda import Image, parse_fatbin, read_containers, read_images
from slimwheel.cuda.fatbin import MAGIC
from slimwheel.elf import ElfFile, is_elf
from slimwheel.errors import ElfError, UsageError
from slimwheel.wheelfile.wheel import Wheel

_ZIP_MAGIC = b"PK\x03\x04"


class Share(NamedTuple):
    """How many images there are for one target, and their bytes with headers."""

    images: int
    size: int


@dataclass(frozen=True)
class LibraryDeviceCode:
    """The device code of one file.

    Attributes:
        name: the member of the wheel, or the file.
        size: bytes of the file.
        sections: number of containers by section.
        empty: how many of the containers hold nothing.
        shares: by target, as sm_90a and compute_70.
        compression: number of images by the way in which they are compressed, "none" included.
        trouble: why it could not be read, None where it could.
    """

    name: str
    size: int
    sections: dict[str, int] = field(default_factory=dict)
    empty: int = 0
    shares: dict[str, Share] = field(default_factory=dict)
    compression: dict[str, int] = field(default_factory=dict)
    trouble: str | None = None

    @property
    def total(self) -> Share:
        """All images together."""
        return Share(
            sum(share.images for share in self.shares.values()),
            sum(share.size for share in self.shares.values()),
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "name": self.name,
            "bytes": self.size,
            "containers": self.sections,
            "empty": self.empty,
            "targets": {t: {"images": s.images, "bytes": s.size} for t, s in self.shares.items()},
            "compression": self.compression,
            "error": self.trouble,
        }


def device_code_of(path: Path) -> list[LibraryDeviceCode]:
    """Return the device code of every library of a wheel, of one library, or of a lone container.

    Files of a wheel without any are left out; one whose device code cannot be read is there with
    the reason.

    Raises:
        UsageError: the file cannot be read, or is none of these.
        WheelError: the wheel is damaged.
        ElfError: the library or the container is damaged, or of a shape that is not known.
    """
    if path.exists() and not path.is_file():
        raise UsageError("is not a file", file=path, hint="Name a wheel or a library.")
    try:
        with path.open("rb") as stream:
            head = stream.read(4)
    except OSError as error:
        raise UsageError(
            f"cannot be read: {error.strerror}", file=path, hint="Name a wheel or a library."
        ) from error
    if head == _ZIP_MAGIC:
        return list(_of_wheel(path))
    if is_elf(head):
        return [_of_library(path, str(path))]
    if head == MAGIC.to_bytes(4, "little"):
        data = _mapped(path)
        return [_found(str(path), len(data), {"": 1}, [parse_fatbin(data, str(path))])]
    raise UsageError(
        "is neither a wheel nor an ELF file nor a container of device code",
        file=path,
        hint="Name a wheel, a shared library or a .fatbin file.",
    )


def _of_wheel(path: Path) -> Iterator[LibraryDeviceCode]:
    with (
        Wheel.open(path) as wheel,
        tempfile.TemporaryDirectory(prefix="slimwheel-inspect-") as scratch,
    ):
        file = Path(scratch) / "member"
        for member in sorted(wheel.members.values(), key=lambda member: member.name):
            if not is_elf(wheel.archive.head(member, 4)):
                continue
            file.unlink(missing_ok=True)  # The last one may still be mapped.
            with file.open("wb") as out:
                for chunk in wheel.chunks(member):
                    out.write(chunk)
            try:
                found = _of_library(file, member.name)
            except ElfError as error:
                found = LibraryDeviceCode(member.name, member.size, trouble=error.message)
            if found.sections or found.trouble:
                yield found


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as stream:
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)


def _of_library(path: Path, name: str) -> LibraryDeviceCode:
    elf = ElfFile.parse(_mapped(path), name)
    containers = read_containers(elf)
    sections = Counter(container.section.name for container in containers)
    images = [read_images(elf, container) for container in containers]
    return _found(name, elf.source.size, dict(sections), images)


def _found(
    name: str, size: int, sections: dict[str, int], containers: Iterable[tuple[Image, ...]]
) -> LibraryDeviceCode:
    every = list(containers)
    images = sorted(
        (image for container in every for image in container),
        key=lambda image: (-image.kind, image.architecture),
    )
    shares: dict[str, Share] = {}
    for image in images:
        count, so_far = shares.get(image.target, Share(0, 0))
        shares[image.target] = Share(count + 1, so_far + image.size)
    compression = Counter(image.compression or "none" for image in images)
    empty = sum(not container for container in every)
    return LibraryDeviceCode(name, size, sections, empty, shares, dict(compression))
