"""Images in containers: what their headers say, and what is damage."""

import struct
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slimwheel.cuda import (
    Architecture,
    Image,
    Kind,
    images,
    pack_container,
    parse_fatbin,
    read_containers,
    read_images,
)
from slimwheel.elf import ElfFile, ElfShapeError
from slimwheel.errors import ElfError
from tests.support.compiled_fatbins import run_nvcc
from tests.support.fatbins import CUBIN, LTO_IR, LZ4, MAGIC, PTX, ZSTD, HandMade, container, image


def parse(content: bytes) -> tuple[Image, ...]:
    return parse_fatbin(content, "code.fatbin")


def only(content: bytes) -> Image:
    (found,) = parse(container([content]))
    return found


def in_library(content: bytes) -> tuple[Image, ...]:
    """Read a container in a library that has others before and behind it."""
    around = container([image(50)])
    elf = ElfFile.parse(HandMade({".nv_fatbin": [around, content, around]}).build(), "libdevice.so")
    return read_images(elf, read_containers(elf)[1])


IMAGES = st.builds(
    image,
    st.integers(0, (1 << 32) - 1),
    st.sampled_from(["", "a", "f", "af"]),
    kind=st.integers(0, 0xFFFF),
    payload=st.binary(min_size=1, max_size=90),
    header_size=st.sampled_from([64, 72, 80, 88, 96, 112, 3760]),
    flags=st.integers(0, (1 << 64) - 1).map(lambda flags: flags & ~(3 << 20)),
    compressed=st.integers(0, (1 << 32) - 1),
    decompressed=st.integers(0, (1 << 64) - 1),
)


@given(parts=st.lists(IMAGES, max_size=6))
def test_what_is_packed_is_read(parts: list[bytes]) -> None:
    whole = pack_container(parts)
    assert whole == container(parts)
    found = parse(whole)
    assert [whole[each.offset : each.end] for each in found] == parts
    assert [each.size for each in found] == list(map(len, parts))
    assert pack_container([whole[each.offset : each.end] for each in found]) == whole
    assert pack_container(memoryview(part) for part in parts) == whole


def test_fields() -> None:
    content = image(
        90, "a", payload=b"p" * 48, header_size=72, flags=0x8011, compressed=45, decompressed=900
    )
    found = only(content)
    assert found == Image(Kind.CUBIN, Architecture(90, "a"), 16, 72, 48, 45, 900, 0x8011 | 1 << 20)
    assert (found.payload_offset, found.end, found.size) == (88, 136, 120)
    assert (found.architecture.major, found.architecture.minor) == (9, 0)


@pytest.mark.parametrize("size", [64, 72, 80, 88, 96, 112, 3760])
def test_headers_are_as_long_as_they_say(size: int) -> None:
    first, second = image(80, header_size=size), image(90, header_size=64)
    found = in_library(container([first, second]))
    assert [each.header_size for each in found] == [size, 64]
    assert [each.architecture.number for each in found] == [80, 90]


@pytest.mark.parametrize(
    ("content", "target", "is_code"),
    [
        (image(75), "sm_75", True),
        (image(90, "a"), "sm_90a", True),
        (image(103, "f"), "sm_103f", True),
        (image(121, "a"), "sm_121a", True),
        (image(70, kind=PTX), "compute_70", True),
        (image(90, "a", kind=PTX), "compute_90a", True),
        (image(80, kind=LTO_IR), "lto_80", False),
        (image(80, kind=0x20), "kind32_80", False),
        (image(0, kind=0), "kind0_0", False),
        (image(80, "f", kind=0xFFFF), "kind65535_80f", False),
    ],
)
def test_targets(content: bytes, target: str, is_code: bool) -> None:
    found = only(content)
    assert (found.target, found.is_code) == (target, is_code)


@pytest.mark.parametrize(
    ("flags", "compression"), [(0, None), (0x11, None), (LZ4, "lz4"), (ZSTD, "zstd")]
)
def test_compression(flags: int, compression: str | None) -> None:
    assert only(image(80, flags=flags)).compression == compression


def test_architectures_sort_by_number_then_suffix() -> None:
    order = [Architecture(90), Architecture(90, "a"), Architecture(100, "f"), Architecture(120)]
    assert all(first < second for first, second in pairwise(order))


def test_empty() -> None:
    assert parse(container()) == ()
    assert in_library(container()) == ()
    assert pack_container([]) == container()


LARGEST = (1 << 64) - 1


@pytest.mark.parametrize(
    ("content", "place"),
    [
        *((image(80, claimed_payload=size), 0) for size in (41, 1 << 32, LARGEST, LARGEST - 103)),
        *((image(80, claimed_header=size), 0) for size in (65, 105, (1 << 32) - 1)),
        (image(80) + image(90)[:63], 104),
        (image(80) + image(90)[:1], 104),
        (image(80) + image(90)[:-1], 104),
        (image(80, claimed_payload=48) + image(90)[:7], 0),
    ],
)
def test_damage_is_named_with_its_place(content: bytes, place: int) -> None:
    for read in (parse, in_library):
        with pytest.raises(ElfError, match="image") as caught:
            read(container([content]))
        assert not isinstance(caught.value, ElfShapeError)
    with pytest.raises(ElfError) as caught:
        parse(container([content]))
    assert caught.value.place == f"offset {16 + place:#x}"
    assert caught.value.file == "code.fatbin"


@pytest.mark.parametrize("size", [0, 1, 16, 63])
def test_a_header_that_is_too_short_ends_it(size: int) -> None:
    """With a size of 0 and no payload the next image would be the same one for ever."""
    content = image(80, claimed_header=size, claimed_payload=0)
    for read in (parse, in_library):
        with pytest.raises(ElfShapeError, match=f"a header of {size} bytes"):
            read(container([content]))


@pytest.mark.parametrize("count", [1, 8, 63])
def test_zeros_behind_the_last_image(count: int) -> None:
    with pytest.raises(ElfShapeError, match=f"{count} zero bytes") as caught:
        parse(container([image(80), bytes(count)]))
    assert caught.value.place == f"offset {16 + 104:#x}"
    with pytest.raises(ElfShapeError, match="a header of 0 bytes"):
        parse(container([image(80), bytes(64)]))


def test_images_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_MAX_IMAGES", 50)
    assert len(parse(container([image(80)] * 50))) == 50
    with pytest.raises(ElfError, match="too many"):
        parse(container([image(80)] * 51))


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", ElfError),
        (b"\x7fELF" + bytes(60), ElfShapeError),
        (struct.pack("<IHHQ", MAGIC, 2, 16, 0), ElfShapeError),
        (struct.pack("<IHHQ", MAGIC, 1, 24, 0), ElfShapeError),
        (container([image(80)]) + b"more", ElfShapeError),
        (container()[:15], ElfError),
        (container([image(80)])[:-1], ElfError),
    ],
)
def test_files_that_are_no_container(content: bytes, error: type[ElfError]) -> None:
    with pytest.raises(error):
        parse(content)


def test_zeros_behind_a_container_that_is_a_file() -> None:
    assert len(parse(container([image(80)]) + bytes(40))) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        image(80)[:63],
        image(80)[:-1],
        image(80) + b"\0",
        image(80, claimed_payload=8),
        image(80, claimed_header=0),
        image(80, claimed_payload=LARGEST),
    ],
)
def test_what_cannot_be_packed(content: bytes) -> None:
    with pytest.raises(ValueError, match="image 1"):
        pack_container([image(75), content])


@given(content=st.binary(max_size=300))
def test_noise(content: bytes) -> None:
    for whole in (content, container([content]), container([image(80), content])):
        try:
            found = parse(whole)
        except ElfError:
            continue
        assert all(16 <= each.offset < each.end <= len(whole) for each in found)


def test_what_the_compiler_writes(tmp_path: Path) -> None:
    (tmp_path / "add.cu").write_text("__global__ void add(float *x) { x[threadIdx.x] += 1; }\n")
    codes = ["sm_80", "sm_90", "sm_90a", "sm_100f", "compute_90", "lto_80"]
    options = []
    for code in codes:
        kind, _, number = code.partition("_")
        options += ["-gencode", f"arch=compute_{number},code={kind}_{number}"]
    for mode, expected in (("size", {"zstd"}), ("speed", {"lz4", None}), ("none", {None})):
        arguments = ["-fatbin", *options, f"-compress-mode={mode}", "add.cu", "-o", mode]
        run_nvcc(tmp_path, *arguments)
        content = (tmp_path / mode).read_bytes()
        found = parse(content)
        assert sorted(each.target for each in found) == sorted(codes)
        assert {each.compression for each in found} == expected
        assert content.startswith(pack_container([content[i.offset : i.end] for i in found]))
        for each in found:
            assert (each.compression is None) == (each.compressed_size == 0)
            assert each.compressed_size <= each.payload_size
            payload = content[each.payload_offset : each.end]
            if each.compression is None and each.kind == CUBIN:
                assert payload[:4] == b"\x7fELF"
            if each.compression is None and each.kind == PTX:
                assert b".target sm_90" in payload
            if each.compression == "zstd" and each.is_code:
                assert payload[:4] == b"\x28\xb5\x2f\xfd"
