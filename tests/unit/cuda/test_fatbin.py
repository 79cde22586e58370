"""Containers of device code: what is found, what is damage, what is unknown."""

import io
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slimwheel.cuda import device_code_size, emptied, fatbin, has_device_code, read_containers
from slimwheel.elf import ElfFile, ElfShapeError, slim
from slimwheel.elf import format as fmt
from slimwheel.errors import ElfError
from tests.unit.cuda.conftest import container
from tests.unit.elf import handmade
from tests.unit.elf.handmade import Image

START, ADDRESS = 0x400, 0x7400


def image(*sections: tuple[str, bytes]) -> Image:
    """Return a file of one segment that holds the sections one behind the other, from START."""
    result = Image()
    cursor = START
    for name, content in sections:
        result.sections.append(
            handmade.Section(
                name, 1, cursor, content, fmt.SHF_ALLOC, ADDRESS + cursor - START, align=8
            )
        )
        cursor += len(content) + -len(content) % 8
    result.segment(fmt.PT_LOAD, START, ADDRESS, cursor - START, align=8)
    result.names_offset, result.table_offset = cursor, cursor + 256
    return result


def of(content: bytes, name: str = ".nv_fatbin") -> ElfFile:
    return ElfFile.parse(image((name, content)).build(), "libdevice.so")


def test_containers_of_both_sections() -> None:
    linked = container(b"x" * 40) + container(b"") + container(b"y" * 3) + bytes(5 + 80)
    linked += container(b"z" * 8) + bytes(24)
    data = image(
        (".text", b"code" * 8), (".nv_fatbin", linked), ("__nv_relfatbin", container(b"r" * 100))
    ).build()
    elf = ElfFile.parse(data, "both")
    found = read_containers(elf)
    first = START + 32
    assert [(c.section.name, c.offset - first, c.payload_size) for c in found] == [
        (".nv_fatbin", 0, 40),
        (".nv_fatbin", 56, 0),
        (".nv_fatbin", 72, 3),
        (".nv_fatbin", 72 + 16 + 88, 8),
        ("__nv_relfatbin", len(linked), 100),
    ]
    assert [c.is_empty for c in found] == [False, True, False, False, False]
    assert found[1].address == ADDRESS + 32 + 56
    assert (found[0].payload_offset, found[0].end, found[0].size) == (first + 16, first + 56, 56)
    assert device_code_size(elf) == len(linked) + 116


def test_sections_are_read_in_the_order_of_the_file() -> None:
    mixed = image(("__nv_relfatbin", container(b"1")), (".nv_fatbin", container(b"2" * 2)))
    mixed.sections.reverse()
    elf = ElfFile.parse(mixed.build(), "mixed")
    assert [c.payload_size for c in read_containers(elf)] == [1, 2]


@pytest.mark.parametrize("content", [b"", bytes(8), bytes(3_000_000)])
def test_no_containers(content: bytes) -> None:
    elf = of(content)
    assert read_containers(elf) == ()
    assert emptied(elf) == []
    assert has_device_code(elf) == bool(content)


def test_other_sections_are_never_looked_at() -> None:
    elf = of(container(b"a constant that looks like one"), ".rodata")
    assert not has_device_code(elf)
    assert read_containers(elf) == ()
    without_bytes = image(("other", b"x" * 8))
    without_bytes.sections.append(
        handmade.Section(".nv_fatbin", fmt.SHT_NOBITS, START, None, fmt.SHF_ALLOC, size=1 << 40)
    )
    assert device_code_size(ElfFile.parse(without_bytes.build(), "nobits")) == 0


GOOD = container(b"p" * 24)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"no container at all", 0),
        (GOOD + b"\x7fELF" + bytes(60), 40),
        (GOOD + bytes(8) + b"PK", 48),
        (GOOD + b"\x50\xed\x54", 40),
        (container(b"p" * 24, version=2), 0),
        (GOOD + container(b"p" * 24, version=0), 40),
        (container(b"p" * 24, header=24), 0),
        (container(b"p" * 24, header=0), 0),
        (container(b"p" * 24, size=16), 32),
        (container(b"p" * 24, size=0), 16),
    ],
)
def test_what_is_unknown_can_stay_as_it_is(content: bytes, place: int) -> None:
    elf = of(content)
    for attempt in (read_containers, emptied):
        with pytest.raises(ElfShapeError, match=r"\.nv_fatbin holds") as caught:
            attempt(elf)
        assert caught.value.place == f"offset {START + place:#x}"
        assert caught.value.file == "libdevice.so"
    # Sizes need no containers.
    assert device_code_size(elf) == len(content)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        *((container(b"p" * 24, size=size), 0) for size in (25, 1 << 32, 1 << 63, (1 << 64) - 16)),
        (container(b"p" * 24, size=(1 << 64) - 1), 0),
        (GOOD + container(b"", size=1), 40),
        *((GOOD + GOOD[:length], 40) for length in (1, 3, 4, 15)),
    ],
)
def test_damage_is_named_with_its_place(content: bytes, place: int) -> None:
    with pytest.raises(ElfError) as caught:
        emptied(of(content))
    assert not isinstance(caught.value, ElfShapeError)
    assert caught.value.place == f"offset {START + place:#x}"


def test_sections_that_overlap() -> None:
    twice = image((".nv_fatbin", GOOD))
    twice.sections.append(twice.sections[0])
    with pytest.raises(ElfError, match="overlaps") as caught:
        read_containers(ElfFile.parse(twice.build(), "twice"))
    assert not isinstance(caught.value, ElfShapeError)


def test_no_end_of_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fatbin, "_MAX_CONTAINERS", 100)
    assert len(read_containers(of(container(b"") * 100))) == 100
    with pytest.raises(ElfError, match="too many"):
        read_containers(of(container(b"") * 101))


def test_a_container_is_never_copied() -> None:
    elf = of(container(b"p" * 50_000_000))
    tracemalloc.start()
    edits = slim(elf, patches=emptied(elf))
    size = sum(map(len, edits.chunks(elf.data)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size == elf.source.size
    assert peak < 4_000_000


def check(elf: ElfFile) -> None:
    """Hold what is found against the bytes, and the emptied file against both."""
    try:
        found = read_containers(elf)
    except ElfError:
        with pytest.raises(ElfError):
            emptied(elf)
        return
    expected = bytearray(elf.data)
    cursor = START
    for each in found:
        assert not any(elf.data[cursor : each.offset])
        assert bytes(elf.data[each.offset : each.offset + 8]) == GOOD[:8]
        assert each.section.offset <= each.offset < each.payload_offset <= each.end
        assert each.end <= each.section.end
        expected[each.offset + 8 : each.end] = bytes(each.end - each.offset - 8)
        cursor = each.end
    out = io.BytesIO()
    slim(elf, patches=emptied(elf)).write(elf.data, out)
    assert out.getvalue() == expected
    after = ElfFile.parse(out.getvalue(), "after")
    assert [c.offset for c in read_containers(after)] == [c.offset for c in found]
    assert emptied(after) == []


PARTS = st.lists(
    st.one_of(
        st.binary(max_size=40).map(container),
        st.integers(0, 700).map(bytes),
        st.binary(max_size=5),
        st.builds(
            lambda payload, size, version, header: container(
                payload, size=size, version=version, header=header
            ),
            st.binary(max_size=40),
            st.one_of(st.integers(0, 60), st.integers(0, (1 << 64) - 1)),
            st.sampled_from([1, 1, 1, 0, 2, 0xFFFF]),
            st.sampled_from([16, 16, 16, 0, 8, 24, 0xFFFF]),
        ),
    ),
    max_size=6,
)


@given(parts=PARTS)
def test_any_content(parts: list[bytes]) -> None:
    check(of(b"".join(parts)))


@given(payloads=st.lists(st.tuples(st.binary(max_size=80), st.integers(0, 40)), max_size=8))
def test_sound_content_is_always_read(payloads: list[tuple[bytes, int]]) -> None:
    elf = of(b"".join(container(payload) + bytes(gap) for payload, gap in payloads))
    assert [c.payload_size for c in read_containers(elf)] == [len(each) for each, _ in payloads]
    check(elf)


@given(content=st.binary(max_size=200))
def test_noise(content: bytes) -> None:
    check(of(content))
    check(of(GOOD + content))


def test_every_length_of_a_cut_section() -> None:
    whole = GOOD + container(b"") + container(b"q" * 9) + bytes(7) + GOOD
    for length in range(len(whole) + 1):
        check(of(whole[:length]))
