"""The wrappers of a library in a process that loaded it, as the CUDA runtime would follow them.

This sees what the spy of `registration_spy` cannot: libraries with a runtime of their own.
"""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from elftools.elf.elffile import ELFFile

from tests.support.device_images import WRAPPERS

_PROGRAM = Path(__file__).with_name("walk_wrappers.py")
_WRAPPER_SIZE = 24
_PAGE = 4096


class LiveWrapper(NamedTuple):
    """What one wrapper points at.

    Attributes:
        version: the wrapper's: 2 for what was linked of relocatable device code.
        address, size: of the container, from where the library was loaded, header included.
        images: how many the container has.
        problem: empty where all is well.
    """

    version: int
    address: int
    size: int
    images: int
    problem: str


class Count(NamedTuple):
    """What there is in a library."""

    wrappers: int
    valid: int
    empty: int
    images: int


def live_wrappers(python: Path, library: Path, *, imports: Sequence[str] = ()) -> list[LiveWrapper]:
    """Load a library and return what all its wrappers point at, in their order.

    Args:
        python: an interpreter, 3.5 or newer, in whose process it is loaded.
        library: of any environment.
        imports: modules to import before, `torch` for a library that needs others of torch's.
    """
    path = library.resolve()
    with path.open("rb") as file:
        elf = ELFFile(file)
        section = elf.get_section_by_name(WRAPPERS)
        assert section is not None, f"{library} has no {WRAPPERS}"
        start, size = section["sh_addr"], section["sh_size"]
        first = min(segment["p_vaddr"] for segment in elf.iter_segments("PT_LOAD"))
    assert size % _WRAPPER_SIZE == 0, f"{WRAPPERS} is {size} bytes"
    question = {
        "path": str(path),
        "imports": list(imports),
        "first": first // _PAGE * _PAGE,
        "places": list(range(start, start + size, _WRAPPER_SIZE)),
    }
    command = [str(python), str(_PROGRAM), json.dumps(question)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, (done.returncode, done.stderr)
    rows = json.loads(done.stdout.splitlines()[-1])
    return [LiveWrapper(**row) for row in rows]


def count(wrappers: Sequence[LiveWrapper]) -> Count:
    """Return how many there are, and how many point at a container, at one without images."""
    valid = [wrapper for wrapper in wrappers if not wrapper.problem]
    empty = [wrapper for wrapper in valid if not wrapper.images]
    images = sum(wrapper.images for wrapper in valid)
    return Count(len(wrappers), len(valid), len(empty), images)
