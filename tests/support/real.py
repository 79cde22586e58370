"""Running the command line on real wheels, and programs on the results."""

import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slimwheel.verify.environments import Environment

SLIMWHEEL = Path(sysconfig.get_path("scripts"), "slimwheel")


def slimwheel(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line; its exit code must be 0."""
    command = [str(SLIMWHEEL), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True)


@dataclass(frozen=True)
class Built:
    """What `slimwheel build --dev --json` made and said."""

    slim: Path
    companion: Path
    dev: Path
    report: dict[str, Any]
    messages: str


def python_says(environment: Environment, program: str, timeout: float = 600) -> str:
    """Run a program in an environment; its last line of output."""
    done = environment.run([environment.python, "-c", program], timeout=timeout)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]
