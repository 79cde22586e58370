"""DT_RPATH and DT_RUNPATH in place."""

import io
import subprocess
from pathlib import Path

import pytest

from slimwheel.elf import ElfFile, ElfShapeError, rpath_fits, slim
from slimwheel.elf import format as fmt
from slimwheel.elf.patchelf import find_patchelf
from tests.unit.elf.conftest import RESULT, Compile, need_tool, run_probe
from tests.unit.elf.handmade import STRINGS, library, string_offset


def with_rpath(data: bytes, value: str) -> bytes:
    out = io.BytesIO()
    slim(ElfFile.parse(data, "before"), drop=lambda section: False, rpath=value).write(data, out)
    return out.getvalue()


@pytest.mark.parametrize("tag", [fmt.DT_RPATH, fmt.DT_RUNPATH])
@pytest.mark.parametrize("value", ["$ORIGIN", "$ORIGIN/../lib", "/far/away:$ORIGIN", ":$ORIGIN"])
def test_shorter_values_fit(tag: int, value: str) -> None:
    before = library(rpath_tag=tag)
    assert rpath_fits(ElfFile.parse(before, "before"), value)
    after = with_rpath(before, value)
    elf = ElfFile.parse(after, "after")
    assert (elf.rpath if tag == fmt.DT_RPATH else elf.runpath) == value
    assert (elf.runpath if tag == fmt.DT_RPATH else elf.rpath) is None
    assert len(after) == len(before)
    changed = sum(a != b for a, b in zip(before, after, strict=True))
    # A tail of the old value takes one number; any other value takes its own bytes.
    assert changed <= (1 if "/far/away:$ORIGIN".endswith(value) else 17)
    assert elf.needed == ("libneeded.so",)


def test_a_longer_value_does_not_fit() -> None:
    value = "/far/away:$ORIGIN/more"
    elf = ElfFile.parse(library(), "before")
    assert not rpath_fits(elf, value)
    with pytest.raises(ElfShapeError, match="does not fit") as caught:
        slim(elf, rpath=value)
    assert "patchelf" in (caught.value.hint or "")


@pytest.mark.parametrize("user", ["symbol", "needed", "version", "static symbols"])
def test_a_shared_string_is_not_overwritten(user: str) -> None:
    data = bytearray(library())
    inside = string_offset("/far/away:$ORIGIN") + 10
    assert STRINGS[inside:].startswith(b"$ORIGIN\0")
    if user == "symbol":
        data[0x500 + 24 : 0x500 + 28] = inside.to_bytes(4, "little")
    elif user == "needed":
        data[0x708:0x710] = inside.to_bytes(8, "little")
    elif user == "version":
        data[0x600 + 16 + 8 : 0x600 + 16 + 12] = inside.to_bytes(4, "little")
    else:
        link = 0x3800 + 9 * fmt.SECTION_HEADER.size + 40
        assert data[link] == 10
        data[link] = 1
    elf = ElfFile.parse(bytes(data), "shared")
    assert not rpath_fits(elf, "$ORIGIN/../x")
    # Its tail is still there to be pointed to.
    assert rpath_fits(elf, "$ORIGIN")


def test_a_value_that_is_another_strings_tail_is_not_overwritten() -> None:
    data = bytearray(library())
    # The RPATH starts inside a longer string that DT_SONAME uses.
    whole = string_offset("/far/away:$ORIGIN")
    data[0x718:0x720] = whole.to_bytes(8, "little")
    data[0x728:0x730] = (whole + 10).to_bytes(8, "little")
    elf = ElfFile.parse(bytes(data), "tail")
    assert (elf.soname, elf.rpath) == ("/far/away:$ORIGIN", "$ORIGIN")
    assert not rpath_fits(elf, "/x")


@pytest.mark.parametrize("shared", [True, False])
def test_both_kinds_are_set_together(shared: bool) -> None:
    data = bytearray(library())
    whole = string_offset("/far/away:$ORIGIN")
    # DT_SONAME becomes DT_RUNPATH, with the same string or its tail.
    data[0x710:0x718] = fmt.DT_RUNPATH.to_bytes(8, "little")
    data[0x718:0x720] = (whole + (0 if shared else 10)).to_bytes(8, "little")
    elf = ElfFile.parse(bytes(data), "both")
    assert rpath_fits(elf, "/x") == shared
    value = "/x" if shared else "$ORIGIN"
    after = ElfFile.parse(with_rpath(bytes(data), value), "after")
    assert (after.rpath, after.runpath) == (value, value)


def test_a_value_cannot_hold_nul() -> None:
    with pytest.raises(ValueError, match="NUL"):
        rpath_fits(ElfFile.parse(library(), "library"), "a\0b")


def test_an_empty_value_takes_the_entry_out() -> None:
    before = ElfFile.parse(library(), "before")
    after = ElfFile.parse(with_rpath(library(), ""), "after")
    assert after.rpath is None
    assert [(e.tag, e.value) for e in after.dynamic] == [
        (e.tag, e.value) for e in before.dynamic if e.tag != fmt.DT_RPATH
    ]
    assert after.needed == before.needed
    assert ElfFile.parse(with_rpath(bytes(after.data), ""), "again").rpath is None


def test_no_rpath_has_no_room() -> None:
    without = with_rpath(library(), "")
    assert not rpath_fits(ElfFile.parse(without, "without"), "$ORIGIN")
    assert rpath_fits(ElfFile.parse(without, "without"), "")


@pytest.mark.parametrize("variant", ["old-rpath", "runpath"])
@pytest.mark.parametrize("value", ["$ORIGIN/lib", "$ORIGIN/../x", ""])
def test_compiled_libraries_follow_it(
    compiled: Compile, tmp_path: Path, variant: str, value: str
) -> None:
    before = compiled(variant).read_bytes()
    elf = ElfFile.parse(before, variant)
    target = tmp_path / "libprobe.so"
    with target.open("wb") as out:
        slim(elf, rpath=value).write(before, out)
    command = [str(find_patchelf()), "--print-rpath", str(target)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == value
    changed = ElfFile.parse(target.read_bytes(), "changed")
    assert (changed.rpath is None) == (elf.rpath is None or not value)
    assert (changed.runpath is None) == (elf.runpath is None or not value)
    result = subprocess.run([need_tool("readelf"), "-aW", target], capture_output=True, check=True)
    assert result.stderr == b""
    assert run_probe(target) == RESULT
