"""Programs and libraries compiled for the tests."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROBE = r"""
#include <cstdio>
#include <stdexcept>
#include <string>

static thread_local long counter = 7;
static thread_local long untouched;
static long twice(long n) { return 2 * n; }
static long thrice(long n) { return 3 * n; }
static long (*const table[])(long) = {twice, thrice};
static long started;
__attribute__((constructor)) static void start() { started = 1000; }

static void fail(long n) { throw std::runtime_error(std::to_string(n)); }

extern "C" long compute(long n) {
    counter += table[n % 2](n) + untouched;
    try {
        fail(counter);
    } catch (const std::exception &error) {
        return std::stol(error.what()) + started;
    }
    return -1;
}

int main() { std::printf("%ld\n", compute(5)); }
"""
RESULT = 5 * 3 + 7 + 1000
"""What `compute(5)` returns on its first call."""

VERSION_SCRIPT = "PROBE_1.0 { global: compute; local: *; };\n"

VARIANTS: dict[str, list[str]] = {
    "plain": ["-shared"],
    "versioned": ["-shared", "-Wl,--version-script=probe.map"],
    "both-hashes": ["-shared", "-Wl,--hash-style=both"],
    "one-segment": ["-shared", "-Wl,-z,noseparate-code"],
    "old-rpath": ["-shared", "-Wl,--disable-new-dtags,-rpath,/far/away:$ORIGIN/lib"],
    "runpath": ["-shared", "-Wl,--enable-new-dtags,-rpath,/far/away:$ORIGIN/lib"],
    "soname": ["-shared", "-Wl,-soname,libprobe.so.1"],
    "pie": ["-pie"],
    "no-pie": ["-no-pie"],
}

Compile = Callable[[str], Path]

# As the run began: a test that hides programs from PATH must not hide the compiler's own.
_ENVIRONMENT = dict(os.environ)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    """Return a function that compiles a variant of the probe, with debug information, once."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is not installed")
    folder = tmp_path_factory.mktemp("compiled")
    (folder / "probe.cpp").write_text(PROBE)
    (folder / "probe.map").write_text(VERSION_SCRIPT)

    def compile_variant(variant: str) -> Path:
        target = folder / variant
        if not target.exists():
            flags = ["-g", "-O1", "-fPIC", *VARIANTS[variant]]
            subprocess.run(
                [compiler, "-o", variant, "probe.cpp", *flags],
                cwd=folder,
                check=True,
                capture_output=True,
                env=_ENVIRONMENT,
            )
        return target

    return compile_variant


def run_probe(path: Path) -> int:
    """Run a program, or load a library in a process of its own, and return its result."""
    call = f"import ctypes; f = ctypes.CDLL({str(path)!r}).compute; f.restype = ctypes.c_long"
    is_program = "pie" in path.name
    command = [str(path)] if is_program else [sys.executable, "-c", f"{call}; print(f(5))"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return int(result.stdout)


def need_tool(name: str) -> str:
    """Return the path of a tool of binutils, or skip the test."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found
