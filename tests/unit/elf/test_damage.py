"""Hostile input: every reading either succeeds or raises ElfError."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slimwheel.elf import ElfFile, check_layout, rpath_fits, slim
from slimwheel.elf import format as fmt
from slimwheel.errors import ElfError
from tests.unit.elf.handmade import library

GOOD = library()
HEADERS = 64 + 7 * fmt.PROGRAM_HEADER.size
# Everything that holds numbers: the headers, the tables in memory, the section headers.
STRUCTURE = [*range(HEADERS), *range(0x500, 0x800), *range(0x1000, 0x1060), *range(0x3800, 0x3C00)]
NUMBERS = st.one_of(
    st.sampled_from([0, 1, 7, 8, 24, 0x40, 0xFF, 0x500, 0x1000, 0x3FFF, 0x4000, 0xFFFF]),
    st.sampled_from([1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, (1 << 64) - 0x1000]),
)


def read_everything(data: bytes) -> None:
    """Use every part of the interface on a file; only ElfError may come of it."""
    try:
        elf = ElfFile.parse(data, "hostile")
    except ElfError:
        return
    for read in (
        lambda: (elf.needed, elf.soname, elf.rpath, elf.runpath),
        lambda: (elf.interpreter, elf.build_id, elf.is_executable),
        lambda: elf.version_needs,
        lambda: elf.version_definitions,
        lambda: list(elf.symbols()),
        lambda: check_layout(elf),
        lambda: rpath_fits(elf, "$ORIGIN/x"),
        lambda: slim(elf, rpath="$ORIGIN"),
        lambda: sum(map(len, slim(elf).chunks(data))),
    ):
        with contextlib.suppress(ElfError):
            read()


def test_every_length_of_a_cut_file() -> None:
    for length in range(len(GOOD)):
        # All lengths in the headers, then every seventh: a prime, so that no field is skipped.
        if length < HEADERS + 8 or length % 7 == 0 or length > 0x3BFF:
            read_everything(GOOD[:length])
    for length in range(0x3800 + 15 * 64):
        with pytest.raises(ElfError):
            ElfFile.parse(GOOD[:length], "cut")


@given(
    changes=st.lists(
        st.tuples(st.sampled_from(STRUCTURE), NUMBERS, st.sampled_from([1, 2, 4, 8])),
        min_size=1,
        max_size=4,
    )
)
def test_changed_fields(changes: list[tuple[int, int, int]]) -> None:
    data = bytearray(GOOD)
    for position, number, size in changes:
        start = position // size * size
        data[start : start + size] = (number & ((1 << (8 * size)) - 1)).to_bytes(size, "little")
    read_everything(bytes(data))


@pytest.mark.parametrize("number", [0, 1, 0xFFFF, 0x4000, (1 << 64) - 1, 1 << 63])
def test_each_header_field(number: int) -> None:
    fields = [(24, 8), (32, 8), (40, 8), (52, 2), (56, 2), (60, 2), (62, 2)]
    for base in range(64, HEADERS, fmt.PROGRAM_HEADER.size):
        fields += [(base, 4), *((base + offset, 8) for offset in range(8, 56, 8))]
    for base in range(0x3800, 0x3800 + 16 * 64, 64):
        fields += [(base + offset, 4) for offset in (0, 4, 40, 44)]
        fields += [(base + offset, 8) for offset in (8, 16, 24, 32, 48, 56)]
    for base in range(0x700, 0x7C0, 8):
        fields.append((base, 8))
    for start, size in fields:
        data = bytearray(GOOD)
        data[start : start + size] = (number & ((1 << (8 * size)) - 1)).to_bytes(size, "little")
        read_everything(bytes(data))


@given(data=st.binary(max_size=300))
def test_noise(data: bytes) -> None:
    read_everything(data)
    read_everything(b"\x7fELF\x02\x01\x01" + data)
