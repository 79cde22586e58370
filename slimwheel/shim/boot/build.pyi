"""What importing the package has to know of its build.

slimwheel writes build.py from the manifest: literals that Python compiles once, so that import
does not parse the manifest.
"""

from typing import Any, Dict, List, Optional, Tuple

PACKAGE: str  # the package that holds this folder, as "torch"
DISTRIBUTION: str  # as "torch_cpu"
VERSION: str  # as "2.13.0+cpu"
UPSTREAM: str  # as "torch==2.13.0+cpu"
UPSTREAM_SHA256: str
RECIPE: str  # its name
DEV: Optional[str]  # the development wheel's distribution, as "torch_cpu_dev"
DEV_REQUIREMENT: Optional[str]  # as "torch_cpu_dev==2.13.0+cpu"
RIVALS: List[str]  # distributions that own the same package, as "torch_gpu"
ENVIRONMENT: Dict[str, str]  # variable and the value it gets where it has none
# The manifest's `device_code`: which GPUs' code is in. None where the build left it as it was.
DEVICE_CODE: Optional[Dict[str, Any]]
MODULES: Dict[str, str]  # dotted name of a removed module and the rule that removed it
# Module, regular expression of its attributes that are deleted, new values of others.
FORGET: List[Tuple[str, str, Dict[str, Any]]]
