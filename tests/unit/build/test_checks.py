"""The check of a result: what a build breaks is refused, what upstream brought along is not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slimwheel.build import BuildOptions, build_wheel
from slimwheel.build import pipeline as building
from slimwheel.errors import CheckFailed
from slimwheel.plan import Switches
from slimwheel.recipe import LoadedRecipe, load_recipe
from slimwheel.verify.findings import Code, Finding
from slimwheel.verify.static import Known, check_wheel
from slimwheel.wheelfile import writer
from slimwheel.wheelfile.record import record_line
from slimwheel.wheelfile.wheel import Wheel
from slimwheel.wheelfile.writer import WheelWriter
from tests.support.native import compile_c
from tests.support.upstream import make_torch_wheel

SOURCE = "static int one(void) { return 1; } int answer(void) { return 41 + one(); }\n"


@pytest.fixture
def build_with(tmp_path: Path) -> Callable[..., set[Code]]:
    """Build a wheel with a library that was linked with `options`; return the result's codes."""

    def built(*options: str, switches: Switches | None = None) -> set[Code]:
        library = compile_c(SOURCE, tmp_path / "libodd.so", "-shared", "-fPIC", *options)
        upstream = make_torch_wheel(tmp_path, members={"torch/lib/libodd.so": library.read_bytes()})
        how = BuildOptions(tmp_path / "dist", switches or Switches(), local="odd", force=True)
        report = build_wheel(upstream, load_recipe("cpu"), how)
        return {
            finding.code
            for finding in check_wheel(report.slim.path)
            if finding.member == "torch/lib/libodd.so"
        }

    return built


def test_a_search_path_that_is_kept_on_request(build_with: Callable[..., set[Code]]) -> None:
    outside = "-Wl,-rpath,/usr/local/lib"
    assert Code.RPATH_OUTSIDE not in build_with(outside)
    assert Code.RPATH_OUTSIDE in build_with(outside, switches=Switches(keep=("rpath",)))


def test_an_executable_stack_that_upstream_asks_for(build_with: Callable[..., set[Code]]) -> None:
    assert Code.EXECUTABLE_STACK in build_with("-Wl,-z,execstack")


def test_a_library_that_the_recipe_takes_away_from_another(tmp_path: Path) -> None:
    """libtorch_cpu.so needs libc10.so, which a rule removes: no loader would take the result."""
    recipe = tmp_path / "greedy.toml"
    recipe.write_text(
        'extends = "cpu"\n[[remove]]\nid = "too-much"\npaths = ["/torch/lib/libc10.so"]\n'
        'reason = "a mistake in a recipe"\nloses = "everything there is"\n'
    )
    output = tmp_path / "dist"
    with pytest.raises(CheckFailed, match=r"SW210 .*needs libc10\.so") as caught:
        build_wheel(make_torch_wheel(tmp_path), load_recipe(str(recipe)), BuildOptions(output))
    assert caught.value.exit_code == 7
    assert list(output.iterdir()) == []


def test_a_library_that_goes_is_missed_wherever_else_it_may_be(tmp_path: Path) -> None:
    """A search path into another distribution excuses only what upstream did not have itself."""
    other = "-Wl,-rpath,$ORIGIN/../../other/lib"
    gone = compile_c(SOURCE, tmp_path / "libgone.so", "-shared", "-fPIC", other)
    user = tmp_path / "libuser.so"
    source = "int answer(void); int twice(void) { return 2 * answer(); }\n"
    compile_c(source, user, "-shared", "-fPIC", f"-L{tmp_path}", "-lgone", other)
    members = {f"torch/lib/{path.name}": path.read_bytes() for path in (gone, user)}
    upstream = make_torch_wheel(tmp_path, members=members)
    recipe = tmp_path / "greedy.toml"
    removal = (
        '[[remove]]\nid = "{}"\npaths = ["/torch/lib/{}"]\n'
        'reason = "a mistake in a recipe"\nloses = "one library"\n'
    )
    how = BuildOptions(tmp_path / "dist", Switches(keep=("rpath",)), local="odd")
    recipe.write_text('extends = "cpu"\n' + removal.format("too-much", "libgone.so"))
    with pytest.raises(CheckFailed, match=r"SW212 .*libuser\.so: needs libgone\.so"):
        build_wheel(upstream, load_recipe(str(recipe)), how)
    recipe.write_text('extends = "cpu"\n' + removal.format("fitting", "libuser.so"))
    report = build_wheel(upstream, load_recipe(str(recipe)), how)
    assert Code.RPATH_ELSEWHERE in {finding.code for finding in check_wheel(report.slim.path)}


def test_a_layout_that_a_build_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream = make_torch_wheel(tmp_path)
    broken = Finding(Code.LOAD_ORDER, "PT_LOADs descend", "torch/lib/libc10.so")
    check = check_wheel

    def found(path: Path, *more: Any) -> list[Finding]:
        return check(path, *more) + ([] if path == upstream else [broken])

    monkeypatch.setattr(building, "check_wheel", found)
    with pytest.raises(CheckFailed, match=r"SW202 torch/lib/libc10\.so: PT_LOADs descend"):
        build_wheel(upstream, load_recipe("cpu"), BuildOptions(tmp_path / "dist"))


@pytest.mark.parametrize("limit", ["max_wheel", "max_installed"])
def test_a_budget_that_is_exceeded(limit: str, tmp_path: Path) -> None:
    loaded = load_recipe("cpu")
    small = loaded.recipe.expect.model_copy(update={limit: 1000})
    recipe = loaded.recipe.model_copy(update={"expect": small})
    output = tmp_path / "dist"
    with pytest.raises(CheckFailed, match="1,000 at most"):
        build_wheel(
            make_torch_wheel(tmp_path),
            LoadedRecipe(recipe, loaded.origin, loaded.text),
            BuildOptions(output),
        )
    assert list(output.iterdir()) == []


def _flip(data: bytes | bytearray) -> bytes:
    return bytes([*data[:-1], data[-1] ^ 1])


@pytest.mark.parametrize("member", ["torch/lib/libtorch_cpu.so", "torch/version.py"])
def test_a_writer_that_writes_other_bytes(
    member: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was inflated on its way is not what arrives: one member is spliced, one copied."""
    write, names = WheelWriter._write, []

    def wrong(self: WheelWriter, data: bytes | bytearray) -> None:
        started = self._written[-1].name.decode() if self._written else ""
        names.append(started)
        # A member's header is written before its bytes.
        write(self, _flip(data) if started == member and names.count(member) == 2 else data)

    monkeypatch.setattr(WheelWriter, "_write", wrong)
    with pytest.raises(CheckFailed, match=rf"SW104 {member}") as caught:
        build_wheel(make_torch_wheel(tmp_path), load_recipe("cpu"), BuildOptions(tmp_path / "dist"))
    assert member in names
    assert caught.value.exit_code == 7
    assert list((tmp_path / "dist").iterdir()) == []


def test_a_writer_that_records_another_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(name: str, sha256: bytes, size: int) -> tuple[str, str, str]:
        return record_line(name, _flip(sha256) if name == "torch/version.py" else sha256, size)

    monkeypatch.setattr(writer, "record_line", wrong)
    with pytest.raises(CheckFailed, match=r"SW101 torch/version\.py"):
        build_wheel(make_torch_wheel(tmp_path), load_recipe("cpu"), BuildOptions(tmp_path / "dist"))


def test_what_is_known_does_not_hide_faults(tmp_path: Path) -> None:
    """A proof about other bytes counts for nothing, and one that holds spares inflating."""
    upstream = make_torch_wheel(tmp_path)
    name = "torch/version.py"
    with Wheel.open(upstream) as wheel:
        passage = wheel.raw_chunks(wheel.members[name])
        data = bytearray(upstream.read_bytes())
        start = data.index(b"".join(passage))
    assert check_wheel(upstream, None, Known({name: passage.proof})) == check_wheel(upstream)
    sound = check_wheel(upstream)
    data[start + 4] ^= 1
    upstream.write_bytes(data)
    for known in (Known(), Known({name: passage.proof})):
        found = check_wheel(upstream, None, known)
        assert [f.member for f in found if f not in sound] == [name]
