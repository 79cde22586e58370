"""GPUs that a wheel is made for: their compute capabilities, and the names that people use.

devices.toml holds the names and says where they come from.
"""

import re
import shutil
import subprocess
import tomllib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from slimwheel.errors import ToolError, UsageError

_SPELLING = re.compile(
    r"(?: ([1-9][0-9]?) \. ([0-9]) | sm_? ([1-9][0-9]?) ([0-9]) ) [af]?", re.VERBOSE | re.IGNORECASE
)

# Left out of names, for they tell no two GPUs apart. Exceptions are Quadro, as there is an RTX 6000
# Ada next to the Quadro RTX 6000, and Jetson, as there is an Orin Nano next to the Jetson Nano.
_BRANDS = re.compile(r"^(?:nvidia|geforce|tesla|quadro(?!rtx\d)|jetson(?!nano))+")
_MEMORY = re.compile(r"\b\d+ ?gb\b")
# Variants of a product, in the words of shops and of nvidia-smi: NVIDIA H100 80GB HBM3, GeForce
# GTX 1660 Ti with Max-Q Design, NVIDIA RTX 6000 Ada Generation.
_VARIANTS = re.compile(
    r"""(?: ti | super | laptop | mobile | gpu | nvgpu | with | maxq | design | sff
        | blackwell | server | workstation | edition | generation | developer | dev | kit
        | pcie | sxm\d? | nvl\d* | hbm\de? )+ $""",
    re.VERBOSE,
)

_LOOK_UP = "Give its compute capability, such as 8.6: see https://developer.nvidia.com/cuda-gpus."
_NEAR = 5

_QUERY = ("--query-gpu=compute_cap", "--format=csv,noheader")
_SMI_HINT = "Name the device that the wheel is for, such as --device 8.6."
# The driver may have to wake many GPUs first, which takes seconds for each.
_TIMEOUT = 120.0


class ComputeCapability(NamedTuple):
    """NVIDIA's version of what a GPU can do: 9.0 for an H100. Later ones compare greater."""

    major: int
    minor: int

    @property
    def number(self) -> int:
        """Both parts as one, as in the names of code: 90 for 9.0, 121 for 12.1."""
        return self.major * 10 + self.minor

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


def parse_capability(text: str) -> ComputeCapability:
    """Read a compute capability: "8.6" or "sm_86", in either case of letters.

    Lists of architectures to compile for, such as TORCH_CUDA_ARCH_LIST, have "9.0a" and "sm_100f"
    too. The suffix is one of code, which may be bound to a device or to its family; a device has
    none, so "9.0a" is 9.0 here.

    Raises:
        UsageError: the text is something else.
    """
    capability = _read_capability(text)
    if capability is None:
        message = f"{text!r} is not a compute capability"
        raise UsageError(message, hint="Write it as NVIDIA does, such as 8.6 or sm_86.")
    return capability


def parse_device(text: str) -> ComputeCapability:
    """Read the name of a GPU, such as "RTX 4090" or "h100", or a compute capability.

    Case, spaces and punctuation of names do not matter, nor do NVIDIA's brands, memory sizes and
    words for variants: "NVIDIA GeForce RTX 4090 Laptop GPU" is "rtx4090". A name that GPUs of two
    compute capabilities share, such as "RTX 6000", is unknown.

    Raises:
        UsageError: the name is unknown; names near it are in the message.
    """
    capability = _read_capability(text) or _by_key().get(_key(text))
    if capability is None:
        near = _names_near(_key(text))
        others = f"; names like it: {', '.join(near)}" if near else ""
        raise UsageError(f"no GPU is known as {text!r}{others}", hint=_LOOK_UP)
    return capability


def device_names(capability: ComputeCapability) -> tuple[str, ...]:
    """Return names of GPUs that have a compute capability; none if it is not known."""
    return _names().get(capability, ())


def native_capabilities() -> tuple[ComputeCapability, ...]:
    """Return the compute capabilities of this machine's GPUs, ascending, each once.

    These are all that the driver knows, whatever CUDA_VISIBLE_DEVICES says.

    Raises:
        ToolError: nvidia-smi is missing or failed, or does not tell for every GPU; the driver's
            470 series cannot tell, nor can some of the Jetsons'.
    """
    found = shutil.which("nvidia-smi")
    if found is None:
        raise ToolError("nvidia-smi was not found, so the GPUs are unknown", hint=_SMI_HINT)
    lines = [line.strip() for line in _run(found).splitlines() if line.strip()]
    if not lines:
        raise ToolError("nvidia-smi names no GPU", file=found, hint=_SMI_HINT)
    capabilities = set()
    for line in lines:
        capability = _read_capability(line)
        if capability is None:
            message = f"nvidia-smi does not tell the compute capability: {line!r}"
            raise ToolError(message, file=found, hint=_SMI_HINT)
        capabilities.add(capability)
    return tuple(sorted(capabilities))


def _run(tool: str) -> str:
    try:
        result = subprocess.run(
            [tool, *_QUERY],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError(f"nvidia-smi did not run: {error}", file=tool, hint=_SMI_HINT) from error
    if result.returncode:
        # It complains on standard output.
        said = " ".join(f"{result.stderr} {result.stdout}".split())
        message = f"nvidia-smi failed: {said or f'exit status {result.returncode}'}"
        raise ToolError(message, file=tool, hint=_SMI_HINT)
    return result.stdout


def _read_capability(text: str) -> ComputeCapability | None:
    match = _SPELLING.fullmatch(text.strip())
    if match is None:
        return None
    major, minor = (int(group) for group in match.groups() if group is not None)
    return ComputeCapability(major, minor)


def _key(name: str) -> str:
    """Return what of a name tells GPUs apart: "rtx4090", "quadrortx6000", "a100"."""
    words = _MEMORY.sub("", re.sub(r"[^a-z0-9]+", " ", name.lower()))
    return _VARIANTS.sub("", _BRANDS.sub("", words.replace(" ", "")))


def _names_near(key: str) -> list[str]:
    """Return names that contain a key, then those that are written nearly as it is."""
    # Here and not above: only a name that is not known is compared with others.
    from difflib import get_close_matches

    names = {_key(name): name for of_one in _names().values() for name in of_one}
    containing = [other for other in names if len(key) > 1 and key in other]
    similar = get_close_matches(key, names, n=_NEAR, cutoff=0.7)
    return [names[other] for other in dict.fromkeys(containing + similar)][:_NEAR]


@cache
def _names() -> dict[ComputeCapability, tuple[str, ...]]:
    table = tomllib.loads(files("slimwheel.cuda").joinpath("devices.toml").read_text("utf-8"))
    return {parse_capability(text): tuple(names) for text, names in table.items()}


@cache
def _by_key() -> dict[str, ComputeCapability]:
    return {_key(name): capability for capability, names in _names().items() for name in names}
