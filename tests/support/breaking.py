"""A small sound wheel with one of everything, in parts that tests break."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from slimwheel.elf import ElfFile
from slimwheel.elf import format as fmt
from tests.support.fatbins import HandMade, container, image
from tests.support.native import compile_c
from tests.unit.wheelfile.handmade import Entry, changed, record_of, wheel_entries, zip_bytes

NAME = "tiny-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"
INFO = "tiny-1.0.dist-info"
EXTENSION = "tiny/_native.cpython-311-x86_64-linux-gnu.so"
DEVICE_LIBRARY = "tiny/lib/libdevice.so"
PLAIN_LIBRARY = "tiny/lib/libone.so"
PROGRAM = "tiny/bin/tool"
MANIFEST = "tiny/_slimwheel/manifest.json"
VERSION = "TINY_1.000"
"""The version that the library defines, as long as GLIBC_2.99."""
SEARCH_PATH = "$ORIGIN/./lib"

_METADATA = b"""\
Metadata-Version: 2.1
Name: tiny
Version: 1.0
Requires-Dist: numpy>=1.20
Requires-Dist: plain==1.0+slim.tiny
"""
_WHEEL = b"""\
Wheel-Version: 1.0
Generator: hand
Root-Is-Purelib: false
Tag: cp311-cp311-manylinux_2_28_x86_64
"""
_MANIFEST = {
    "distribution": "tiny",
    "version": "1.0",
    "companion": "plain == 1.0+slim.tiny",
    "removed": [{"rule": "headers", "paths": ["tiny/include/*", "tiny/tests.py"]}],
}


def device_code() -> HandMade:
    """The library of device code, as it is built; fields may be changed first."""
    return HandMade({".nv_fatbin": [container([image(80), image(90)]), container()]})


@cache
def _sound() -> tuple[Entry, ...]:
    files = {
        "tiny/__init__.py": b"answer = 42\n" * 20,
        "tiny/cli.py": b"def main(): pass\n",
        MANIFEST: json.dumps(_MANIFEST).encode(),
        DEVICE_LIBRARY: device_code().build(),
        **_compiled(),
        f"{INFO}/entry_points.txt": b"[console_scripts]\ntiny = tiny.cli:main\n",
    }
    entries = [
        Entry(name, data, mode=0o100755 if name == PROGRAM else 0o100644)
        for name, data in files.items()
    ]
    return tuple(wheel_entries(entries, metadata=_METADATA, wheel=_WHEEL))


def _compiled() -> dict[str, bytes]:
    """A library with a version, and what needs it: an extension module and a program."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        script = here / "versions"
        script.write_text(f"{VERSION} {{ global: one; local: *; }};\n")
        common = ("-nostdlib", f"-L{here}", "-Wl,--enable-new-dtags")
        library = compile_c(
            "int one(void) { return 1; }",
            here / "libone.so",
            *("-shared", "-fPIC", "-Wl,-soname,libone.so", *common),
            f"-Wl,--version-script={script}",
        )
        extension = compile_c(
            "int one(void); int two(void) { return 1 + one(); }",
            here / "extension.so",
            *("-shared", "-fPIC", f"-Wl,-rpath,{SEARCH_PATH}", *common, "-l:libone.so"),
        )
        program = compile_c(
            "int one(void); int go(void) { return one(); }",
            here / "tool",
            *("-pie", "-fPIE", "-Wl,-e,go", "-Wl,-rpath,$ORIGIN/../lib", *common, "-l:libone.so"),
        )
        return {
            PLAIN_LIBRARY: library.read_bytes(),
            EXTENSION: extension.read_bytes(),
            PROGRAM: program.read_bytes(),
        }


@dataclass
class Parts:
    """What goes into the file, and the file's own name, ends and length."""

    entries: list[Entry] = field(default_factory=lambda: list(_sound()))
    name: str = NAME
    ends: dict[str, bytes] = field(default_factory=dict)
    cut: int | None = None

    def change(self, member: str, **fields: object) -> None:
        """Change fields of an entry; RECORD stays what it was."""
        assert any(entry.name == member for entry in self.entries), member
        self.entries = changed(self.entries, member, **fields)

    def content(self, member: str) -> bytes:
        """Return what a file holds."""
        return next(entry.content for entry in self.entries if entry.name == member)

    def rewrite(self, member: str, content: bytes) -> None:
        """Change what a file holds, and RECORD with it."""
        self.change(member, content=content)
        self.record()

    def edit(self, member: str, old: str, new: str) -> None:
        """Change a stretch of a file, and RECORD with it."""
        content = self.content(member)
        assert old.encode() in content
        self.rewrite(member, content.replace(old.encode(), new.encode()))

    def add(self, *entries: Entry) -> None:
        """Add files, and to RECORD."""
        self.entries = [*entries, *self.entries]
        self.record()

    def drop(self, member: str) -> None:
        """Take a file out; RECORD stays what it was."""
        self.entries = [entry for entry in self.entries if entry.name != member]

    def record(self) -> None:
        """Make RECORD what it should be."""
        listed = [entry for entry in self.entries if entry.name != f"{INFO}/RECORD"]
        self.change(f"{INFO}/RECORD", content=record_of(listed, f"{INFO}/RECORD"))

    def segment(self, member: str, segment_type: int, place: int = 0, **changes: int) -> None:
        """Change fields of a file's segment: the one of this type at `place` among its like."""
        data = bytearray(self.content(member))
        elf = ElfFile.parse(bytes(data), member)
        found = [segment for segment in elf.segments if segment.type == segment_type][place]
        offset = elf.header.phoff + fmt.PROGRAM_HEADER.size * found.number
        fmt.PROGRAM_HEADER.pack_into(data, offset, *found._replace(**changes)[1:])
        self.rewrite(member, bytes(data))

    def elf(self, member: str, edit: Callable[[ElfFile, bytearray], None]) -> None:
        """Change the bytes of an ELF file, its parsed form at hand."""
        data = bytearray(self.content(member))
        edit(ElfFile.parse(bytes(data), member), data)
        self.rewrite(member, bytes(data))

    def write(self, folder: Path) -> Path:
        """Write the file."""
        path = folder / self.name
        path.write_bytes(zip_bytes(self.entries, **self.ends)[: self.cut])
        return path
