"""Which images of a container a GPU would load: the driver's choice, made without a driver.

The rules are NVIDIA's ("CUDA C++ Programming Guide", sections "Binary Compatibility", "PTX
Compatibility" and "Feature Set Compiler Targets"): a cubin runs on devices of its major version
whose minor version is not smaller, and is preferred to PTX, which is translated when it is loaded.
docs/device-code.md says what of it was measured, and by whom.
"""

from collections.abc import Iterable, Sequence

from slimwheel.cuda.devices import ComputeCapability
from slimwheel.cuda.images import Architecture, Image, Kind

# GPUs that are part of a processor (Tegra): no code for others runs on them, nor theirs on others.
# So is 8.7, but since CUDA 13.2 NVIDIA's linker takes others' for it: what may be of use stays.
_INTEGRATED = frozenset({32, 53, 62, 72, 101, 110})


def runs_on(image: Image, device: ComputeCapability) -> bool:
    """Tell whether a device could use a cubin or PTX; never true of other kinds."""
    architecture = image.architecture
    if image.kind not in (Kind.CUBIN, Kind.PTX) or architecture.number > device.number:
        return False
    if architecture.suffix == "a":
        return architecture.number == device.number
    # PTX without a suffix is for any later device. What no suffix known here has is for equals.
    if architecture.suffix not in ("", "f"):
        return architecture.number == device.number
    if image.kind == Kind.PTX and not architecture.suffix:
        return True
    if _INTEGRATED.intersection((architecture.number, device.number)):
        return architecture.number == device.number
    return architecture.major == device.major


def chosen(images: Sequence[Image], device: ComputeCapability) -> frozenset[int]:
    """Return the indexes of what a device would choose from: the images of the best architecture.

    The best is the nearest below, of cubins before PTX. There may be several images for it, with
    different suffixes; the driver knows which it takes, so all of them count. Empty where there is
    none.
    """
    for kind in (Kind.CUBIN, Kind.PTX):
        usable = [
            (image.architecture.number, index)
            for index, image in enumerate(images)
            if image.kind == kind and runs_on(image, device)
        ]
        if usable:
            nearest = max(number for number, _ in usable)
            return frozenset(index for number, index in usable if number == nearest)
    return frozenset()


def kept(
    images: Sequence[Image], devices: Iterable[ComputeCapability], *, ptx: bool = False
) -> frozenset[int]:
    """Return the indexes of the images to keep for some devices.

    What is neither a cubin nor PTX is kept in any case: it is not known who uses it, or how.

    Args:
        ptx: keep the newest PTX too, which devices to come can use.
    """
    stays = {index for index, image in enumerate(images) if not image.is_code}
    for device in devices:
        stays |= chosen(images, device)
    if ptx:
        stays |= _newest_ptx(images)
    return frozenset(stays)


def architectures(images: Iterable[Image]) -> tuple[Architecture, ...]:
    """Return the architectures that cubins are there for, ascending, each once."""
    return tuple(sorted({i.architecture for i in images if i.kind == Kind.CUBIN}))


def _newest_ptx(images: Sequence[Image]) -> set[int]:
    """PTX with a suffix is of no use to devices to come."""
    portable = [
        (image.architecture.number, index)
        for index, image in enumerate(images)
        if image.kind == Kind.PTX and not image.architecture.suffix
    ]
    newest = max((number for number, _ in portable), default=None)
    return {index for number, index in portable if number == newest}
