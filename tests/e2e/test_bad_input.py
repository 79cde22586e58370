"""Every bad input gets one clear error with its exit code, and leaves nothing behind.

The command line runs as people run it; the wheels are damaged copies of a torch look-alike.
"""

import contextlib
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.upstream import fake_torch_members, make_torch_wheel, make_wheel

KEPT = "torch/version.py"
CHANGED = "torch/lib/libtorch_cpu.so"


def run(
    *arguments: str | Path, user: int | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "slimwheel", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, user=user, cwd=cwd, timeout=120
    )


def build(wheel: Path, output: Path, *more: str | Path) -> subprocess.CompletedProcess[str]:
    return run("build", "--recipe", "cpu", "--no-smoke", "--output-dir", output, *more, wheel)


def assert_one_error(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 2, done.stderr
    assert lines[0].startswith("slimwheel: error: ")
    assert lines[1].startswith("  ")
    for word in words:
        assert word in lines[0], lines[0]
    assert done.stdout == ""


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_torch_wheel(tmp_path_factory.mktemp("upstream"))


@pytest.fixture
def wheel(upstream: Path, tmp_path: Path) -> Path:
    """A sound wheel of its own for each test."""
    return Path(shutil.copy(upstream, tmp_path))


def rewritten(wheel: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """Write the archive anew with plain zipfile: `change` gives new bytes, None leaves out."""
    with zipfile.ZipFile(wheel) as old:
        members = [(info, old.read(info)) for info in old.infolist()]
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as new:
        for info, data in members:
            changed = change(info.filename, data)
            if changed is not None:
                new.writestr(info, changed, zipfile.ZIP_DEFLATED)
    return wheel


def with_member(wheel: Path, name: str, data: bytes = b"x", **attributes: int) -> Path:
    info = zipfile.ZipInfo(name)
    info.filename = name  # ZipInfo would clean the name
    for key, value in attributes.items():
        setattr(info, key, value)
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr(info, data)
    return wheel


def flip(wheel: Path, member: str) -> Path:
    """Change one byte inside a member's compressed bytes."""
    with zipfile.ZipFile(wheel) as archive:
        info = archive.getinfo(member)
    data = bytearray(wheel.read_bytes())
    name, extra = struct.unpack_from("<2H", data, info.header_offset + 26)
    data[info.header_offset + 30 + name + extra + info.compress_size // 2] ^= 0x20
    wheel.write_bytes(data)
    return wheel


def central(wheel: Path, member: str, offset: int, value: bytes) -> Path:
    """Overwrite bytes of a member's directory entry."""
    data = bytearray(wheel.read_bytes())
    place = data.rindex(member.encode()) - 46 + offset
    data[place : place + len(value)] = value
    wheel.write_bytes(data)
    return wheel


def not_a_zip(wheel: Path) -> Path:
    wheel.write_bytes(b"this is no wheel\n" * 100)
    return wheel


def empty(wheel: Path) -> Path:
    wheel.write_bytes(b"")
    return wheel


def truncated(wheel: Path) -> Path:
    wheel.write_bytes(wheel.read_bytes()[:-4000])
    return wheel


def damaged_directory(wheel: Path) -> Path:
    data = bytearray(wheel.read_bytes())
    data[data.rindex(b"PK\x01\x02")] = 0
    wheel.write_bytes(data)
    return wheel


def wrong_crc(member: str) -> Callable[[Path], Path]:
    return lambda wheel: central(wheel, member, 16, b"\1\2\3\4")


def wrong_record_hash(wheel: Path) -> Path:
    def change(name: str, data: bytes) -> bytes:
        if not name.endswith("/RECORD"):
            return data
        lines = data.decode().splitlines(keepends=True)
        return "".join(
            f"{KEPT},sha256={'A' * 43},{line.rsplit(',', 1)[1]}" if line.startswith(KEPT) else line
            for line in lines
        ).encode()

    return rewritten(wheel, change)


def without_record_line(wheel: Path) -> Path:
    def change(name: str, data: bytes) -> bytes:
        if not name.endswith("/RECORD"):
            return data
        return b"".join(
            line for line in data.splitlines(keepends=True) if not line.startswith(KEPT.encode())
        )

    return rewritten(wheel, change)


def without_member(wheel: Path) -> Path:
    return rewritten(wheel, lambda name, data: None if name == KEPT else data)


def duplicate(wheel: Path) -> Path:
    with pytest.warns(UserWarning, match="Duplicate name"):
        return with_member(wheel, KEPT, b"__version__ = 'other'\n")


def without_dist_info(wheel: Path) -> Path:
    return rewritten(wheel, lambda name, data: None if ".dist-info/" in name else data)


def two_dist_infos(wheel: Path) -> Path:
    return with_member(wheel, "other-1.0.dist-info/METADATA")


def encrypted(wheel: Path) -> Path:
    return central(wheel, KEPT, 8, b"\1\0")


def unknown_compression(wheel: Path) -> Path:
    return central(wheel, KEPT, 10, struct.pack("<H", 98))


MALFORMED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "not a zip": (not_a_zip, "not a whole zip"),
    "empty": (empty, "is empty"),
    "truncated": (truncated, "not a whole zip"),
    "damaged directory": (damaged_directory, "not a whole zip"),
    "wrong CRC of a kept member": (wrong_crc(KEPT), KEPT),
    "wrong CRC of a changed member": (wrong_crc(CHANGED), CHANGED),
    "damaged bytes of a kept member": (lambda wheel: flip(wheel, KEPT), KEPT),
    "damaged bytes of a changed member": (lambda wheel: flip(wheel, CHANGED), CHANGED),
    "wrong hash in RECORD": (wrong_record_hash, KEPT),
    "a file that is not in RECORD": (without_record_line, KEPT),
    "a file that only RECORD has": (without_member, KEPT),
    "duplicate name": (duplicate, KEPT),
    "name with ..": (lambda wheel: with_member(wheel, "torch/../../evil"), "evil"),
    "absolute name": (lambda wheel: with_member(wheel, "/etc/evil"), "evil"),
    "backslash in a name": (lambda wheel: with_member(wheel, "torch\\evil"), "evil"),
    "encrypted": (encrypted, "encrypted"),
    "unknown compression": (unknown_compression, "method 98"),
    "symbolic link": (
        lambda wheel: with_member(wheel, "torch/link", external_attr=0o120777 << 16),
        "symbolic link",
    ),
    "no dist-info": (without_dist_info, "dist-info"),
    "two dist-infos": (two_dist_infos, "dist-info"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_wheels(case: str, wheel: Path, tmp_path: Path) -> None:
    damage, word = MALFORMED[case]
    damaged = damage(wheel)
    before = hashlib.sha256(damaged.read_bytes()).digest()
    output = tmp_path / "dist"
    output.mkdir()
    assert_one_error(build(damaged, output), 4, damaged.name, word)
    assert list(output.iterdir()) == []
    assert hashlib.sha256(damaged.read_bytes()).digest() == before


def test_a_missing_wheel(tmp_path: Path) -> None:
    done = build(tmp_path / "torch-2.0-py3-none-any.whl", tmp_path / "dist")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2
    assert "torch-2.0-py3-none-any.whl" in done.stderr


def test_another_distribution(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, {"other.py": "pass"}, name="other", version="1.0")
    assert_one_error(build(wheel, tmp_path / "dist"), 4, wheel.name, "other", "torch")
    assert list((tmp_path / "dist").iterdir()) == []


@pytest.mark.parametrize(
    "tag",
    [
        "cp311-none-macosx_11_0_arm64",
        "cp311-cp311-win_amd64",
        "cp311-cp311-manylinux_2_28_aarch64",
        "cp311-cp311-musllinux_1_2_x86_64",
    ],
)
def test_platforms_that_are_not_served(tag: str, tmp_path: Path) -> None:
    wheel = make_torch_wheel(tmp_path, tags=[tag])
    platform = tag.rpartition("-")[2]
    assert_one_error(build(wheel, tmp_path / "dist"), 4, wheel.name, platform)


def test_rocm_by_requirement(tmp_path: Path) -> None:
    requires = ["Requires-Dist: triton-rocm==3.8; platform_system == 'Linux'"]
    wheel = make_torch_wheel(tmp_path, "2.14.1", metadata_extra=requires)
    assert_one_error(build(wheel, tmp_path / "dist"), 4, wheel.name, "triton-rocm")


def cut_elf(data: bytes) -> bytes:
    return data[: len(data) // 2]


def elf_pointing_outside(data: bytes) -> bytes:
    changed = bytearray(data)
    # e_shoff: the section headers' offset, at 0x28 in the header of ELF64.
    struct.pack_into("<Q", changed, 0x28, 1 << 60)
    return bytes(changed)


@pytest.mark.parametrize("damage", [cut_elf, elf_pointing_outside])
def test_damaged_elf_files(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    members = dict(fake_torch_members("2.13.0+cpu"))
    library = members[CHANGED]
    assert isinstance(library, bytes)
    members[CHANGED] = damage(library)
    wheel = make_wheel(tmp_path, members)
    assert_one_error(build(wheel, tmp_path / "dist"), 6, wheel.name, CHANGED, "offset 0x")
    assert list((tmp_path / "dist").iterdir()) == []


BAD_RECIPES = {
    "unknown key": ("nonsense = 1\n", "nonsense"),
    "bad glob": ('[[remove]]\nid = "headers"\npaths = ["torch/[a"]\n', "remove[headers].paths"),
    "bad version": ('[[remove]]\nid = "headers"\nversions = "newer than 2"\n', "versions"),
    "no TOML": ("remove = [\n", "not TOML"),
    "unknown rule in a guard": (
        '[[guard]]\nkind = "call"\ntarget = "torch.hub:load"\nrule = "none"\n',
        "none",
    ),
}


@pytest.mark.parametrize("case", BAD_RECIPES)
def test_bad_recipes(case: str, upstream: Path, tmp_path: Path) -> None:
    text, word = BAD_RECIPES[case]
    recipe = tmp_path / "bad.toml"
    recipe.write_text('extends = "cpu"\n' + text)
    output = tmp_path / "dist"
    arguments: list[str | Path] = [
        "--recipe",
        recipe,
        "--no-smoke",
        "--output-dir",
        output,
        upstream,
    ]
    assert_one_error(run("build", *arguments), 2, "bad.toml", word)
    assert_one_error(run("recipe", "check", recipe), 2, "bad.toml", word)
    assert not output.exists()


def test_an_unknown_recipe(upstream: Path, tmp_path: Path) -> None:
    done = run("build", "--recipe", "tpu", "--output-dir", tmp_path / "dist", upstream)
    assert_one_error(done, 2, "'tpu'")
    assert "cpu" in done.stderr.splitlines()[1]


def test_an_unknown_rule(upstream: Path, tmp_path: Path) -> None:
    assert_one_error(build(upstream, tmp_path / "dist", "--keep", "nothing"), 2, "nothing")


def test_switched_rules_need_a_local_version(upstream: Path, tmp_path: Path) -> None:
    assert_one_error(build(upstream, tmp_path / "dist", "--keep", "headers"), 2, "--keep headers")
    done = build(upstream, tmp_path / "dist", "--keep", "headers", "--local", "headers")
    assert done.returncode == 0, done.stderr
    assert "+cpu.headers-" in done.stdout


def test_output_that_is_a_file(upstream: Path, tmp_path: Path) -> None:
    output = tmp_path / "dist"
    output.write_text("a file")
    assert_one_error(build(upstream, output), 10, str(output))
    assert output.read_text() == "a file"


@contextlib.contextmanager
def mounted(place: Path, options: str) -> Iterator[Path]:
    """Mount an empty file system in memory, which only root can."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, check=False).returncode:
        pytest.skip("a file system can be mounted by root only")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_output_that_is_not_writable(upstream: Path, tmp_path: Path) -> None:
    """A mount, for root may write into every directory whatever its mode."""
    with mounted(tmp_path / "readonly", "ro") as place:
        assert_one_error(build(upstream, place), 10, str(place))
        assert_one_error(build(upstream, place / "new"), 10, str(place))
        assert list(place.iterdir()) == []


def test_a_full_disk(upstream: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "small", "size=16k") as place:
        assert_one_error(build(upstream, place), 10, str(place), "no space")
        assert list(place.iterdir()) == []


def test_an_existing_output(upstream: Path, tmp_path: Path) -> None:
    output = tmp_path / "dist"
    assert build(upstream, output).returncode == 0
    made = sorted(output.iterdir())
    bytes_made = [path.read_bytes() for path in made]
    assert build(upstream, output).returncode == 0, "equal bytes are success"
    made[1].write_bytes(b"something else")
    assert_one_error(build(upstream, output), 8, made[1].name)
    assert made[1].read_bytes() == b"something else"
    assert build(upstream, output, "--force").returncode == 0
    assert [path.read_bytes() for path in sorted(output.iterdir())] == bytes_made


def test_a_slim_wheel_is_slim_already(upstream: Path, tmp_path: Path) -> None:
    build(upstream, tmp_path / "dist")
    (slim,) = (tmp_path / "dist").glob("torch_cpu-*")
    renamed = tmp_path / slim.name
    shutil.copy(slim, renamed)
    assert_one_error(build(renamed, tmp_path / "again"), 3, "slim wheel already")


def test_errors_as_json(wheel: Path, tmp_path: Path) -> None:
    done = build(empty(wheel), tmp_path / "dist", "--json")
    assert done.returncode == 4
    report = json.loads(done.stdout)
    assert report["exit_code"] == 4
    assert report["file"].endswith(wheel.name)
    assert report["hint"]
    assert done.stderr == ""


def test_a_requirement_without_network(tmp_path: Path) -> None:
    environment = {**os.environ, "SLIMWHEEL_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "slimwheel", "build", "--recipe", "cpu", "--no-network"]
    done = subprocess.run(
        [*command, "torch==2.13.0+cpu"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=tmp_path,
    )
    assert_one_error(done, 9, "torch==2.13.0+cpu")


def test_a_wheel_that_has_lost_its_tags(wheel: Path, tmp_path: Path) -> None:
    bare = wheel.rename(tmp_path / "torch-2.13.0.whl")
    done = build(bare, tmp_path / "dist")
    assert done.returncode == 0, done.stderr
    names = sorted(Path(line).name for line in done.stdout.splitlines())
    assert names[1] == "torch_cpu-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl"


@pytest.mark.parametrize("date", ["yesterday", "5000000000", "999999999999999", "-1"])
def test_dates_that_no_wheel_can_hold(date: str, upstream: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "slimwheel", "build", "--recipe", "cpu", "--no-smoke"]
    done = subprocess.run(
        [*command, "--output-dir", str(tmp_path / "dist"), str(upstream)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SOURCE_DATE_EPOCH": date},
    )
    assert_one_error(done, 2, "SOURCE_DATE_EPOCH", date)


@pytest.mark.parametrize("local", ["Big-Name", "../../x", "a..b"])
def test_local_versions_that_are_none(local: str, upstream: Path, tmp_path: Path) -> None:
    assert_one_error(build(upstream, tmp_path / "dist", "--local", local), 2, "--local")


def test_an_output_that_would_replace_the_input(wheel: Path, tmp_path: Path) -> None:
    """By a link, for no recipe may give its result upstream's name."""
    before = wheel.read_bytes()
    output = tmp_path / "dist"
    output.mkdir()
    result = output / wheel.name.replace("torch-", "torch_cpu-")
    result.hardlink_to(wheel)
    assert_one_error(build(wheel, output, "--force"), 8, "is the input")
    assert wheel.read_bytes() == before
    assert list(output.iterdir()) == [result]


def test_an_output_that_is_a_directory(upstream: Path, tmp_path: Path) -> None:
    companion = tmp_path / "dist" / "torch-2.13.0+slim.cpu-py3-none-any.whl"
    companion.mkdir(parents=True)
    assert_one_error(build(upstream, companion.parent, "--force"), 10, companion.name)
    assert list(companion.parent.iterdir()) == [companion]


def test_entry_points_that_are_no_text(tmp_path: Path) -> None:
    wheel = make_wheel(
        tmp_path, fake_torch_members("2.13.0+cpu"), dist_info={"entry_points.txt": b"\xff\xfe"}
    )
    assert_one_error(build(wheel, tmp_path / "dist"), 4, wheel.name, "entry_points.txt")
