"""Take device code out of one library: what a build does to it, without the wheel around it.

Run as a process of its own, `python prune_library.py LIBRARY OUTPUT DEVICE...`, it is measured; a
last word `ptx` keeps the newest PTX too.
"""

import mmap
import sys
from collections.abc import Collection
from pathlib import Path

from slimwheel.cuda import ComputeCapability, kept, parse_device, prune
from slimwheel.elf import ElfFile, shorten, slim


def prune_library(
    library: Path, output: Path, devices: Collection[ComputeCapability], *, ptx: bool = False
) -> None:
    """Write a library anew with the images that some GPUs need, without symbols.

    Raises:
        ElfError: it cannot be read, or not be changed safely.
    """
    with library.open("rb") as stream, output.open("wb") as out:
        data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        elf = ElfFile.parse(data, library.name)
        pruning = prune(elf, lambda images: kept(images, devices, ptx=ptx))
        shortened = shorten(elf, pruning.sizes) if pruning.sizes else None
        slim(elf, patches=pruning.patches, shortened=shortened).write(data, out)


if __name__ == "__main__":
    source, target, *words = sys.argv[1:]
    prune_library(
        Path(source),
        Path(target),
        [parse_device(word) for word in words if word != "ptx"],
        ptx="ptx" in words,
    )
