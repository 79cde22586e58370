"""Device code in shared objects: the containers that NVIDIA's compiler puts into them.

`read_containers` finds them and `read_images` what they hold; `kept` says which images some GPUs
need, and `prune` makes the changes that leave these alone. Nothing here knows of wheels, or whose
library it is.
"""

from slimwheel.cuda.choice import architectures, chosen, kept, runs_on
from slimwheel.cuda.devices import (
    ComputeCapability,
    device_names,
    native_capabilities,
    parse_capability,
    parse_device,
)
from slimwheel.cuda.emptying import emptied
from slimwheel.cuda.fatbin import (
    Container,
    device_code_size,
    device_sections,
    has_device_code,
    read_containers,
)
from slimwheel.cuda.images import (
    Architecture,
    Image,
    Kind,
    pack_container,
    parse_fatbin,
    read_images,
)
from slimwheel.cuda.pruning import Pruning, prune

__all__ = [
    "Architecture",
    "ComputeCapability",
    "Container",
    "Image",
    "Kind",
    "Pruning",
    "architectures",
    "chosen",
    "device_code_size",
    "device_names",
    "device_sections",
    "emptied",
    "has_device_code",
    "kept",
    "native_capabilities",
    "pack_container",
    "parse_capability",
    "parse_device",
    "parse_fatbin",
    "prune",
    "read_containers",
    "read_images",
    "runs_on",
]
