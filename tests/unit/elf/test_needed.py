"""Other names for the libraries that a file needs."""

import io
import subprocess
from pathlib import Path

import pytest

from slimwheel.elf import ElfFile, PatchelfQueue, find_patchelf, renaming_patches, slim
from slimwheel.errors import ElfError
from tests.unit.elf.toolchain import compile_cpp, parse, python

SHORT, LONG = "libgone.so.1", "libcudart.so.13"
# As long as the shorter of the old names.
NEW = "libnew123.so"


@pytest.fixture
def user(tmp_path: Path) -> Path:
    """A library that needs one library without versions, and one whose version bears its name."""
    versions = tmp_path / "versions"
    versions.write_text(f"{LONG} {{ global: second; }};\n")
    compile_cpp('extern "C" int first() { return 40; }', tmp_path / SHORT)
    compile_cpp(
        'extern "C" int second() { return 2; }',
        tmp_path / LONG,
        f"-Wl,--version-script={versions}",
    )
    return compile_cpp(
        'extern "C" { int first(); int second(); int sum() { return first() + second(); } }',
        tmp_path / "libuser.so",
        f"-l:{SHORT}",
        f"-l:{LONG}",
    )


def renamed(path: Path, names: dict[str, str]) -> Path:
    elf = parse(path)
    patches = renaming_patches(elf, names)
    assert patches is not None
    out = io.BytesIO()
    slim(elf, drop=lambda section: False, patches=patches).write(bytes(elf.data), out)
    path.write_bytes(out.getvalue())
    return path


def stand_in(directory: Path) -> Path:
    """One library with what both have, in the version that the one has."""
    versions = directory / "versions"
    versions.write_text(f"{LONG} {{ global: second; }};\n")
    source = 'extern "C" int first() { return 400; } extern "C" int second() { return 20; }'
    return compile_cpp(source, directory / NEW, f"-Wl,--version-script={versions}")


SUM = "print(ctypes.CDLL(sys.argv[1], mode=os.RTLD_NOW).sum())"


def test_the_name_of_a_version_stays_and_the_library_is_named_elsewhere(
    user: Path, tmp_path: Path
) -> None:
    before = parse(user)
    assert python(SUM, user) == "42"
    renamed(user, {SHORT: NEW, LONG: NEW})
    after = parse(user)
    assert [name for name in after.needed if name != "libc.so.6" and "std" not in name][:2] == [
        NEW,
        NEW,
    ]
    assert after.version_needs[NEW] == before.version_needs[LONG]
    assert not {SHORT, LONG} & {*after.needed, *after.version_needs}
    assert len(after.data) == len(before.data)
    stand_in(tmp_path)
    (tmp_path / SHORT).unlink()
    (tmp_path / LONG).unlink()
    assert python(SUM, user) == "420"


def test_one_of_them_alone(user: Path) -> None:
    renamed(user, {SHORT: "libx.so", "libnowhere.so": "y"})
    after = parse(user)
    assert "libx.so" in after.needed
    assert LONG in after.needed


def test_no_names_no_changes(user: Path) -> None:
    assert renaming_patches(parse(user), {}) == []
    assert renaming_patches(parse(user), {"libnowhere.so": "liby.so"}) == []


@pytest.mark.parametrize(
    "names",
    [
        {SHORT: SHORT + "0"},  # longer
        {LONG: NEW},  # the name of the version, too, and nowhere else to write it
        {LONG: NEW, SHORT: "libother.so"},
    ],
)
def test_names_without_a_place(user: Path, names: dict[str, str]) -> None:
    assert renaming_patches(parse(user), names) is None


def test_patchelf_renames_what_has_no_place(user: Path, tmp_path: Path) -> None:
    queue = PatchelfQueue(user, parse(user))
    for old in (SHORT, LONG):
        queue.replace_needed(old, "liba-much-longer-name.so")
    queue.apply()
    after = parse(user)
    assert "liba-much-longer-name.so" in after.version_needs
    stand_in(tmp_path)
    options = ("--set-soname", "liba-much-longer-name.so", tmp_path / NEW)
    subprocess.run([find_patchelf(), *options], check=True)
    (tmp_path / NEW).rename(tmp_path / "liba-much-longer-name.so")
    assert python(SUM, user) == "420"


def test_damaged_version_needs(user: Path) -> None:
    data = bytearray(user.read_bytes())
    elf = ElfFile.parse(bytes(data), "user")
    (section,) = (s for s in elf.sections if s.name == ".gnu.version_r")
    data[section.offset + 12 : section.offset + 16] = (1 << 30).to_bytes(4, "little")
    with pytest.raises(ElfError):
        renaming_patches(ElfFile.parse(bytes(data), "user"), {SHORT: NEW})
