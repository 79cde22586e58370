"""Wheels that are made up, of any size and any number of members, to see how cost grows.

What is in them is what is in torch: one large library with symbol tables, and small Python files.
The library holds machine code of this Python's own libraries, over and over, each time with other
noise in it, so that no two pieces compress as one.
"""

import base64
import hashlib
import random
import subprocess
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path

from slimwheel.errors import ToolError

NAME = "made-up"
VERSION = "1.0"
TAG = "py3-none-manylinux_2_28_x86_64"
RECIPE = f"""\
schema = 1
name = "made-up"
summary = "a wheel that is made up, without symbol tables and headers"
upstream = "{NAME}"
platforms = ["manylinux*_x86_64"]

[distribution]
name = "{NAME}-slim"
companion = "slim.x"
package = "made_up"

[[remove]]
id = "headers"
paths = ["*.h"]
reason = "headers are read by compilers only"
loses = "compiling against it"

[symbols]
reason = "symbol tables are read by debuggers only"
loses = "names of functions in debuggers"

[shim]
before = "before-import:sys"
"""
_PIECE = 1 << 16
_SYMBOLS_PER_MEGABYTE = 50


def make(directory: Path, megabytes: int, members: int) -> Path:
    """Write a wheel and return its path.

    Args:
        directory: where it goes; the library is compiled there, too.
        megabytes: of the library, before compression.
        members: small files beside it; one in ten is a header, which the recipe removes.

    Raises:
        ToolError: gcc is missing or failed.
    """
    library = directory / "library.so"
    _compile(directory, library, megabytes)
    stem = f"made_up-{VERSION}"
    path = directory / f"{stem}-{TAG}.whl"
    rows = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:

        def add(name: str, data: bytes) -> None:
            archive.writestr(name, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.append(f"{name},sha256={digest},{len(data)}\n")

        add("made_up/__init__.py", b'"""Made up."""\nimport sys\n')
        _add_library(archive, library, "made_up/library.so", rows)
        for number in range(members):
            suffix = "h" if number % 10 == 9 else "py"
            text = f"# {number}\n" + "value = [1, 2, 3]\n" * (number % 200)
            add(f"made_up/part{number % 100}/member{number}.{suffix}", text.encode())
        metadata = f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n\n"
        wheel = f"Wheel-Version: 1.0\nGenerator: made up\nRoot-Is-Purelib: false\nTag: {TAG}\n\n"
        add(f"{stem}.dist-info/METADATA", metadata.encode())
        add(f"{stem}.dist-info/WHEEL", wheel.encode())
        record = f"{stem}.dist-info/RECORD"
        archive.writestr(record, "".join(rows) + f"{record},,\n")
    library.unlink()
    return path


def _compile(directory: Path, library: Path, megabytes: int) -> None:
    content = directory / "content.bin"
    with content.open("wb") as stream:
        for piece in _code(megabytes * 1_000_000):
            stream.write(piece)
    source = directory / "library.c"
    functions = "".join(
        f"int function_number_{n}(int x) {{ return x * {n}; }}\n"
        for n in range(megabytes * _SYMBOLS_PER_MEGABYTE)
    )
    source.write_text(
        f'__asm__(".section .rodata\\n.incbin \\"{content}\\"\\n.text\\n");\n{functions}'
    )
    command = ["gcc", "-shared", "-fPIC", "-O0", "-w", "-o", str(library), str(source)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ToolError("gcc cannot be run", hint="Install gcc.") from error
    if done.returncode:
        raise ToolError(f"gcc failed: {done.stderr.strip().splitlines()[-1:]}")
    content.unlink()
    source.unlink()


def _code(size: int) -> Iterator[bytes]:
    """Yield so many bytes of machine code, always the same."""
    source = max(Path(sysconfig.get_path("stdlib"), "lib-dynload").glob("*.so"), key=_size)
    code = source.read_bytes()
    chance = random.Random(size)
    while size > 0:
        start = chance.randrange(max(1, len(code) - _PIECE))
        piece = code[start : start + min(_PIECE, size)]
        # Not the same piece twice: one byte of 64 is another.
        mixed = bytearray(piece)
        noise = chance.randbytes(len(mixed[::64]))
        mixed[::64] = noise
        yield bytes(mixed)
        size -= len(mixed)


def _size(path: Path) -> int:
    return path.stat().st_size


def _add_library(archive: zipfile.ZipFile, library: Path, name: str, rows: list[str]) -> None:
    digest = hashlib.sha256()
    with library.open("rb") as source, archive.open(name, "w", force_zip64=True) as target:
        while chunk := source.read(1 << 20):
            digest.update(chunk)
            target.write(chunk)
    text = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
    rows.append(f"{name},sha256={text},{library.stat().st_size}\n")
