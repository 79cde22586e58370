"""Recipes: what is valid, what inherits what, and how errors name the place."""

import tomllib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from slimwheel.errors import RecipeError
from slimwheel.recipe import json_schema, load_recipe, load_recipe_file, recipe_names
from slimwheel.recipe.patterns import Matcher
from slimwheel.recipe.sizes import parse_size

MINIMAL = """\
schema = 1
name = "mine"
summary = "a recipe for tests"
upstream = "torch"
platforms = ["linux_x86_64"]
[distribution]
name = "torch-mine"
companion = "slim.mine"
package = "torch"
"""
RULE = """\
[[remove]]
id = "docs"
paths = ["/docs/"]
reason = "nobody reads them at run time"
loses = "reading the documentation"
"""

FORGET = """\
[[shim.forget]]
module = "a.b"
rule = "docs"
names = ["_cuda*"]
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str, name: str = "mine.toml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return written


@pytest.mark.parametrize("name", recipe_names())
def test_recipes_that_come_with_slimwheel_load(name: str) -> None:
    recipe = load_recipe(name).recipe
    assert recipe.name == name
    assert recipe.rules


def test_a_minimal_recipe(write: Write) -> None:
    recipe = load_recipe_file(write(MINIMAL + RULE)).recipe
    assert list(recipe.rules) == ["docs"]
    assert recipe.symbols is None


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (MINIMAL + "nonsense = 1\n", "distribution.nonsense", "not a key"),
        ("nonsense = 1\n" + MINIMAL, "nonsense", "not a key"),
        (MINIMAL + RULE + 'path = "x"\n', "remove[docs].path", "not a key"),
        (MINIMAL + RULE.replace("/docs/", "docs/[a"), "remove[docs].paths[0]", "bracket"),
        (MINIMAL + RULE.replace("/docs/", "../docs"), "remove[docs].paths[0]", "inside a wheel"),
        (MINIMAL + RULE.replace("/docs/", "!docs"), "remove[docs].paths[0]", "except"),
        (MINIMAL + RULE.replace("/docs/", " "), "remove[docs].paths[0]", "nothing"),
        (MINIMAL + RULE + 'versions = "new"\n', "remove[docs].versions", "version range"),
        (MINIMAL + RULE + 'kind = "java"\n', "remove[docs].kind", "elf"),
        (MINIMAL + RULE.replace('"docs"', '"Docs!"'), "remove[Docs!].id", "pattern"),
        (MINIMAL + RULE.replace('loses = "reading the documentation"\n', ""), "loses", "required"),
        (MINIMAL + RULE + RULE, None, "the same id"),
        (MINIMAL.replace("schema = 1", "schema = 2"), "schema", "1"),
        (MINIMAL.replace('"torch-mine"', '"no name!"'), "distribution.name", "name"),
        (MINIMAL + '[[guard]]\nkind = "call"\ntarget = "a:b"\nrule = "docs"\n', None, "no rule"),
        (
            MINIMAL + RULE + '[[guard]]\nkind = "path"\ntarget = "a:b"\nrule = "docs"\n',
            "guard[0]",
            "argument",
        ),
        (MINIMAL + '[expect]\nmax_installed = "much"\n', "expect.max_installed", "size"),
        (MINIMAL + '[requires]\nadd = ["not one!!"]\n', "requires.add[0]", "requirement"),
        (MINIMAL + '[expect]\nimports = ["torch; print(1)"]\n', "expect.imports[0]", "pattern"),
        (MINIMAL + '[shim]\nenvironment = {"A=B" = "1"}\n', "shim.environment", "pattern"),
        (
            MINIMAL
            + RULE
            + '[[python]]\nfile = "a.py"\nplace = "???"\ncode = "pass"\nrule = "docs"\n',
            "python[0].place",
            "place",
        ),
        (MINIMAL + RULE + FORGET.replace("_cuda*", "[a]"), "shim.forget[0].names[0]", "pattern"),
        (MINIMAL + RULE + FORGET.replace('"a.b"', '"a-b"'), "shim.forget[0].module", "pattern"),
        (MINIMAL + RULE + FORGET + "set = {x = 1.5}\n", "shim.forget[0].set.x", "valid"),
        (MINIMAL + FORGET, None, "no rule has the id docs"),
        (MINIMAL + '[requires]\nrule = "docs"\n', None, "no rule has the id docs"),
        (MINIMAL + "[symbols\n", None, "not TOML"),
    ],
)
def test_errors_name_file_and_place(
    write: Write, text: str, place: str | None, message: str
) -> None:
    path = write(text)
    with pytest.raises(RecipeError) as caught:
        load_recipe_file(path)
    error = caught.value
    assert error.exit_code == 2
    assert error.file == str(path)
    assert (place or "") in (error.place or "")
    assert message in error.message
    assert error.hint


def test_a_child_lays_itself_over_its_parent(write: Write) -> None:
    write(MINIMAL + RULE, "parent.toml")
    child = write(
        'extends = "parent.toml"\nname = "child"\n[distribution]\nlocal = "child"\n'
        '[[remove]]\nid = "docs"\npaths = ["/manual/"]\n'
        '[[remove]]\nid = "more"\npaths = ["*.txt"]\nreason = "plain text files"\n'
        'loses = "plain text files"\n',
        "child.toml",
    )
    loaded = load_recipe_file(child)
    recipe = loaded.recipe
    assert (recipe.name, recipe.summary) == ("child", "a recipe for tests")
    assert (recipe.distribution.name, recipe.distribution.local) == ("torch-mine", "child")
    assert [rule.id for rule in recipe.remove] == ["docs", "more"]
    assert recipe.remove[0].paths == ("/manual/",)
    assert recipe.remove[0].reason == "nobody reads them at run time"
    assert "extends" not in loaded.text, "the manifest's text needs no other file"


def test_a_recipe_that_extends_one_that_comes_along(write: Write) -> None:
    loaded = load_recipe(str(write('extends = "cpu"\nname = "mine"\n')))
    assert loaded.recipe.rules.keys() == load_recipe("cpu").recipe.rules.keys()


@pytest.mark.parametrize(
    ("parent", "problem"),
    [
        ('"mine.toml"', "end in itself"),
        ('"absent.toml"', "cannot be read: No such file"),
        ('"absent"', "no recipe is named 'absent'"),
        ('""', "no recipe is named"),
        ("7", "must name one recipe"),
    ],
)
def test_parents_that_cannot_be(write: Write, parent: str, problem: str) -> None:
    path = write(f"extends = {parent}\n" + MINIMAL)
    with pytest.raises(RecipeError, match=problem) as caught:
        load_recipe_file(path)
    assert caught.value.place == "extends"
    assert Path(caught.value.file or "").name == "mine.toml"
    assert caught.value.hint


def test_two_recipes_that_extend_each_other(write: Write) -> None:
    write('extends = "../mine.toml"\n', "other/b.toml")
    with pytest.raises(RecipeError, match="end in itself"):
        load_recipe_file(write('extends = "other/b.toml"\n' + MINIMAL))


def test_parents_lie_where_the_child_says(write: Write) -> None:
    write(MINIMAL + RULE, "base.toml")
    write('extends = "../base.toml"\n', "sub/middle.toml")
    child = write('extends = "sub/middle.toml"\nname = "child"\n', "child.toml")
    assert list(load_recipe_file(child).recipe.rules) == ["docs"]


@pytest.mark.parametrize(
    "rules",
    [
        '[[remove]]\nid = "docs"\npaths = ["/a/"]\n[[remove]]\nid = "docs"\npaths = ["/b/"]\n',
        RULE.replace("docs", "more") * 2,
        '[[remove]]\nid = ["docs"]\n',
        "[[remove]]\nid = {}\n",
        "remove = [7]\n",
    ],
)
def test_children_whose_rules_are_double_or_malformed(write: Write, rules: str) -> None:
    """None of them may be dropped in silence where a child is laid over its parent."""
    write(MINIMAL + RULE, "parent.toml")
    with pytest.raises(RecipeError) as caught:
        load_recipe_file(write('extends = "parent.toml"\n' + rules, "child.toml"))
    assert (caught.value.file or "").endswith("child.toml")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    for name in ("absent.toml", "binary.toml", "."):
        with pytest.raises(RecipeError, match="cannot be read"):
            load_recipe_file(tmp_path / name)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("/torch/include/", "torch/include/a/b.h", "other/torch/include/a.h"),
        ("*.a", "torch/lib/libx.a", "torch/lib/libx.al"),
        ("/torch/**/tests/", "torch/fx/passes/tests/a.py", "torch/testing/a.py"),
        ("/torch/bin/protoc-*", "torch/bin/protoc-3.13", "torch/bin/protoc"),
    ],
)
def test_patterns(pattern: str, yes: str, no: str) -> None:
    matches = Matcher((pattern,))
    assert matches(yes)
    assert not matches(no)
    assert not Matcher((pattern,), (pattern,))(yes)


@pytest.mark.parametrize(
    ("text", "size"),
    [("424 MB", 424_000_000), ("250 MiB", 262_144_000), ("1.5kB", 1500), (7, 7), ("12", 12)],
)
def test_sizes(text: str | int, size: int) -> None:
    assert parse_size(text) == size


def test_the_schema_names_every_key() -> None:
    properties = json_schema()["properties"]
    keys = {"schema", "name", "extends", "remove", "symbols", "rpath", "guard", "expect"}
    assert keys <= set(properties)


def test_the_schema_takes_what_the_loader_takes() -> None:
    """Editors complete and check recipes by it, so it must not be stricter."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for name in recipe_names():
        written = tomllib.loads((files("slimwheel.recipes") / f"{name}.toml").read_text("utf-8"))
        assert list(validator.iter_errors(written)) == []
    sizes = tomllib.loads(MINIMAL + '[expect]\nmax_installed = "424 MB"\nmax_wheel = 7\n')
    assert validator.is_valid(sizes)
    assert validator.is_valid({"extends": "cpu", "name": "mine"})
    assert not validator.is_valid({"name": "mine"})
    assert not validator.is_valid({**sizes, "nonsense": 1})


def test_versions_ignore_local_parts(write: Write) -> None:
    recipe = load_recipe_file(write(MINIMAL + RULE + 'versions = ">=2.13,<3"\n')).recipe
    assert recipe.remove[0].applies_to("2.13.0+cpu")
    assert recipe.remove[0].applies_to("2.14.0rc1")
    assert not recipe.remove[0].applies_to("2.12.1+cpu")


def test_a_rule_is_left_out_with_all_that_is_bound_to_it(write: Write) -> None:
    path = write('extends = "cpu"\nwithout = ["cuda"]\nname = "whole"\n')
    recipe, cpu = load_recipe_file(path).recipe, load_recipe("cpu").recipe
    assert (recipe.cuda, recipe.shadow, recipe.python, recipe.shim.forget) == (None, None, (), ())
    assert (recipe.requires.rule, recipe.requires.drop) == (None, ())
    assert recipe.requires.undeclared == cpu.requires.undeclared != ()
    assert [*recipe.rules] == [name for name in cpu.rules if name != "cuda"]
    assert recipe.guard == tuple(guard for guard in cpu.guard if guard.rule != "cuda") != ()
    assert recipe.guard != cpu.guard


def test_a_rule_that_is_not_there_cannot_be_left_out(write: Write) -> None:
    with pytest.raises(RecipeError, match="recipe cpu has no rule cudda to leave out"):
        load_recipe_file(write('extends = "cpu"\nwithout = ["cudda"]\n'))
    with pytest.raises(RecipeError, match="must be a list of rules"):
        load_recipe_file(write('extends = "cpu"\nwithout = "cuda"\n'))
