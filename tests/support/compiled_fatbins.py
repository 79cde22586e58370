"""Libraries with containers written by hand, compiled and loaded as those of NVIDIA's compilers."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

# As the run began: a test that hides programs from PATH must not hide the compiler's own.
_ENVIRONMENT = dict(os.environ)

_CODE = r"""
struct wrapper { unsigned magic, version; const unsigned char *container; const void *more; };
extern const struct wrapper wrappers[] __attribute__((visibility("hidden")));
static long list[4];
static const char text[] = "constants behind the device code";
static long started;
__attribute__((constructor)) static void start(void) { started = 1000; list[0] = 1; }
const struct wrapper *wrapper_at(int n) { return &wrappers[n]; }
long compute(long n) { return n * (long)sizeof text + text[n] + started; }
"""

# Run in a process of its own: what a loaded library's wrappers point at.
_LOOK = r"""
import ctypes, json, struct, sys
library = ctypes.CDLL(sys.argv[1])
library.wrapper_at.restype = ctypes.c_void_p
library.compute.restype = ctypes.c_long
rows = []
for number in range(int(sys.argv[2])):
    row = ctypes.string_at(library.wrapper_at(number), 24)
    magic, version, pointer, more = struct.unpack("<IIQQ", row)
    header = ctypes.string_at(pointer, 16)
    size = struct.unpack("<IHHQ", header)[3]
    rows.append((magic, version, pointer, ctypes.string_at(pointer, 16 + size).hex()))
print(json.dumps((library.compute(ctypes.c_long(5)), rows)))
"""

COMPUTED = 5 * 33 + b"constants behind the device code"[5] + 1000


class Seen(NamedTuple):
    """What a process that loaded a library sees through a wrapper."""

    magic: int
    version: int
    address: int
    container: bytes


def compile_library(
    folder: Path,
    sections: Mapping[str, Sequence[bytes]],
    *options: str,
    wrapped: Sequence[int] | None = None,
    versions: Mapping[int, int] | None = None,
    assembly: str = "",
    code: str = "",
) -> Path:
    """Compile a library with containers and wrappers, as a compiler lays them out.

    Args:
        wrapped: which container each wrapper points at; None for each its own.
        versions: of wrappers, by number, where not 1.
        assembly: more of it; containers have the labels `container_0` and so on.
    """
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    lines, number = [], 0
    for name, containers in sections.items():
        lines.append(f'.section {name},"a"')
        for content in containers:
            file = hashlib.sha256(content).hexdigest()[:16]
            (folder / file).write_bytes(content)
            lines += [".balign 8", f"container_{number}:", f'.incbin "{file}"']
            number += 1
    lines += ['.section .nvFatBinSegment,"aw"', ".balign 8", ".globl wrappers", ".hidden wrappers"]
    lines.append("wrappers:")
    for row, index in enumerate(range(number) if wrapped is None else wrapped):
        version = (versions or {}).get(row, 1)
        lines += [f".long 0x466243b1, {version}", f".quad container_{index}", ".quad 0"]
    lines += [assembly, '.section .note.GNU-stack,"",@progbits', ""]
    (folder / "containers.s").write_text("\n".join(lines))
    (folder / "code.c").write_text(_CODE + code)
    command = [compiler, "-O1", "-fPIC", "-shared", "-o", "libdevice.so", "code.c", "containers.s"]
    result = subprocess.run(
        [*command, "-Wl,-rpath,/far/away:$ORIGIN/and/some/room/for/what/may/come", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        env=_ENVIRONMENT,
    )
    assert result.returncode == 0, result.stderr
    return folder / "libdevice.so"


def load_and_look(path: Path, wrappers: int) -> list[Seen]:
    """Load a library in a process of its own; return what is behind each wrapper."""
    command = [sys.executable, "-c", _LOOK, str(path), str(wrappers)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    computed, rows = json.loads(result.stdout)
    assert computed == COMPUTED
    return [Seen(magic, version, at, bytes.fromhex(text)) for magic, version, at, text in rows]


def nvcc() -> Path:
    """Return NVIDIA's compiler; the test is skipped where there is none."""
    found = shutil.which("nvcc")
    if found is None:
        pytest.skip("nvcc, NVIDIA's compiler, is not installed")
    return Path(found)


def run_nvcc(folder: Path, *arguments: str) -> None:
    """Run NVIDIA's compiler in a folder."""
    command = [str(nvcc()), *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=_ENVIRONMENT)
    assert result.returncode == 0, result.stderr
