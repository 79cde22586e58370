"""What libraries tell the CUDA runtime when they are loaded: containers, kernels, variables.

A small library, preloaded into a process, takes note and passes everything on to the real
runtime, which needs no GPU for it. It sees what loads `libcudart.so.13`; a library that has the
runtime linked into itself, as torch 1.0's, calls past it.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slimwheel.verify.environments import Environment
from tests.support.native import compile_c

_SOURCE = Path(__file__).with_suffix(".c")

# Loads the libraries of torch that are named, by the file, and fails if one does not load.
LOAD = """
import ctypes, pathlib, sys, torch
for name in sys.argv[1:]:
    ctypes.CDLL(str(pathlib.Path(torch.__file__).with_name("lib") / name))
"""


@dataclass
class Registration:
    """One container that the runtime was told of, with all that came along with it.

    Attributes:
        library: the file's path.
        version: of the wrapper: 2 for what was linked of relocatable device code.
        wrapper, address: where wrapper and container are, from where the library was loaded.
        size: of the container, header included.
        images: kind, architecture, flags and size of each, as in memory.
        linked: for version 2, where the containers are that it was linked from.
        functions, variables: names on the device, in the order of registration.
        ended: whether the library said that there is no more to come.
    """

    library: Path
    version: int
    wrapper: int
    address: int
    size: int
    images: tuple[tuple[int, int, int, int], ...]
    linked: tuple[int, ...]
    functions: list[str] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)
    ended: bool = False

    @property
    def told(self) -> tuple[int, tuple[str, ...], tuple[str, ...], bool]:
        """All that pruning leaves as it was."""
        return self.version, tuple(self.functions), tuple(self.variables), self.ended


def spied(
    command: Sequence[str | Path], scratch: Path, variables: Mapping[str, str] | None = None
) -> list[Registration]:
    """Run a program that has to succeed; return what was registered in it, in order.

    The processes that it starts are not looked at.

    Args:
        scratch: a directory for the spy and its notes.
        variables: of the program's environment, besides those of this process.
    """
    spy, notes = scratch / "registration_spy.so", scratch / "registered"
    compile_c(_SOURCE.read_text(), spy, "-shared", "-fPIC", "-Wall", "-Werror", "-ldl")
    preload = {"LD_PRELOAD": str(spy), "REGISTRATION_SPY": str(notes)}
    done = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, **(variables or {}), **preload},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return _read(notes.read_text())


def spied_torch(environment: Environment, scratch: Path, *libraries: str) -> list[Registration]:
    """Return what `import torch`, and then some of its libraries, register.

    Args:
        environment: it has torch and what torch requires of NVIDIA.
        scratch: as `spied` takes it.
        libraries: file names: those that torch loads only when it needs them.
    """
    return spied([environment.python, "-c", LOAD, *libraries], scratch)


def of_library(registrations: Sequence[Registration], name: str) -> list[Registration]:
    """Return what one library registered, by its file name, in its order."""
    return [each for each in registrations if each.library.name == name]


def _read(notes: str) -> list[Registration]:
    found: list[Registration] = []
    for line in notes.splitlines():
        what, *words = line.split("\t")
        if what == "container":
            found.append(_registration(*words))
            continue
        number, name = words
        assert int(number) >= 0, f"{line}: of a container that nobody registered"
        registration = found[int(number)]
        if what == "end":
            registration.ended = True
        else:
            {"function": registration.functions, "variable": registration.variables}[what].append(
                name
            )
    return found


def _registration(
    library: str,
    magic: str,
    version: str,
    wrapper: str,
    address: str,
    size: str,
    images: str,
    linked: str,
) -> Registration:
    assert magic == "466243b1", f"{library}: a wrapper with magic {magic}"
    rows = [row.split(":") for row in images.split(",") if row]
    return Registration(
        Path(library),
        int(version),
        int(wrapper, 16),
        int(address, 16),
        int(size),
        tuple(
            (int(kind), int(arch), int(flags), int(bytes_)) for kind, arch, flags, bytes_ in rows
        ),
        tuple(int(place, 16) for place in linked.split(",") if place),
    )
