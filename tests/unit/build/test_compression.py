"""Libraries that change, compressed: of upstream's blocks or whole, and always the same bytes."""

import json
import os
import shutil
import time
import zipfile
from array import array
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slimwheel.build import BuildOptions, Compression, Progress, build_wheel, writing
from slimwheel.errors import CheckFailed, WheelError
from slimwheel.plan.facts import ElfFacts, Facts
from slimwheel.recipe import load_recipe
from slimwheel.wheelfile.splicing import Spliced, native, splice, stream
from slimwheel.wheelfile.wheel import Wheel
from slimwheel.wheelfile.writer import WheelWriter
from tests.support.native import compile_c
from tests.support.streams import content, libdeflate_stream
from tests.support.upstream import make_torch_wheel

LIBRARY = "torch/lib/libtorch_cpu.so"
SIZE = 2 << 20


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel with a library that holds two megabytes, and symbol tables behind them."""
    directory = tmp_path_factory.mktemp("upstream")
    blob = directory / "blob"
    blob.write_bytes(content(SIZE))
    source = f"""
__asm__(".section .rodata\\nblob: .incbin \\"{blob}\\"\\n.text");
int torch_answer(void) {{ return 42; }}
"""
    library = compile_c(source, directory / "library", "-shared", "-Wl,-soname,libtorch_cpu.so")
    return make_torch_wheel(directory, members={LIBRARY: library.read_bytes()})


@pytest.fixture
def spliced(monkeypatch: pytest.MonkeyPatch) -> list[Spliced]:
    """What is spliced while a test runs."""
    seen = []

    def noted(*arguments: object, **options: object) -> Spliced:
        result = original(*arguments, **options)
        seen.append(result)
        return result

    original: Callable[..., Spliced] = splice
    monkeypatch.setattr(writing, "splice", noted)
    return seen


@pytest.mark.parametrize("is_told", [True, False], ids=["overwritten", "rotten"])
def test_what_changes_while_it_is_read(
    is_told: bool, upstream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is upstream's is read a second time when it is written; upstream errs then alike."""
    path = tmp_path / upstream.name
    shutil.copy(upstream, path)
    with Wheel.open(path) as wheel:
        member = wheel.members[LIBRARY]
        place = member.header_offset + member.compressed_size // 2
    add = WheelWriter.add_spliced

    def changed(self: WheelWriter, name: str, *more: Any, **named: Any) -> None:
        if name != LIBRARY:
            add(self, name, *more, **named)
            return
        before = path.stat()
        with path.open("r+b") as stream:
            stream.seek(place)
            value = stream.read(1)[0]
            stream.seek(place)
            stream.write(bytes([value ^ 1]))
        if not is_told:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        add(self, name, *more, **named)

    monkeypatch.setattr(WheelWriter, "add_spliced", changed)
    expected = WheelError if is_told else CheckFailed
    words = "was changed while it was read" if is_told else "another deflate stream than was proved"
    with pytest.raises(expected, match=words):
        build_wheel(path, load_recipe("cpu"), BuildOptions(tmp_path / "dist"))
    assert list((tmp_path / "dist").iterdir()) == []


def built(upstream: Path, output: Path, compression: Compression) -> tuple[Path, str]:
    options = BuildOptions(output, compression=compression)
    slim = build_wheel(upstream, load_recipe("cpu"), options).slim
    return slim.path, slim.sha256


def libraries(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist() if name.endswith(".so")}


def packed_size(path: Path) -> int:
    with zipfile.ZipFile(path) as archive:
        return archive.getinfo(LIBRARY).compress_size


def compression_of(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("torch/_slimwheel/manifest.json"))
    return str(manifest["options"]["compression"])


def test_most_of_a_large_library_is_copied(
    upstream: Path, tmp_path: Path, spliced: list[Spliced]
) -> None:
    path, _ = built(upstream, tmp_path, Compression.FAST)
    largest = max(spliced, key=lambda each: each.size)
    assert SIZE < largest.size < len(libraries(upstream)[LIBRARY])
    assert largest.copied > 0.8 * largest.size
    assert largest.compressed_size == packed_size(path)
    assert compression_of(path) == "upstream's blocks, libdeflate 6"
    # A block of upstream's member stands in the result as it is.
    with zipfile.ZipFile(upstream) as archive:
        info = archive.getinfo(LIBRARY)
    old = upstream.read_bytes()
    middle = info.header_offset + info.compress_size // 2
    assert old[middle : middle + 5_000] in path.read_bytes()


def test_best_is_smaller_and_holds_the_same(
    upstream: Path, tmp_path: Path, spliced: list[Spliced]
) -> None:
    fast, _ = built(upstream, tmp_path / "fast", Compression.FAST)
    spliced.clear()
    best, _ = built(upstream, tmp_path / "best", Compression.BEST)
    assert {each.copied for each in spliced} == {0}
    assert libraries(fast) == libraries(best)
    assert packed_size(best) < packed_size(fast)
    assert compression_of(best) == "libdeflate 12"


@pytest.mark.parametrize("compression", Compression)
def test_the_bytes_do_not_depend_on_the_machine(
    upstream: Path, tmp_path: Path, compression: Compression, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, expected = built(upstream, tmp_path / "here", compression)
    # Many processors, and none of the libraries that inflate faster than Python's module.
    monkeypatch.setattr(native, "fastest", lambda: None)
    monkeypatch.setattr("os.cpu_count", lambda: 7)
    assert built(upstream, tmp_path / "elsewhere", compression)[1] == expected


def test_stored_members_are_compressed_whole(tmp_path: Path, spliced: list[Spliced]) -> None:
    upstream = make_torch_wheel(tmp_path)
    stored = tmp_path / "stored" / upstream.name
    stored.parent.mkdir()
    with zipfile.ZipFile(upstream) as old, zipfile.ZipFile(stored, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            info.compress_type = zipfile.ZIP_STORED
            new.writestr(info, data)
    one, _ = built(upstream, tmp_path / "one", Compression.FAST)
    spliced.clear()
    other, _ = built(stored, tmp_path / "other", Compression.FAST)
    assert {each.copied for each in spliced} == {0}
    assert libraries(one) == libraries(other)


def test_a_result_that_is_wrong_is_refused(
    upstream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Facts.elf

    def shifted(self: Facts, member: str) -> ElfFacts:
        found = original(self, member)
        if member != LIBRARY:
            return found
        bits = array("Q", (bit + 8 if bit else 0 for bit in found.blocks.bits))
        return replace(found, blocks=replace(found.blocks, bits=bits))

    monkeypatch.setattr(Facts, "elf", shifted)
    with pytest.raises(CheckFailed, match="does not give its content") as caught:
        built(upstream, tmp_path, Compression.FAST)
    assert caught.value.file == str(upstream)
    assert caught.value.place == LIBRARY
    assert list(tmp_path.iterdir()) == []


def test_a_build_that_ends_early_does_not_compress_on(
    upstream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = []

    def slow(window: memoryview, level: int) -> bytes:
        time.sleep(0.05)
        done.append(len(window))
        return libdeflate_stream(bytes(window), 1)

    def stop(progress: Progress) -> None:
        if progress.step == "write" and progress.done:
            raise KeyboardInterrupt

    monkeypatch.setattr(stream, "WINDOW", 10_000)
    monkeypatch.setattr(stream, "_deflated", slow)
    options = BuildOptions(tmp_path, compression=Compression.BEST)
    with pytest.raises(KeyboardInterrupt):
        build_wheel(upstream, load_recipe("cpu"), options, progress=stop)
    assert len(done) < SIZE // 10_000 // 2
    assert list(tmp_path.iterdir()) == []
