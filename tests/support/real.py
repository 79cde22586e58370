"""Running the command line on real wheels, and programs on the results."""

import json
import subprocess
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slimwheel.verify.environments import Environment

SLIMWHEEL = Path(sysconfig.get_path("scripts"), "slimwheel")


def slimwheel(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line; its exit code must be 0."""
    command = [str(SLIMWHEEL), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True)


# What takes a C++ compiler and upstream's headers.
INLINE = """
import torch
from torch.utils.cpp_extension import load_inline
source = "torch::Tensor twice(torch::Tensor x) { return x + x; }"
module = load_inline("twice", source, functions=["twice"])
print(module.twice(torch.ones(3)).tolist())
"""
COMPILE = """
import torch
f = torch.compile(lambda x: (x.sin() + x.cos()).sum())
x = torch.arange(1000.0)
torch.testing.assert_close(f(x), (x.sin() + x.cos()).sum())
print("compiled")
"""
COMPILERS = [(INLINE, "[2.0, 2.0, 2.0]"), (COMPILE, "compiled")]


@dataclass(frozen=True)
class Built:
    """What `slimwheel build --dev --json` made and said."""

    slim: Path
    companion: Path
    dev: Path
    report: dict[str, Any]
    messages: str


def build(upstream: Path, output: Path, *options: str | Path, recipe: str = "cpu") -> Built:
    """Build with a recipe."""
    command: list[str | Path] = ["build", "--recipe", recipe, "--dev", "--json", *options]
    done = slimwheel(*command, "--output-dir", output, upstream)
    report = json.loads(done.stdout)["builds"][0]
    slim, companion, dev = (Path(made["path"]) for made in report["outputs"])
    return Built(slim, companion, dev, report, done.stderr)


def plan(upstream: Path, *options: str) -> dict[str, Any]:
    """Return what `slimwheel plan --json` prints."""
    planned: dict[str, Any] = json.loads(slimwheel("plan", *options, "--json", upstream).stdout)
    return planned


def python_says(
    environment: Environment,
    program: str,
    *arguments: str | Path,
    variables: Mapping[str, str] | None = None,
    timeout: float = 600,
) -> str:
    """Run a program in an environment; its last line of output."""
    command = [environment.python, "-c", program, *arguments]
    done = environment.run(command, variables, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def script_says(
    environment: Environment,
    name: str,
    *arguments: str | Path,
    variables: Mapping[str, str] | None = None,
    timeout: float = 600,
) -> str:
    """Run a script of tests/support in an environment; its output."""
    command = [environment.python, Path(__file__).with_name(name), *arguments]
    done = environment.run(command, variables, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return done.stdout
