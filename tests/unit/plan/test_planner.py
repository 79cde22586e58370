"""What a plan refuses, what it warns of, and what switches do to it."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from slimwheel.build import BuildOptions, plan_wheel
from slimwheel.elf import find_patchelf
from slimwheel.errors import NothingToDo, RecipeError, SlimwheelError, UsageError, WheelError
from slimwheel.plan import Action, Facts, Plan, Switches
from slimwheel.recipe import load_recipe
from slimwheel.wheelfile.wheel import Wheel
from tests.support.native import compile_c, native_members
from tests.support.upstream import make_torch_wheel, make_wheel

Planned = Callable[..., Plan]


@pytest.fixture
def planned(tmp_path: Path) -> Planned:
    """Plan a wheel by `cpu` with what a recipe of its own lays over it."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def plan(path: Path, recipe: str = "", **switches: tuple[str, ...]) -> Plan:
        own = tmp_path / "own.toml"
        own.write_text('extends = "cpu"\n' + recipe)
        options = BuildOptions(scratch, Switches(**switches), local="own")
        with Wheel.open(path) as wheel, Facts(wheel, scratch) as facts:
            return plan_wheel(facts, load_recipe(str(own)), options)[0]

    return plan


def rule(name: str, paths: str, more: str = "") -> str:
    words = 'reason = "a rule for tests"\nloses = "nothing of worth"\n'
    return f'[[remove]]\nid = "{name}"\npaths = ["{paths}"]\n{words}{more}'


def test_a_rule_that_must_match_and_does_not(planned: Planned, tmp_path: Path) -> None:
    wheel = make_torch_wheel(tmp_path)
    with pytest.raises(RecipeError, match="rule docs matches nothing") as caught:
        planned(wheel, rule("docs", "/docs/", "required = true\n"))
    assert (caught.value.file or "").endswith("own.toml")
    assert caught.value.place == "remove[docs]"
    optional = planned(wheel, rule("docs", "/docs/"))
    assert [s.members for s in optional.summaries if s.rule.id == "docs"] == [()]


def test_rules_out_of_their_versions_are_not_asked(planned: Planned, tmp_path: Path) -> None:
    wheel = make_torch_wheel(tmp_path)
    old = planned(wheel, rule("types", "*.pyi", 'versions = "<2"\n'))
    new = planned(wheel, rule("types", "*.pyi", 'versions = ">=2"\n'))
    assert old.decisions["torch/__init__.pyi"].action is Action.KEEP
    assert new.decisions["torch/__init__.pyi"].rules == ("types",)
    assert "types" not in [summary.rule.id for summary in old.summaries]


def test_the_first_rule_that_matches_has_the_member(planned: Planned, tmp_path: Path) -> None:
    plan = planned(make_torch_wheel(tmp_path), rule("all-of-torch", "/torch/include/"))
    assert plan.decisions["torch/include/ATen/ATen.h"].rules == ("headers",)


def test_switches(planned: Planned, tmp_path: Path) -> None:
    wheel = make_torch_wheel(tmp_path)
    off = rule("types", "*.pyi", "enabled = false\n")
    assert planned(wheel, off).decisions["torch/__init__.pyi"].action is Action.KEEP
    plan = planned(wheel, off, drop=("types",), keep=("symbols", "headers"))
    assert plan.switched == ("--keep headers", "--keep symbols", "--drop types")
    assert plan.decisions["torch/__init__.pyi"].action is Action.DROP
    assert plan.decisions["torch/include/ATen/ATen.h"].action is Action.KEEP
    assert plan.decisions["torch/lib/libc10.so"].action is Action.KEEP
    assert plan.decisions["torch/utils/cpp_extension.py"].action is Action.KEEP, "nothing to guard"


@pytest.mark.parametrize(
    ("switches", "problem"),
    [
        ({"keep": ("nothing",)}, "no rule nothing"),
        ({"drop": ("zz", "aa")}, "no rule aa, zz"),
        ({"keep": ("symbols",), "drop": ("symbols",)}, "both name symbols"),
    ],
)
def test_switches_that_make_no_sense(
    planned: Planned, tmp_path: Path, switches: dict[str, tuple[str, ...]], problem: str
) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        planned(make_torch_wheel(tmp_path), **switches)
    assert caught.value.hint


def test_a_wheel_with_nothing_to_remove(planned: Planned, tmp_path: Path) -> None:
    members = {"torch/__init__.py": "from torch._C import *\n", "torch/_C.py": ""}
    relaxed = '[[remove]]\nid = "headers"\nrequired = false\n'
    with pytest.raises(NothingToDo):
        planned(make_wheel(tmp_path, members), relaxed)


def test_only_copies_that_a_library_names_stay(planned: Planned, tmp_path: Path) -> None:
    scratch = tmp_path / "native"
    scratch.mkdir()
    shared = ("-shared", "-fPIC")
    base = compile_c("int base(void) { return 1; }", scratch / "libbase.so.1", *shared)
    needs = "int base(void); int user(void) { return base(); }"
    links = ("-L" + str(scratch), "-l:libbase.so.1", "-Wl,-rpath,$ORIGIN")
    user = compile_c(needs, scratch / "libuser.so", *shared, *links)
    copies = ("libbase.so", "libbase.so.1", "libbase.so.1.2")
    members: dict[str, bytes | str] = {f"torch/lib/{name}": base.read_bytes() for name in copies}
    members["torch/lib/libuser.so"] = user.read_bytes()
    members["torch/other/libbase.so"] = base.read_bytes()
    plan = planned(make_torch_wheel(tmp_path, members=members))
    dropped = [d.member for d in plan.with_action(Action.DROP) if d.rules == ("duplicates",)]
    assert dropped == ["torch/lib/libbase.so", "torch/lib/libbase.so.1.2"]
    assert "torch/lib/libbase.so.1 is the same file" in plan.decisions[dropped[0]].why


def test_rocm_by_what_a_library_needs(planned: Planned, tmp_path: Path) -> None:
    scratch = tmp_path / "native"
    scratch.mkdir()
    shared = ("-shared", "-fPIC", f"-L{scratch}")
    compile_c("int hipFree(void) { return 0; }", scratch / "libamdhip64.so.7", *shared)
    uses = "int hipFree(void); int torch_hip(void) { return hipFree(); }"
    user = compile_c(uses, scratch / "libx.so", *shared, "-l:libamdhip64.so.7").read_bytes()
    wheel = make_torch_wheel(tmp_path, "2.14.1", members={"torch/lib/libtorch_hip.so": user})
    with pytest.raises(WheelError, match=r"torch_hip\.so needs libamdhip64\.so\.7") as caught:
        planned(wheel)
    assert caught.value.file == str(wheel)
    assert "CPU build" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("member", "text", "problem"),
    [
        ("torch/__init__.py", "x = 1\n", "no such import"),
        ("torch/__init__.py", "def (:\n", "does not compile"),
        ("torch/utils/cpp_extension.py", "x = 1\n", "include_paths"),
        ("torch/utils/cpp_extension.py", "\0", "does not compile"),
        ("torch/_ops.py", "# coding: nonsense\n", "cannot be decoded"),
    ],
)
def test_sources_that_cannot_be_edited(
    planned: Planned, tmp_path: Path, member: str, text: str, problem: str
) -> None:
    """The error names the wheel: `torch/__init__.py` alone could be anybody's."""
    wheel = make_torch_wheel(tmp_path, members={member: text})
    with pytest.raises(WheelError, match=problem) as caught:
        planned(wheel)
    assert caught.value.file == str(wheel)
    module = member.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    assert re.search(f"{re.escape(member)}|{re.escape(module)}", str(caught.value))
    assert caught.value.hint


@pytest.mark.parametrize("required", [True, False])
def test_an_edit_of_a_file_that_is_not_there(
    planned: Planned, tmp_path: Path, required: bool
) -> None:
    edit = '[[python]]\nfile = "torch/absent.py"\nplace = "before-import:os"\ncode = "pass"\n'
    edit += f'rule = "headers"\nrequired = {str(required).lower()}\n'
    wheel = make_torch_wheel(tmp_path)
    if required:
        with pytest.raises(WheelError, match="not in this wheel") as caught:
            planned(wheel, edit)
        assert caught.value.place == "torch/absent.py"
    else:
        assert "torch/absent.py" not in planned(wheel, edit).decisions


def test_what_is_no_library_stays_as_it_is(planned: Planned, tmp_path: Path) -> None:
    """An object file needs its symbols; what only looks like a library is none."""
    command = ("-c", "-o", str(tmp_path / "part.o"))
    part = compile_c("int part(void) { return 1; }", tmp_path / "part.o", *command).read_bytes()
    members = {"torch/lib/part.o": part, "torch/lib/libscript.so": b"INPUT(-lc)\n"}
    plan = planned(make_torch_wheel(tmp_path, members=members))
    assert plan.decisions["torch/lib/part.o"].action is Action.KEEP
    assert plan.decisions["torch/lib/libscript.so"].action is Action.KEEP


def test_what_patchelf_left_goes(planned: Planned, tmp_path: Path) -> None:
    names = "".join(f"int a_name_of_some_length_{n}(void) {{ return {n}; }}" for n in range(3000))
    library = compile_c(names, tmp_path / "libmany.so", "-shared", "-fPIC", "-Wl,-s")
    subprocess.run([find_patchelf(), "--set-rpath", "$ORIGIN", library], check=True)
    member = "torch/lib/libmany.so"
    wheel = make_torch_wheel(tmp_path, members={member: library.read_bytes()})
    decision = planned(wheel).decisions[member]
    assert decision.rules == ("leftovers",)
    assert "bytes that patchelf left taken out" in decision.why
    assert decision.before - decision.after == decision.savings[0].bytes > 0x10000
    assert planned(wheel, keep=("leftovers",)).decisions[member].action is Action.KEEP
    excepted = planned(wheel, '[leftovers]\nexcept = ["libm*.so"]\n')
    assert excepted.decisions[member].action is Action.KEEP


def test_every_action_has_its_words(planned: Planned, tmp_path: Path) -> None:
    plan = planned(make_torch_wheel(tmp_path))
    assert {d.action for d in plan.decisions.values()} == set(Action)
    for decision in plan.decisions.values():
        assert decision.why
        if decision.action is Action.DROP:
            assert decision.after == decision.packed_after == 0
            assert sum(saving.bytes for saving in decision.savings) == decision.before
        if decision.action is Action.KEEP:
            assert (decision.before, decision.packed_before) == (
                decision.after,
                decision.packed_after,
            )
    rewritten = plan.decisions["torch/lib/libc10.so"]
    assert rewritten.rules == ("symbols",)
    assert rewritten.before - rewritten.after == rewritten.savings[0].bytes
    assert rewritten.before == len(native_members()["torch/lib/libc10.so"])


@pytest.mark.parametrize(
    ("name", "version", "problem"),
    [("torch", "0.2.0", "has version 0.2.0"), ("torch-nightly", "2.0", "is torch-nightly")],
)
def test_wheels_that_the_recipe_is_not_for(
    planned: Planned, tmp_path: Path, name: str, version: str, problem: str
) -> None:
    path = make_wheel(tmp_path, {"a.py": ""}, name=name, version=version)
    with pytest.raises(SlimwheelError, match=problem) as caught:
        planned(path)
    assert caught.value.exit_code == 4


def test_a_shape_that_is_not_known_stays_with_a_warning(planned: Planned, tmp_path: Path) -> None:
    """Sound, as far as we can tell: it is not for us to refuse the whole wheel for it."""
    odd = bytearray(native_members()["torch/lib/libc10.so"])
    odd[0x38:0x3A] = b"\xff\xff"  # e_phnum is PN_XNUM: the number stands elsewhere
    members = {f"torch/lib/libodd{number}.so": bytes(odd) for number in (1, 2)}
    plan = planned(make_torch_wheel(tmp_path, members=members))
    for member in members:
        assert plan.decisions[member].action is Action.KEEP
        assert any(warning.startswith(f"{member} stays") for warning in plan.warnings)
    assert plan.decisions["torch/lib/libc10.so"].action is Action.REWRITE
