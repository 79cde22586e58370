"""What bytes are for, told by rules that hold for any wheel; docs/inspect.md has the table.

Files that are no ELF files are told by their names and first bytes; what is in an ELF file is told
by its sections (`slimwheel.contents.parts`).
"""

import posixpath
import re
from enum import StrEnum

_STATIC_ARCHIVE = (b"!<arch>\n", b"!<thin>\n")
_HEADERS = (".h", ".hh", ".hpp", ".hxx", ".h++", ".cuh", ".inc", ".inl", ".ipp", ".tcc")
_LICENCE = re.compile(r"(licen[cs]e|copying|notice|authors|third.?party.?notices)", re.IGNORECASE)
_TEST_FOLDERS = frozenset({"test", "tests"})
# A word of a name, as in test_api, libtorchbind_test.so, operator_test; and CamelCase's last.
_TEST_WORD = re.compile(r"(^|[_.-])tests?($|[_.-])|[a-z0-9]Test($|\.)")


class Group(StrEnum):
    """Kinds that share a colour, by who reads them."""

    CODE = "code"
    DATA = "data"
    DEVICE = "device"
    LOADER = "loader"
    DEBUGGER = "debugger"
    COMPILER = "compiler"
    PYTHON = "python"
    TESTS = "tests"
    REST = "rest"


class Kind(StrEnum):
    """What bytes are for. The order is that of tables where sizes are equal."""

    HOST_CODE = "host-code"
    READ_ONLY_DATA = "read-only-data"
    DATA = "data"
    DEVICE_CODE = "device-code"
    DYNAMIC_SYMBOLS = "dynamic-symbols"
    RELOCATIONS = "relocations"
    UNWIND = "unwind"
    SYMBOLS = "symbols"
    DEBUG = "debug"
    HEADERS = "headers"
    CMAKE = "cmake"
    STATIC_ARCHIVES = "static-archives"
    PYTHON = "python"
    BYTECODE = "bytecode"
    TESTS = "tests"
    TEST_PROGRAMS = "test-programs"
    LICENCES = "licences"
    METADATA = "metadata"
    PADDING = "padding"
    OTHER = "other"

    @property
    def label(self) -> str:
        """The kind as people read it."""
        return _ABOUT[self][0]

    @property
    def group(self) -> Group:
        """Whose it is."""
        return _ABOUT[self][1]

    @property
    def rule(self) -> str:
        """How bytes of this kind are told from others, in words."""
        return _ABOUT[self][2]


_ABOUT = {
    Kind.HOST_CODE: ("host code", Group.CODE, "sections of instructions"),
    Kind.READ_ONLY_DATA: ("read-only data", Group.DATA, "sections in memory, never written"),
    Kind.DATA: ("writable data", Group.DATA, "sections in memory that may be written"),
    Kind.DEVICE_CODE: ("device code", Group.DEVICE, ".nv_fatbin and __nv_relfatbin, by image"),
    Kind.DYNAMIC_SYMBOLS: (
        "dynamic symbols", Group.LOADER, "names, versions and hashes that the loader reads"
    ),
    Kind.RELOCATIONS: ("relocations", Group.LOADER, "addresses that the loader fills in"),
    Kind.UNWIND: ("unwind tables", Group.LOADER, ".eh_frame and exception tables"),
    Kind.SYMBOLS: ("symbol tables", Group.DEBUGGER, ".symtab, its strings and its relocations"),
    Kind.DEBUG: ("debug information", Group.DEBUGGER, ".debug_* and their like"),
    Kind.HEADERS: ("C++ headers", Group.COMPILER, "by suffix, or in a folder `include`"),
    Kind.CMAKE: ("CMake files", Group.COMPILER, ".cmake and CMakeLists.txt"),
    Kind.STATIC_ARCHIVES: ("static archives", Group.COMPILER, "files that begin with !<arch>"),
    Kind.PYTHON: ("Python", Group.PYTHON, ".py and .pyi"),
    Kind.BYTECODE: ("bytecode", Group.PYTHON, ".pyc"),
    Kind.TESTS: ("tests", Group.TESTS, "in a folder `test` or `tests`, or `test` in the name"),
    Kind.TEST_PROGRAMS: ("test programs", Group.TESTS, "ELF files of which the same holds"),
    Kind.LICENCES: ("licences", Group.REST, "LICENSE, COPYING, NOTICE and dist-info/licenses"),
    Kind.METADATA: ("wheel metadata", Group.REST, "the rest of dist-info, RECORD included"),
    Kind.PADDING: ("headers and padding", Group.REST, "ELF headers, notes, what no section has"),
    Kind.OTHER: ("other files", Group.REST, "whatever is none of these"),
}  # fmt: skip


def is_test(member: str) -> bool:
    """Tell by its name whether a member is there to test the package; `torch/testing` is not."""
    *folders, base = member.split("/")
    if any(part in _TEST_FOLDERS or part.endswith("_test") for part in folders):
        return True
    return bool(_TEST_WORD.search(base))


def file_kind(member: str, head: bytes, *, executable: bool = False) -> Kind:
    """Return the kind of a member that is no ELF file.

    Args:
        member: its name in the wheel.
        head: its first bytes; 8 are enough.
        executable: taken for a script if nothing else is known of it.
    """
    top, _, rest = member.partition("/")
    base = posixpath.basename(member)
    suffix = posixpath.splitext(base)[1].lower()
    if top.endswith(".dist-info"):
        is_licence = rest.startswith("licenses/") or _LICENCE.match(base)
        return Kind.LICENCES if is_licence else Kind.METADATA
    if _LICENCE.match(base) and suffix in ("", ".txt", ".md", ".rst"):
        return Kind.LICENCES
    if head in _STATIC_ARCHIVE:
        return Kind.STATIC_ARCHIVES
    if suffix in _HEADERS or (not suffix and "include" in member.split("/")[:-1]):
        return Kind.HEADERS
    if suffix == ".cmake" or base == "CMakeLists.txt":
        return Kind.CMAKE
    if is_test(member):
        return Kind.TESTS
    if suffix in (".py", ".pyi") or (executable and head.startswith(b"#!")):
        return Kind.PYTHON
    return Kind.BYTECODE if suffix == ".pyc" else Kind.OTHER
