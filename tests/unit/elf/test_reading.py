"""What ElfFile reads, compared with pyelftools and with what was written by hand."""

import io
import mmap

import pytest
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile as Reference
from elftools.elf.gnuversions import GNUVerDefSection, GNUVerNeedSection
from elftools.elf.sections import SymbolTableSection

from slimwheel.elf import ElfFile, ElfShapeError, is_elf
from slimwheel.elf import format as fmt
from slimwheel.errors import ElfError
from tests.unit.elf.conftest import VARIANTS, Compile
from tests.unit.elf.handmade import Image, library


def test_strings_are_the_same_one_by_one_and_many(monkeypatch: pytest.MonkeyPatch) -> None:
    elf = ElfFile.parse(library(), "strings")
    start, stop = elf.string_table
    read = elf.string_reader()
    for offset in range(stop - start):
        assert read(offset) == elf.string(offset)
    longest = max(len(elf.string(offset)) for offset in range(stop - start))
    monkeypatch.setattr("slimwheel.elf.file._MAX_STRING", longest - 1)
    for offset in (stop - start, stop - start + 1, 1 << 31):
        with pytest.raises(ElfError, match="does not end within its table"):
            read(offset)
    too_long = next(
        o for o in range(stop - start) if bytes(elf.data[start + o : stop]).find(b"\0") == longest
    )
    with pytest.raises(ElfError, match="does not end within its table"):
        read(too_long)


def assert_agrees(data: bytes) -> ElfFile:
    """Compare every field that is read with pyelftools' reading."""
    elf = ElfFile.parse(data, "compared")
    reference = Reference(io.BytesIO(data))
    assert [tuple(segment)[1:] for segment in elf.segments] == [
        (
            fmt.PROGRAM_HEADER.unpack_from(
                data, reference["e_phoff"] + index * fmt.PROGRAM_HEADER.size
            )
        )
        for index in range(reference.num_segments())
    ]
    for segment, other in zip(elf.segments, reference.iter_segments(), strict=True):
        assert segment.offset == other["p_offset"]
        assert segment.address == other["p_vaddr"]
        assert segment.file_size == other["p_filesz"]
        assert segment.memory_size == other["p_memsz"]
        assert segment.align == other["p_align"]
    for section, twin in zip(elf.sections, reference.iter_sections(), strict=True):
        assert section.name == twin.name
        assert (section.flags, section.address) == (twin["sh_flags"], twin["sh_addr"])
        assert (section.offset, section.size) == (twin["sh_offset"], twin["sh_size"])
        assert (section.link, section.info) == (twin["sh_link"], twin["sh_info"])
        assert (section.align, section.entry_size) == (twin["sh_addralign"], twin["sh_entsize"])
        _compare_content(elf, twin)
    return elf


def _compare_content(elf: ElfFile, section: object) -> None:
    if isinstance(section, DynamicSection):
        tags = [tag for tag in section.iter_tags() if tag.entry.d_tag != "DT_NULL"]
        assert [entry.value for entry in elf.dynamic] == [tag.entry.d_val for tag in tags]
        needed = [vars(tag)["needed"] for tag in tags if tag.entry.d_tag == "DT_NEEDED"]
        assert list(elf.needed) == needed
    elif isinstance(section, GNUVerNeedSection):
        needs = {
            need.name: {aux.name for aux in all_of} for need, all_of in section.iter_versions()
        }
        assert elf.version_needs == needs
    elif isinstance(section, GNUVerDefSection):
        names = [next(iter(aux)).name for version, aux in section.iter_versions()]
        assert elf.version_definitions == set(names[1:])
    elif isinstance(section, SymbolTableSection) and section["sh_type"] == "SHT_DYNSYM":
        expected = [(s.name, s["st_value"], s["st_size"]) for s in section.iter_symbols()]
        assert [(s.name, s.value, s.size) for s in elf.symbols()] == expected[1:]


@pytest.mark.parametrize("variant", VARIANTS)
def test_compiled_files_read_as_pyelftools_reads_them(compiled: Compile, variant: str) -> None:
    elf = assert_agrees(compiled(variant).read_bytes())
    assert elf.build_id is None or len(elf.build_id) == 40
    assert "libstdc++.so.6" in elf.needed
    assert any(name.startswith("GLIBC_") for name in elf.version_needs["libc.so.6"])


def test_handmade_file_reads_as_written() -> None:
    elf = assert_agrees(library())
    assert elf.needed == ("libneeded.so",)
    assert elf.soname == "libhand.so"
    assert (elf.rpath, elf.runpath) == ("/far/away:$ORIGIN", None)
    assert elf.version_needs == {"libneeded.so": {"NEED_1.0"}}
    assert elf.version_definitions == {"HAND_1.0"}
    assert elf.build_id == "deadbeef"
    assert elf.interpreter is None
    undefined, defined = elf.symbols()
    assert (undefined.name, undefined.version, undefined.defined) == ("import", "NEED_1.0", False)
    assert (defined.name, defined.version, defined.defined) == ("answer", "HAND_1.0", True)
    assert (defined.type, defined.binding, defined.section_index) == (1, 1, 13)


def test_versions_of_symbols(compiled: Compile) -> None:
    elf = ElfFile.parse(compiled("versioned").read_bytes(), "versioned")
    symbols = {symbol.name: symbol for symbol in elf.symbols()}
    assert symbols["compute"].version == "PROBE_1.0"
    assert symbols["compute"].defined
    assert not symbols["compute"].hidden
    assert (symbols["__cxa_throw"].version or "").startswith("CXXABI_")
    assert elf.version_definitions == {"PROBE_1.0"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_programs_and_libraries_are_told_apart(compiled: Compile, variant: str) -> None:
    elf = ElfFile.parse(compiled(variant).read_bytes(), variant)
    assert elf.is_executable == ("pie" in variant)
    assert elf.is_shared_library == ("pie" not in variant)
    assert (elf.interpreter is not None) == ("pie" in variant)


def test_a_library_that_can_be_run_is_a_library() -> None:
    data = bytearray(library())
    # As libc.so.6: a SONAME, and an interpreter for when it is run.
    fmt.PROGRAM_HEADER.pack_into(data, 64 + 3 * 56, fmt.PT_INTERP, 4, 0x401, 0x401, 0, 13, 13, 1)
    elf = ElfFile.parse(bytes(data), "runnable")
    assert elf.interpreter == "libneeded.so"
    assert elf.is_shared_library


@pytest.mark.parametrize("style", ["gnu", "sysv"])
def test_symbols_are_counted_without_section_headers(compiled: Compile, style: str) -> None:
    data = bytearray(compiled("both-hashes" if style == "sysv" else "plain").read_bytes())
    whole = ElfFile.parse(bytes(data), "whole")
    header = whole.header._replace(shoff=0, shnum=0, shstrndx=0)
    fmt.FILE_HEADER.pack_into(data, 0, *header)
    bare = ElfFile.parse(bytes(data), "bare")
    assert list(bare.symbols()) == list(whole.symbols())
    assert bare.symbol_count > 5


def test_any_buffer_is_read_without_copying(compiled: Compile) -> None:
    path = compiled("plain")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        elf = ElfFile.parse(mapped, "mapped")
        assert elf.needed == ElfFile.parse(memoryview(path.read_bytes()), "view").needed
        del elf  # the mapping can be closed once nothing reads it any more


def test_is_elf() -> None:
    assert is_elf(b"\x7fELF\x02")
    assert not is_elf(b"\x7fEL")
    assert not is_elf(b"#!/bin/sh")


@pytest.mark.parametrize(
    ("position", "value", "words"),
    [
        (0, 0, "not an ELF file"),
        (4, 1, "32-bit ELF is not supported"),
        (5, 2, "big-endian ELF is not supported"),
        (54, 55, "program headers of 55 bytes"),
        (58, 40, "section headers of 40 bytes"),
        (62, 200, "section names are in section 200"),
    ],
)
def test_what_is_not_read_is_named(position: int, value: int, words: str) -> None:
    data = bytearray(library())
    data[position] = value
    with pytest.raises(ElfError, match=words) as caught:
        ElfFile.parse(bytes(data), "lib/odd.so")
    assert caught.value.file == "lib/odd.so"


def test_extended_numbering_is_refused() -> None:
    data = bytearray(library())
    data[60:62] = b"\0\0"
    with pytest.raises(ElfShapeError, match="numbering"):
        ElfFile.parse(bytes(data), "odd.so")


def test_a_cut_file_names_the_offset() -> None:
    with pytest.raises(ElfError, match="beyond the end") as caught:
        ElfFile.parse(library()[:0x3900], "cut.so")
    assert caught.value.place == "offset 0x3800"
    assert caught.value.hint


def test_a_file_without_segments_has_no_dynamic_part() -> None:
    image = Image(type=fmt.ET_REL, names_offset=64, table_offset=128)
    elf = ElfFile.parse(image.build(), "object.o")
    assert elf.needed == ()
    assert list(elf.symbols()) == []
    assert not elf.is_executable
    assert not elf.is_shared_library
