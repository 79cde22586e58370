"""C++ libraries and programs compiled at test time, and runs of what was made of them."""

import os
import subprocess
import sys
from pathlib import Path

from slimwheel.elf import ElfFile, ShadowLibrary, Symbol, write_shadow
from tests.unit.elf.conftest import need_tool

# As the run began: a test that hides programs from PATH must not hide the compiler's own.
_ENVIRONMENT = dict(os.environ)


def compile_cpp(source: str, output: Path, *options: str) -> Path:
    """Compile C++ text; libraries of the same directory are found, also when it is run."""
    compiler = need_tool("g++")
    search = [f"-L{output.parent}", "-Wl,-rpath,$ORIGIN", "-Wl,--no-as-needed"]
    kind = ["-shared", f"-Wl,-soname,{output.name}"] if ".so" in output.name else []
    # With -fPIC, as in libraries, or the linker would copy the objects of others.
    command = [compiler, "-O1", "-fPIC", "-x", "c++", "-", "-x", "none", "-o", str(output)]
    subprocess.run(
        [*command, "-Wno-attributes", *kind, *search, *options],
        input=source,
        text=True,
        check=True,
        env=_ENVIRONMENT,
    )
    return output


def write(library: ShadowLibrary, folder: Path) -> Path:
    """Write a shadow to the file that its SONAME names."""
    path = folder / library.soname
    path.write_bytes(write_shadow(library))
    return path


def parse(path: Path) -> ElfFile:
    """Read a file into memory."""
    return ElfFile.parse(path.read_bytes(), path.name)


def defined(elf: ElfFile) -> dict[str, Symbol]:
    """Return the symbols that a file defines, by name."""
    return {symbol.name: symbol for symbol in elf.symbols() if symbol.defined}


def run(program: Path, **environment: str) -> list[str]:
    """Run a program and return its lines."""
    result = subprocess.run(
        [str(program)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=_ENVIRONMENT | environment,
    )
    return result.stdout.splitlines()


def python(code: str, *arguments: object) -> str:
    """Run Python text in a process of its own, as a library stays loaded, and return its output."""
    command = [sys.executable, "-c", f"import ctypes, os, sys\n{code}", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return result.stdout.strip()
