"""Empty stand-ins for the CUDA libraries that upstream's torchvision cannot be loaded without.

Made by the compiler, so that upstream's own bytes can be run beside a torch without CUDA, and
compared with what slimwheel made of them. All functions return a pointer to zeros: some of them
register device code when the library is loaded.
"""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from slimwheel.elf import ElfFile

_LIBRARIES = re.compile(r"lib(cudart|c10_cuda|torch_cuda)\.so[.\d]*")
_CUDA = re.compile("cuda", re.IGNORECASE)


def make_stand_ins(users: Iterable[Path], torch: Path, directory: Path) -> list[Path]:
    """Compile what stands in for CUDA's libraries.

    Args:
        users: torchvision's libraries.
        torch: the directory of the libraries of the torch that they are loaded beside.
        directory: where the stand-ins go.

    Returns:
        The libraries, to be loaded in this order ahead of the users.
    """
    wanted: dict[str, set[str]] = {}
    for elf in map(_parse, users):
        runtime = {v: library for library, vs in elf.version_needs.items() for v in vs}
        for name in filter(_LIBRARIES.fullmatch, elf.needed):
            wanted.setdefault(name, set())
        for symbol in elf.symbols():
            holder = runtime.get(symbol.version or "", "libc10_cuda.so")
            if not symbol.defined and _CUDA.search(symbol.name) and holder in elf.needed:
                wanted.setdefault(holder, set()).add(symbol.name)
    present = {s.name for path in torch.glob("*.so") for s in _parse(path).symbols() if s.defined}
    made = [name for name in sorted(wanted) if _LIBRARIES.fullmatch(name)]
    return [_compile(name, wanted[name] - present, directory) for name in made]


def _compile(name: str, functions: set[str], directory: Path) -> Path:
    source, versions = directory / f"{name}.c", directory / f"{name}.map"
    lines = [f"void *{function}(void) {{ return zeros; }}" for function in sorted(functions)]
    source.write_text("\n".join(["static long zeros[64];", *lines, ""]))
    versions.write_text(f"{name} {{ global: cuda*; __cuda*; }};\n")
    script = [f"-Wl,--version-script={versions}"] if "cudart" in name else []
    output = directory / name
    options = ["-shared", "-fPIC", "-w", f"-Wl,-soname,{name}", *script]
    subprocess.run(["gcc", *options, "-o", output, source], check=True)
    return output


def _parse(path: Path) -> ElfFile:
    return ElfFile.parse(path.read_bytes(), path.name)
