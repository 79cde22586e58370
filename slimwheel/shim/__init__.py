"""What is written into every slim wheel, and where the wheel's own sources call it.

`boot` and `torch_ergonomics` in this folder are the payload: they run in the slim wheel under the
wheel's own Python, never inside slimwheel.
"""

from slimwheel.shim.edits import boot_edits, guard_edits
from slimwheel.shim.manifest import Manifest
from slimwheel.shim.payload import boot_files, dev_files, ergonomics_files

__all__ = [
    "Manifest",
    "boot_edits",
    "boot_files",
    "dev_files",
    "ergonomics_files",
    "guard_edits",
]
