"""The device code of a wheel: what some GPUs need of it, and what stays of it in the end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from slimwheel.cuda import (
    Architecture,
    ComputeCapability,
    Image,
    architectures,
    chosen,
    device_names,
    kept,
    runs_on,
)

# What deflate makes of images, by how they are compressed already: measured on torch 1.0.0 and
# 2.14.1, and for those that are not at all on the former.
_PACKED = {"lz4": 0.73, "zstd": 1.0, None: 0.4}

Images = tuple[tuple[Image, ...], ...]
"""The images of one library, container by container."""


class Targets(NamedTuple):
    """The GPUs that somebody wants a wheel for, as written; none leaves it to the recipe.

    `ptx` is whether PTX is wanted too, None to leave that to the recipe.
    """

    devices: tuple[str, ...] = ()
    ptx: bool | None = None


class LibraryCode(NamedTuple):
    """The images of one library before and after."""

    before: Images
    after: Images

    @property
    def removed_packed(self) -> int:
        """About how many bytes the images that go take in a wheel."""
        return _packed(self.before) - _packed(self.after)


@dataclass(frozen=True)
class DevicePlan:
    """What becomes of device code.

    Attributes:
        devices: the GPUs that the wheel is made for, ascending.
        ptx: whether PTX for later GPUs is to stay, where there is any.
        libraries: by member, those that hold device code.
        unread: members whose device code is of a shape not known; they keep it.
    """

    devices: tuple[ComputeCapability, ...]
    ptx: bool
    libraries: dict[str, LibraryCode] = field(default_factory=dict)
    unread: tuple[str, ...] = ()

    def choose(self, images: Sequence[Image]) -> frozenset[int]:
        """Return the indexes of the images of a container that stay."""
        return kept(images, self.devices, ptx=self.ptx)

    def stays_whole(self, member: str) -> None:
        """Take down that a library keeps all its images."""
        if member in self.libraries:
            before = self.libraries[member].before
            self.libraries[member] = LibraryCode(before, before)

    @property
    def segments(self) -> tuple[str, ...]:
        """What tells the result apart in its version."""
        return (*(f"sm{device.number}" for device in self.devices), *(("ptx",) * self.has_ptx))

    @property
    def has_ptx(self) -> bool:
        """Whether PTX that later GPUs can use was wanted and is there."""
        plain = (target.removeprefix("compute_") for target in self.targets)
        return self.ptx and any(name.isdecimal() for name in plain)

    @property
    def targets(self) -> tuple[str, ...]:
        """What there is code for in the end, as sm_90a and compute_70."""
        images = [image for code in self.libraries.values() for image in _all(code.after)]
        found = {(image.kind, image.architecture): image.target for image in images}
        # Cubins first, for that is how torch lists them.
        order = sorted(found, key=lambda key: (-key[0], key[1]))
        return tuple(found[key] for key in order if found[key].startswith(("sm_", "compute_")))

    @property
    def served(self) -> tuple[ComputeCapability, ...]:
        """All GPUs known that find code wherever upstream's build has some for them."""
        pairs = {
            (_keys(before), _keys(after)): (before, after)
            for code in self.libraries.values()
            for before, after in zip(code.before, code.after, strict=True)
        }
        candidates = known_capabilities() | set(self.devices)
        return tuple(sorted(d for d in candidates if _serves(pairs.values(), d)))

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "devices": [str(device) for device in self.devices],
            "ptx": self.has_ptx,
            "architectures": list(self.targets),
            "served": [str(device) for device in self.served],
            "unread": list(self.unread),
            "libraries": [
                {
                    "member": member,
                    "images": {"before": _count(code.before), "after": _count(code.after)},
                    "bytes": {"before": _size(code.before), "after": _size(code.after)},
                }
                for member, code in sorted(self.libraries.items())
            ],
        }


def majors(libraries: Iterable[Images]) -> tuple[ComputeCapability, ...]:
    """Return the fewest and oldest GPUs whose cubins run wherever any cubin runs.

    For most wheels these are the oldest of every major version; one more is there for each that
    some container has no older code for. What goes is what makes some GPUs faster, code for single
    ones, and PTX.
    """
    containers = {_keys(images): images for code in libraries for images in code}.values()
    found: list[ComputeCapability] = []
    for device in _portable(containers):
        for images in containers:
            best = [images[index] for index in chosen(images, device)]
            stays = [images[index] for index in kept(images, found) if images[index].is_code]
            if best and not any(runs_on(image, device) for image in stays):
                found.append(device)
                break
    return tuple(found)


def _portable(containers: Iterable[tuple[Image, ...]]) -> list[ComputeCapability]:
    """Return the devices that cubins without a suffix are made for, ascending."""
    every = {a for images in containers for a in architectures(images) if not a.suffix}
    return [ComputeCapability(a.major, a.minor) for a in sorted(every)]


def runs(libraries: Iterable[Images], device: ComputeCapability) -> bool:
    """Tell whether a GPU finds any code at all."""
    return any(chosen(images, device) for code in libraries for images in code)


def known_capabilities() -> set[ComputeCapability]:
    """Return the compute capabilities of all GPUs known by name."""
    every = (ComputeCapability(major, minor) for major in range(2, 20) for minor in range(10))
    return {capability for capability in every if device_names(capability)}


def _serves(
    pairs: Iterable[tuple[tuple[Image, ...], tuple[Image, ...]]], device: ComputeCapability
) -> bool:
    """Code for one architecture only may do more than what else the device could load."""
    found = False
    for before, after in pairs:
        wanted = [before[index] for index in chosen(before, device)]
        there = [after[index] for index in chosen(after, device)]
        found = found or bool(there)
        if wanted and not there:
            return False
        if _keys(wanted) != _keys(there) and any(i.architecture.suffix for i in wanted):
            return False
    return found


def _keys(images: Iterable[Image]) -> tuple[tuple[int, Architecture], ...]:
    return tuple(sorted((image.kind, image.architecture) for image in images))


def _all(images: Images) -> Iterable[Image]:
    return (image for container in images for image in container)


def _size(images: Images) -> int:
    return sum(image.size for image in _all(images))


def _packed(images: Images) -> int:
    return round(sum(_PACKED.get(image.compression, 1) * image.size for image in _all(images)))


def _count(images: Images) -> int:
    return sum(map(len, images))
