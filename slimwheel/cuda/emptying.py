"""Taking all device code out of a library that holds code for the CPU as well."""

from slimwheel.cuda.fatbin import PAYLOAD_SIZE_OFFSET, read_containers
from slimwheel.elf import ElfFile, Patch
from slimwheel.elf.edits import Zeros


def emptied(elf: ElfFile) -> list[Patch]:
    """Return the changes for `slim` that leave every container as a header with nothing behind it.

    Each container stays at its address as a valid, empty one, so that whatever points at it still
    does; what it held becomes zeros. The file keeps its size and its layout: in a wheel the zeros
    compress to next to nothing, on disk they take the room that the device code took. `prune` takes
    that room out of the file, but not of every file: pointers to containers then have to change.

    A container that is empty gets no change, so that a second time there are none at all.

    Raises:
        ElfShapeError: something other than a container, or one of an unknown version; the file
            can stay as it is.
        ElfError: the file is damaged.
    """
    changes = []
    for container in read_containers(elf):
        if not container.is_empty:
            start = container.offset + PAYLOAD_SIZE_OFFSET
            changes.append(Patch(start, Zeros(container.end - start)))
    return changes
