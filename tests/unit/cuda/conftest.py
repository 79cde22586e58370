"""A library for CPU and GPU whose containers are written by hand, compiled for the tests."""

import ctypes
import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

MAGIC = 0xBA55ED50


def container(
    payload: bytes, *, size: int | None = None, version: int = 1, header: int = 16
) -> bytes:
    """Return a container; `size` is what its header claims, if not the truth."""
    claimed = len(payload) if size is None else size
    return struct.pack("<IHHQ", MAGIC, version, header, claimed) + payload


LINKED = [b"first image" * 300, b"", b"\0\0second" * 9000, b"third and odd"]
RELINKABLE = [b"to be linked again" * 500]

# As the compiler writes them: containers in sections of their own, a wrapper to point at each.
_CODE = r"""
struct wrapper { unsigned magic, version; const unsigned char *container; const void *more; };
extern const struct wrapper wrappers[] __attribute__((visibility("hidden")));
static const char other[] = "constants next to the device code";
static long started;
__attribute__((constructor)) static void start(void) { started = 1000; }

unsigned long wrapper_magic(int n) { return wrappers[n].magic; }
unsigned long container_head(int n) { return *(const unsigned long *)wrappers[n].container; }
unsigned long payload_size(int n) { return ((const unsigned long *)wrappers[n].container)[1]; }
unsigned long payload_sum(int n, unsigned long size) {
    unsigned long sum = 0;
    for (unsigned long i = 0; i < size; i++)
        sum += wrappers[n].container[16 + i];
    return sum;
}
long compute(long n) { return n * (long)sizeof other + other[n] + started; }
"""


def compute(n: int) -> int:
    """Return what the library's function of that name does."""
    return n * 34 + b"constants next to the device code"[n] + 1000


def _assembly(sections: Mapping[str, list[bytes]]) -> str:
    lines = []
    number = 0
    for name, payloads in sections.items():
        lines.append(f'.section {name},"a"')
        for payload in payloads:
            words = ",".join(str(byte) for byte in container(payload))
            lines += [".balign 8", f"container_{number}:", f".byte {words}"]
            number += 1
    lines += ['.section .nvFatBinSegment,"aw"', ".balign 8", ".globl wrappers", ".hidden wrappers"]
    lines.append("wrappers:")
    for index in range(number):
        lines += [".long 0x466243b1, 1", f".quad container_{index}", ".quad 0"]
    return "\n".join([*lines, '.section .note.GNU-stack,"",@progbits', ""])


# As the run began: a test that hides programs from PATH must not hide the compiler's own.
_ENVIRONMENT = dict(os.environ)


@pytest.fixture(scope="session")
def mixed_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a library with code for CPU and GPU, symbols and an RPATH."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc is not installed")
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "code.c").write_text(_CODE)
    sections = {".nv_fatbin": LINKED, "__nv_relfatbin": RELINKABLE}
    (folder / "containers.s").write_text(_assembly(sections))
    command = [compiler, "-g", "-O1", "-fPIC", "-shared", "-o", "libmixed.so"]
    command += ["code.c", "containers.s", "-Wl,--disable-new-dtags,-rpath,/far/away:$ORIGIN/lib"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=_ENVIRONMENT)
    return folder / "libmixed.so"


class Seen(NamedTuple):
    """What a process that loaded the library saw of one container, through its wrapper."""

    magic: int
    head: int
    payload_size: int
    payload_sum: int


def load_and_look(path: Path) -> tuple[int, list[Seen]]:
    """Load a library in a process of its own; return `compute(5)` and every container."""
    sizes = [len(payload) for payload in LINKED + RELINKABLE]
    command = [sys.executable, __file__, str(path), json.dumps(sizes)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    computed, rows = json.loads(result.stdout)
    return computed, [Seen(*row) for row in rows]


def _look(path: str, sizes: list[int]) -> None:
    library = ctypes.CDLL(path)
    names = ("wrapper_magic", "container_head", "payload_size", "payload_sum", "compute")
    functions = [library[name] for name in names]
    for function in functions:
        function.restype = ctypes.c_ulong
    magic, head, payload_size, payload_sum, run = functions
    rows = [
        (magic(n), head(n), payload_size(n), payload_sum(n, ctypes.c_ulong(size)))
        for n, size in enumerate(sizes)
    ]
    json.dump((run(ctypes.c_long(5)), rows), sys.stdout)


if __name__ == "__main__":
    _look(sys.argv[1], json.loads(sys.argv[2]))
