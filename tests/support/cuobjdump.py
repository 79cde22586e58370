"""What NVIDIA's cuobjdump lists and extracts: device code as its makers read it.

The programs come from `nvidia_tools`. They hold a whole library in memory, uncompressed: 5.7 GB
for torch's largest, so such tests are slow ones and run one at a time.
"""

import hashlib
import re
import subprocess
from pathlib import Path

from tests.support.device_images import Image

Listed = tuple[str, str]
"""Kind and device, as `("elf", "sm_90a")`."""

# cuobjdump numbers the images of each kind, and calls them by the library or by their own names.
_LINE = re.compile(r"(?:Extracting )?(ELF|PTX) file.*? +(\d+): (.*)\.(sm_\w+)\.(?:cubin|ptx)\b.*")
_EXTENSIONS = {"elf": "cubin", "ptx": "ptx"}


def listed(program: Path, library: Path, *, everything: bool = False) -> list[Listed]:
    """Return every image in the order of the file.

    Args:
        everything: those of `__nv_relfatbin` too, which are passed over where there are others.
    """
    lines = _run(program, [*_all(everything), "-lelf", "-lptx", str(library.absolute())])
    return [(kind.lower(), device) for kind, _, _, device in lines]


def called(image: Image) -> Listed:
    """Return what cuobjdump calls an image: it leaves the f of sm_103f out, but not of PTX."""
    suffix = "" if (image.kind, image.suffix) == ("elf", "f") else image.suffix
    return image.kind, f"sm_{image.arch}{suffix}"


def extracted(
    program: Path,
    library: Path,
    scratch: Path,
    device: str = "all",
    *,
    kind: str = "elf",
    everything: bool = False,
) -> list[tuple[str, str]]:
    """Return the device and the sha256 of every image, uncompressed, in the order of the file.

    Args:
        scratch: an empty directory on a disk with room: those of torch's largest library take
            0.8 GB for each device. It is left empty.
        device: the one whose images are wanted, `sm_90` (without those of sm_90a), or `all`.
        kind: `elf` or `ptx`.
        everything: as `listed` takes it.
    """
    assert not any(scratch.iterdir()), scratch
    part = device if device == "all" else f".{device}."
    option = {"elf": "-xelf", "ptx": "-xptx"}[kind]
    words = [*_all(everything), option, part, str(library.absolute())]
    found = []
    for _, number, name, of in _run(program, words, scratch):
        file = scratch / f"{name}.{of}.{_EXTENSIONS[kind]}"
        with file.open("rb") as stream:
            found.append((int(number), of, hashlib.file_digest(stream, "sha256").hexdigest()))
        # What has no number in its name may come twice, and is then written over.
        file.unlink()
    assert not any(scratch.iterdir()), scratch
    return [(of, digest) for _, of, digest in sorted(found)]


def _all(everything: bool) -> list[str]:
    return ["-all"] if everything else []


def _run(program: Path, words: list[str], folder: Path | None = None) -> list[tuple[str, ...]]:
    command = [str(program), *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    matches = [_LINE.fullmatch(line) for line in done.stdout.splitlines()]
    assert all(matches), done.stdout
    return [match.groups() for match in matches if match is not None]
