"""The shared libraries and programs of the torch look-alike, compiled when a test asks for them."""

import subprocess
import tempfile
from functools import cache
from pathlib import Path

_C10 = """\
static int seven(void) { return 7; }
int c10_answer(void) { return 6 * seven(); }
"""
_TORCH_CPU = "int c10_answer(void); int torch_answer(void) { return c10_answer(); }\n"
_GLOBAL_DEPS = "int torch_global_deps;\n"
_TEST_LIBRARY = (
    "int torch_answer(void); int torchbind_test(void) { return torch_answer() != 42; }\n"
)
_PROGRAM = "static int ok(void) { return 0; } int main(void) { return ok(); }\n"


def compile_c(source: str, output: Path, *options: str) -> Path:
    """Compile C text to `output` with gcc; `options` follow the source on the command line."""
    command = ["gcc", "-g", "-O1", "-x", "c", "-", "-x", "none", "-o", str(output), *options]
    subprocess.run(command, input=source, text=True, check=True)
    return output


@cache
def native_members() -> dict[str, bytes]:
    """Libraries that need each other by RUNPATH $ORIGIN, a test library, tests and tools.

    All have symbol tables and debug sections, as upstream's sometimes do.
    """
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory)
        shared = ("-shared", "-fPIC", f"-L{here}", "-Wl,-rpath,$ORIGIN", "-Wl,--enable-new-dtags")

        def library(name: str, source: str, *needed: str) -> bytes:
            links = [f"-l:{other}" for other in needed]
            options = (*shared, f"-Wl,-soname,{name}", *links)
            return compile_c(source, here / name, *options).read_bytes()

        program = compile_c(_PROGRAM, here / "program", "-Wl,-rpath,$ORIGIN/../lib").read_bytes()
        return {
            "torch/lib/libc10.so": library("libc10.so", _C10),
            "torch/lib/libtorch_cpu.so": library("libtorch_cpu.so", _TORCH_CPU, "libc10.so"),
            "torch/lib/libtorch_global_deps.so": library("libtorch_global_deps.so", _GLOBAL_DEPS),
            "torch/lib/libtorchbind_test.so": library(
                "libtorchbind_test.so", _TEST_LIBRARY, "libtorch_cpu.so", "libc10.so"
            ),
            "torch/bin/torch_shm_manager": program,
            "torch/bin/protoc": program,
            "torch/bin/test_api": program,
            "torch/test/basic": program,
        }
