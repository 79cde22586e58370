"""What was measured on, as far as it explains figures: no names, no paths."""

import mmap
import os
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from slimwheel.errors import ToolError
from slimwheel.verify.environments import Environment, find_uv

_STEP = 1 << 20
_ROOM = 2 << 30


def describe_machine() -> dict[str, str]:
    """Return processor, memory and system."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "CPU": _cpu_model(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory / 1e9:.0f} GB",
        # What follows the number is the name of somebody's build.
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
    }


def describe_tools(environment: Environment | None) -> dict[str, str]:
    """Return the versions of everything that takes part.

    Args:
        environment: one as the installations are measured in, with pip; None where there is none.

    Raises:
        ToolError: objcopy is missing.
    """
    tools = {
        "slimwheel": f"{version('slimwheel')}, run by Python {platform.python_version()}",
        "wheel": version("wheel"),
        "objcopy": _first_line("objcopy", "--version"),
    }
    if environment is None:
        return tools
    pip = environment.run([environment.python, "-m", "pip", "--version"], check=True).stdout
    python = environment.run([environment.python, "--version"], check=True).stdout
    uv = find_uv()
    return tools | {
        "Python": python.split()[-1],
        "pip": pip.split()[1],
        "uv": _first_line(uv, "--version").split()[1] if uv else "not found",
    }


def warm(path: Path) -> None:
    """Have a file in memory, and memory at hand for what a command makes.

    Systems take away what was idle for some seconds, and virtual machines what is free. Whoever
    touches it first pays for that, in CPU time too, and by a multiple of what reading costs.
    """
    with path.open("rb", buffering=0) as stream:
        while stream.read(_STEP):
            pass
    with mmap.mmap(-1, _ROOM) as room:
        for start in range(0, _ROOM, mmap.PAGESIZE):
            room[start] = 1


def load() -> str:
    """Return the load averages over 1, 5 and 15 minutes."""
    return ", ".join(f"{average:.2f}" for average in os.getloadavg())


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _first_line(tool: str, option: str) -> str:
    if shutil.which(tool) is None:
        raise ToolError(f"{tool} is not found", hint="The alternative needs it: install binutils.")
    finished = subprocess.run([tool, option], capture_output=True, text=True, check=True)
    return finished.stdout.splitlines()[0]
