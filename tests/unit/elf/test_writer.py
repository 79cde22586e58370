"""Written shared objects, held against the loader, binutils, pyelftools, patchelf and lddtree."""

import subprocess
from pathlib import Path

import pytest
from auditwheel.lddtree import ldd

from slimwheel.elf import (
    Data,
    ElfFile,
    Function,
    Return,
    ShadowLibrary,
    Text,
    Throw,
    ToRefusingObject,
    ToSymbol,
    Zeros,
    check_layout,
    find_patchelf,
    write_shadow,
)
from slimwheel.elf import format as fmt
from slimwheel.elf.writer import (
    Address,
    Area,
    Export,
    Place,
    SharedObject,
    SymbolReference,
    write_shared_object,
)
from tests.unit.elf.conftest import need_tool
from tests.unit.elf.test_reading import assert_agrees
from tests.unit.elf.toolchain import parse, python, write

MANY = 300
NUMBERS = "f = ctypes.CDLL(sys.argv[1])\nprint([f[f'number{i}']() for i in range(300)])"

FULL = ShadowLibrary(
    "libfull.so.1",
    (
        Function("same", "FULL_1", Return(1)),
        Function("same", "FULL_2", Return(2)),
        Function("plain", None, Return(3)),
        Function("text", "FULL_2", Text("text")),
        Function("zeros", "FULL_1", Zeros(100_000)),
        Function("throws", "FULL_1", Throw("no")),
    ),
    (
        Data("object", "FULL_1", (ToRefusingObject("no"), b"abc")),
        Data("imported", None, (ToSymbol("puts", "GLIBC_2.2.5", "libc.so.6"), ToSymbol("same"))),
    ),
    versions=("FULL_0",),
    needed=("libm.so.6",),
)
VARIANTS = {
    "full": FULL,
    "empty": ShadowLibrary("libempty.so"),
    "code": ShadowLibrary("libcode.so", (Function("f", None, Return(1)),)),
    "data": ShadowLibrary("libdata.so", (), (Data("d", "V", (b"d",)),)),
    "imports": ShadowLibrary("libimports.so", (), (Data("d", None, (ToSymbol("puts"),)),)),
    "versions": ShadowLibrary("libversions.so", versions=("A", "B")),
    "many": ShadowLibrary(
        "libmany.so", tuple(Function(f"number{i}", "V", Return(i)) for i in range(MANY))
    ),
}
every_variant = pytest.mark.parametrize("variant", VARIANTS)


@every_variant
def test_the_file_obeys_the_loaders_and_loads(tmp_path: Path, variant: str) -> None:
    path = write(VARIANTS[variant], tmp_path)
    assert check_layout(parse(path)) == []
    for mode in ("os.RTLD_NOW", "os.RTLD_LAZY"):
        assert python(f"ctypes.CDLL(sys.argv[1], {mode})\nprint('loaded')", path) == "loaded"


@every_variant
def test_readelf_says_nothing_bad(tmp_path: Path, variant: str) -> None:
    path = write(VARIANTS[variant], tmp_path)
    command = [need_tool("readelf"), "--all", "--wide", "--lint", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    assert f"soname: [{path.name}]" in result.stdout


@every_variant
def test_pyelftools_reads_the_same(variant: str) -> None:
    elf = assert_agrees(write_shadow(VARIANTS[variant]))
    assert elf.soname == VARIANTS[variant].soname
    assert elf.is_shared_library


@every_variant
def test_the_same_description_gives_the_same_bytes(variant: str) -> None:
    first, second = (write_shadow(VARIANTS[variant]) for _ in range(2))
    assert first == second


def test_what_was_described_is_read_back() -> None:
    elf = ElfFile.parse(write_shadow(FULL), "full")
    assert elf.needed == ("libm.so.6", "libstdc++.so.6", "libc.so.6")
    assert elf.version_definitions == {"FULL_0", "FULL_1", "FULL_2"}
    assert elf.version_needs == {
        "libstdc++.so.6": {"GLIBCXX_3.4"},
        "libc.so.6": {"GLIBC_2.2.5"},
    }
    symbols = [s for s in elf.symbols() if s.defined]
    assert {(s.name, s.version, s.hidden, s.type, s.size) for s in symbols} >= {
        ("same", "FULL_1", True, 2, 11),
        ("same", "FULL_2", False, 2, 11),
        ("plain", None, False, 2, 11),
        ("object", "FULL_1", False, 1, 11),
        ("imported", None, False, 1, 16),
    }
    imported = {(s.name, s.version) for s in elf.symbols() if not s.defined}
    assert imported == {
        ("puts", "GLIBC_2.2.5"),
        ("_ZSt21__throw_runtime_errorPKc", "GLIBCXX_3.4"),
    }


@pytest.mark.parametrize("removed", [fmt.DT_HASH, fmt.DT_GNU_HASH])
def test_each_hash_table_finds_every_symbol(tmp_path: Path, removed: int) -> None:
    path = write(VARIANTS["many"], tmp_path)
    data = bytearray(path.read_bytes())
    (entry,) = parse(path).entries((removed,))
    debug = 21  # means nothing in a library
    fmt.DYNAMIC_ENTRY.pack_into(data, entry.offset, debug, 0)
    path.write_bytes(data)
    assert python(NUMBERS, path) == str(list(range(MANY)))


def test_patchelf_changes_it_and_it_still_loads(tmp_path: Path) -> None:
    path = write(VARIANTS["many"], tmp_path)
    patchelf = str(find_patchelf())

    def ask(*words: str) -> str:
        command = [patchelf, *words, str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert ask("--print-soname") == "libmany.so"
    ask("--add-needed", "libm.so.6")
    ask("--set-rpath", "/a/path/that/is/new:$ORIGIN" * 20)
    assert ask("--print-needed") == "libm.so.6"
    elf = parse(path)
    assert (elf.runpath or "").startswith("/a/path/that/is/new")
    assert check_layout(elf) == []
    assert python(NUMBERS, path) == str(list(range(MANY)))


def test_strip_leaves_it_loadable(tmp_path: Path) -> None:
    path = write(VARIANTS["many"], tmp_path)
    subprocess.run([need_tool("strip"), str(path)], check=True)
    assert python(NUMBERS, path) == str(list(range(MANY)))


def test_lddtree_finds_what_it_needs(tmp_path: Path) -> None:
    tree = ldd(write(FULL, tmp_path))
    assert set(tree.needed) == {"libm.so.6", "libstdc++.so.6", "libc.so.6"}
    assert all(tree.libraries[name].path for name in tree.needed)


def test_the_loader_finds_each_version(tmp_path: Path) -> None:
    path = write(FULL, tmp_path)
    code = """
library = ctypes.CDLL(sys.argv[1])
dlvsym = ctypes.CDLL(None).dlvsym
dlvsym.restype = ctypes.c_void_p
dlvsym.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
for version in (b"FULL_1", b"FULL_2"):
    print(ctypes.CFUNCTYPE(ctypes.c_int)(dlvsym(library._handle, b"same", version))())
print(dlvsym(library._handle, b"same", b"FULL_0"), library.same(), library.plain())
"""
    assert python(code, path).split() == ["1", "2", "None", "2", "3"]


def test_addresses_are_those_of_places_and_symbols(tmp_path: Path) -> None:
    path = tmp_path / "libhand.so"
    described = SharedObject(
        path.name,
        constants=bytearray(b"constant\0"),
        data=bytearray(24),
        zeros=8,
        exports=[Export("words", None, True, Place(Area.DATA, 0), 24)],
        addresses=[
            Address(0, Place(Area.CONSTANTS, 0), 3),
            Address(8, Place(Area.ZEROS, 0)),
            Address(16, SymbolReference("environ", "GLIBC_2.2.5", "libc.so.6"), 8),
        ],
    )
    path.write_bytes(write_shared_object(described))
    code = """
words = (ctypes.c_uint64 * 3).in_dll(ctypes.CDLL(sys.argv[1]), "words")
zeros = ctypes.c_uint64.from_address(words[1])
environ = ctypes.addressof(ctypes.c_void_p.in_dll(ctypes.CDLL(None), "environ"))
print(ctypes.string_at(words[0]), zeros.value, words[2] - environ)
zeros.value = 1
"""
    assert python(code, path) == "b'stant' 0 8"


@pytest.mark.parametrize(
    ("described", "message"),
    [
        (
            SharedObject("l", exports=[Export("x", "V", True, Place(Area.DATA, 0), 1)] * 2),
            "two definitions",
        ),
        (
            SharedObject("l", addresses=[Address(0, SymbolReference("x", "V"))]),
            "asked of no library",
        ),
        (SharedObject("a\0b"), "NUL"),
        (SharedObject("l", needed=["a\0b"]), "NUL"),
    ],
)
def test_impossible_descriptions_are_refused(described: SharedObject, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_shared_object(described)
