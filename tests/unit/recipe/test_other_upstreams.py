"""Recipes that extend one for another distribution."""

from pathlib import Path

import pytest

from slimwheel.errors import RecipeError
from slimwheel.recipe import Recipe, load_recipe, load_recipe_file, recipes_for
from slimwheel.recipe.inheritance import for_another_upstream

CHILD = """\
extends = "cpu"
schema = 1
name = "audio"
summary = "torchaudio for torch-cpu"
upstream = "torchaudio"
[distribution]
name = "torchaudio-cpu"
companion = "slim.cpu"
package = "torchaudio"
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "audio.toml"
    path.write_text(text)
    return path


def test_they_take_over_what_holds_for_any_wheel(tmp_path: Path) -> None:
    torch = load_recipe("cpu").recipe
    audio = load_recipe_file(write(tmp_path, CHILD)).recipe
    assert list(audio.rules) == ["cuda", "duplicates", "symbols", "leftovers", "needed", "rpath"]
    assert audio.cuda is not None
    assert audio.shadow is not None
    assert torch.cuda is not None
    assert torch.shadow is not None
    assert audio.cuda.family == torch.cuda.family
    assert audio.shadow.answer == torch.shadow.answer
    assert audio.requires.drop == torch.requires.drop
    assert (audio.refuse, audio.platforms) == (torch.refuse, torch.platforms)


def test_and_nothing_that_names_the_others_files(tmp_path: Path) -> None:
    audio = load_recipe_file(write(tmp_path, CHILD)).recipe
    assert audio.cuda is not None
    assert audio.shadow is not None
    assert (audio.cuda.keep, audio.cuda.drop, audio.shadow.export) == ((), (), ())
    assert (audio.remove, audio.python, audio.guard) == ((), (), ())
    assert (audio.unlisted, audio.misrecorded, audio.versions) == ((), (), "")
    assert audio.requires.undeclared == ()
    assert (audio.shim.forget, audio.shim.before, audio.shim.ergonomics) == ((), None, False)
    assert audio.expect.imports == ()
    assert audio.distribution.dev is None


def test_of_every_table_the_docs_say_whether_it_is_taken() -> None:
    page = (Path(__file__).parents[3] / "docs" / "recipes.md").read_text()
    section = page.partition("### For another distribution")[2].partition("```")[0]
    taken, _, left = section.partition("does not take")
    names = {field.alias or name for name, field in Recipe.model_fields.items()}
    names -= {"schema", "name", "summary", "upstream"}
    kept = for_another_upstream(dict.fromkeys(names, "anything"))
    assert {name for name in names if f"`{name}`" in taken} == set(kept)
    assert {name for name in names if f"`{name}`" in left} == names - set(kept)


def test_rules_of_the_extended_recipe_can_still_be_left_out(tmp_path: Path) -> None:
    text = CHILD.replace("schema = 1", 'schema = 1\nwithout = ["cuda", "headers"]')
    audio = load_recipe_file(write(tmp_path, text)).recipe
    assert list(audio.rules) == ["duplicates", "symbols", "leftovers", "needed", "rpath"]
    assert audio.requires.drop == ()


def test_those_of_torchvision() -> None:
    assert recipes_for("torchvision") == ["torchvision-cpu", "torchvision-gpu"]
    assert recipes_for("torch") == ["cpu", "gpu"]
    assert recipes_for("numpy") == []
    for name, torch in (("torchvision-cpu", "cpu"), ("torchvision-gpu", "gpu")):
        recipe = load_recipe(name).recipe
        assert recipe.requires.replace == {"torch": load_recipe(torch).recipe.distribution.name}
    gpu, torchs = (load_recipe(name).recipe.device_code for name in ("torchvision-gpu", "gpu"))
    assert gpu is not None
    assert torchs is not None
    assert (gpu.exceptions, gpu.presets) == (torchs.exceptions, torchs.presets)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[requires]\nreplace = { "a b" = "c" }\n', "requires.replace"),
        ('[shadow]\nlibrary = "../lib.so"\n', "shadow.library"),
        ('[expect]\nloads = ["../a.so"]\n', "expect.loads"),
        ('[shim]\nbefore = "nowhere"\n', "shim.before"),
        ('[[shadow.answer]]\nsymbols = ["a"]\nthrows = true\nreturns = 1\n', "shadow.answer"),
        ('[[shadow.answer]]\nsymbols = ["a"]\nthrows = false\n', "shadow.answer"),
    ],
)
def test_values_that_cannot_be(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe_file(write(tmp_path, CHILD + text))
    assert place in (caught.value.place or "")


def test_names_are_forgotten_somewhere(tmp_path: Path) -> None:
    text = CHILD + '[[shim.forget]]\nmodule = "a"\nrule = "cuda"\nnames = ["b"]\n'
    with pytest.raises(RecipeError, match=r"`shim.after`"):
        load_recipe_file(write(tmp_path, text))
