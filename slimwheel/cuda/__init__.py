"""Device code in shared objects: the containers that NVIDIA's compiler puts into them.

`read_containers` finds them, `emptied` makes the changes that take all device code out of a library
that has to go on serving the CPU. Nothing here knows of wheels, or whose library it is.
"""

from slimwheel.cuda.emptying import emptied
from slimwheel.cuda.fatbin import (
    Container,
    device_code_size,
    device_sections,
    has_device_code,
    read_containers,
)

__all__ = [
    "Container",
    "device_code_size",
    "device_sections",
    "emptied",
    "has_device_code",
    "read_containers",
]
