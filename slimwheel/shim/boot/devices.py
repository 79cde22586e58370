"""Builds with the device code of some GPUs only: what the package says of it, and of other GPUs.

Loaded by such builds alone. `code` is what the manifest calls `device_code`.
"""

import sys
import warnings

from . import build
from .neighbours import SlimwheelWarning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TEXT = """\
GPU%(index)d, %(name)s, has compute capability %(capability)s. %(build)s was made for %(devices)s, \
and has code for %(served)s only.
%(effect)s
Lost: %(loses)s
Ways out: upstream's build, if that serves this GPU: %(back)s
or a build of your own for it: \
slimwheel build --recipe %(recipe)s --device %(capability)s %(upstream)s"""
_FAILS = 'Kernels fail on it with "no kernel image is available for execution on the device".'
_PARTLY = (
    "It runs code for older GPUs of its generation, of which there is some here. What upstream "
    "has for it alone is not here, and what needs that fails."
)
_FROM_PTX = (
    "It is newer than those. Kernels that upstream has as PTX are compiled for it when they are "
    'first used; others fail with "no kernel image is available for execution on the device".'
)

_warned = set()  # type: set[int]


def restrict_flags(code: "dict[str, Any]") -> None:
    """Let the package list the architectures that are left of those it was compiled for.

    torch.cuda.get_arch_list() and torch's own check of devices read `_C._cuda_getArchFlags`. Its
    answer only gets shorter: torch parses it, and does not know every architecture in every
    version. Where there is no such function, there is nothing to do.
    """
    native = sys.modules.get(build.PACKAGE + "._C")
    upstream = getattr(native, "_cuda_getArchFlags", None)
    if upstream is None or getattr(upstream, "__module__", None) == __name__:  # ours already
        return
    left = set(code["architectures"])
    # Code for sm_90a is code for the devices that sm_90 is for. PTX for compute_90a is not what
    # compute_90 is: no later device can use it.
    left.update(_without_suffix(name) for name in code["architectures"] if name[:3] == "sm_")

    def _cuda_getArchFlags() -> "str | None":  # noqa: N802
        flags = upstream()
        if flags is None:
            return None
        return " ".join(flag for flag in flags.split() if flag in left)

    vars(native)["_cuda_getArchFlags"] = _cuda_getArchFlags


def check(code: "dict[str, Any]") -> None:
    """Warn of every GPU that this build lacks code for, each once.

    torch's functions may fail as they like: then there is nothing to say. A warning that
    the program's own filters make an error of is one.
    """
    # Whichever package this is: torch is who knows the GPUs.
    cuda = sys.modules.get("torch.cuda")  # type: Any
    try:
        devices = range(cuda.device_count())
    except Exception:
        return
    for index in devices:
        text = _trouble(cuda, index, code)
        # Asked only now, for asking a GPU for its capability may have run this check inside.
        if text and index not in _warned:
            # Level 3: the package's check, which called check_devices().
            warnings.warn(text, SlimwheelWarning, stacklevel=3)
            _warned.add(index)


def _trouble(cuda: "Any", index: int, code: "dict[str, Any]") -> "str | None":
    try:
        capability = "%d.%d" % cuda.get_device_capability(index)
    except Exception:
        return None
    if capability in code["served"]:
        return None
    try:
        name = str(cuda.get_device_name(index))
    except Exception:
        name = "of unknown name"
    from .manifest import back_to_upstream, loses

    newest = max(map(_number, code["served"]), default=(0, 0))
    if code["ptx"] and _number(capability) > newest:
        effect = _FROM_PTX
    elif any(_runs_code_of(capability, other) for other in code["served"]):
        effect = _PARTLY
    else:
        effect = _FAILS
    return _TEXT % {
        "index": index,
        "name": name,
        "capability": capability,
        "build": "%s %s" % (build.DISTRIBUTION, build.VERSION),
        "devices": ", ".join(code["devices"]),
        "served": ", ".join(code["served"]),
        "effect": effect,
        "loses": loses(code["rule"]),
        "back": back_to_upstream(),
        "recipe": build.RECIPE,
        "upstream": build.UPSTREAM,
    }


def _without_suffix(architecture: str) -> str:
    return architecture.rstrip("abcdefghijklmnopqrstuvwxyz")


def _runs_code_of(capability: str, other: str) -> bool:
    (major, minor), (other_major, other_minor) = _number(capability), _number(other)
    return major == other_major and minor >= other_minor


def _number(capability: str) -> "tuple[int, ...]":
    return tuple(int(part) for part in capability.split("."))
