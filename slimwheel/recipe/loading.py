"""Finding recipes by name or path, resolving `extends`, and turning every fault into one error."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import tomli_w
from pydantic import ValidationError

from slimwheel.errors import RecipeError
from slimwheel.recipe.faults import explained
from slimwheel.recipe.inheritance import for_another_upstream, without_rule
from slimwheel.recipe.schema import Recipe

_RECIPES = "slimwheel.recipes"
_MAX_DEPTH = 8


class LoadedRecipe(NamedTuple):
    """A recipe with where it came from and its text: complete, also where it extends another."""

    recipe: Recipe
    origin: str
    text: str


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with slimwheel."""
    entries = (entry.name for entry in files(_RECIPES).iterdir())
    return sorted(name.removesuffix(".toml") for name in entries if name.endswith(".toml"))


def recipes_for(upstream: str) -> list[str]:
    """Return the names of the recipes that come with slimwheel for a distribution."""
    return [name for name in recipe_names() if load_recipe(name).recipe.upstream == upstream]


def load_recipe(name_or_path: str) -> LoadedRecipe:
    """Load a recipe by its name, or from a file when the text ends in `.toml` or has a slash.

    Raises:
        RecipeError: unknown, unreadable or invalid.
    """
    if name_or_path.endswith(".toml") or "/" in name_or_path:
        return load_recipe_file(Path(name_or_path))
    if name_or_path not in recipe_names():
        raise RecipeError(
            f"no recipe is named {name_or_path!r}",
            hint=f"There are {', '.join(recipe_names())}; or give the path of a .toml file.",
        )
    text = (files(_RECIPES) / f"{name_or_path}.toml").read_text("utf-8")
    return _build(text, origin=name_or_path, base=None)


def load_recipe_file(path: Path) -> LoadedRecipe:
    """Load a recipe from a file.

    Raises:
        RecipeError: unreadable or invalid; the message names the key.
    """
    return _build(_read(path), origin=str(path), base=path.parent)


def parse_recipe(text: str, origin: str) -> LoadedRecipe:
    """Load a complete recipe from its text. No file is read, whatever the text says.

    Args:
        origin: what errors call it.

    Raises:
        RecipeError: invalid, or not complete; the message names the key.
    """
    if "extends" in _parse(text, origin):
        raise RecipeError(
            "stands in a text that should be complete, as `slimwheel recipe show` prints it",
            file=origin,
            place="extends",
            hint="Resolve it first; what a recipe extends may be any file.",
        )
    return _build(text, origin=origin, base=None)


def _build(text: str, *, origin: str, base: Path | None) -> LoadedRecipe:
    written = _parse(text, origin)
    extends = "extends" in written
    data = _resolve(written, origin=origin, base=base, depth=0)
    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:
        raise explained(
            error,
            data,
            file=origin,
            holders="recipes",
            hint="`slimwheel recipe schema` prints what recipes may hold.",
            kind=RecipeError,
        ) from error
    return LoadedRecipe(recipe, origin, tomli_w.dumps(data) if extends else text)


def _parse(text: str, origin: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"is not TOML: {error}", file=origin, hint="Mend that line.") from error


def _resolve(data: dict[str, Any], *, origin: str, base: Path | None, depth: int) -> dict[str, Any]:
    """Lay a recipe over what it extends."""
    parent_name = data.pop("extends", None)
    if parent_name is None:
        return data
    if not isinstance(parent_name, str) or depth == _MAX_DEPTH:
        raise RecipeError(
            "must name one recipe, and no chain of recipes may end in itself",
            file=origin,
            place="extends",
            hint="Name a recipe that comes with slimwheel, or the path of a .toml file.",
        )
    parent_text, parent_base = _parent(parent_name, origin=origin, base=base)
    parent = _resolve(
        _parse(parent_text, parent_name), origin=parent_name, base=parent_base, depth=depth + 1
    )
    for rule in _left_out(data, origin):
        reduced = without_rule(parent, rule)
        if reduced == parent:
            message = f"recipe {parent_name} has no rule {rule} to leave out"
            raise RecipeError(message, file=origin, place="without")
        parent = reduced
    if data.get("upstream", parent.get("upstream")) != parent.get("upstream"):
        parent = for_another_upstream(parent)
    return _merged(parent, data)


def _left_out(data: dict[str, Any], origin: str) -> list[str]:
    rules = data.pop("without", [])
    if not isinstance(rules, list) or not all(isinstance(rule, str) for rule in rules):
        raise RecipeError("must be a list of rules", file=origin, place="without")
    return rules


def _parent(name: str, *, origin: str, base: Path | None) -> tuple[str, Path | None]:
    """Return the text of an extended recipe, and where its own relative paths start."""
    try:
        if name.endswith(".toml") or "/" in name:
            path = (base or Path()) / name
            return _read(path), path.parent
        return load_recipe(name).text, None
    except RecipeError as error:
        raise RecipeError(str(error), file=origin, place="extends", hint=error.hint) from error


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise RecipeError(
            f"cannot be read: {reason}", file=path, hint="Name a TOML file in UTF-8."
        ) from error


def _merged(parent: dict[str, Any], child: dict[str, Any]) -> dict[str, Any]:
    """Tables merge key by key; lists of rules by id, others one behind the other."""
    merged = dict(parent)
    for key, value in child.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merged[key] = _merged(old, value)
        elif isinstance(old, list) and isinstance(value, list):
            merged[key] = _merged_list(old, value)
        else:
            merged[key] = value
    return merged


def _merged_list(parent: list[Any], child: list[Any]) -> list[Any]:
    if not all(isinstance(item, dict) for item in (*parent, *child)):
        return child
    ids = [item["id"] for item in child if "id" in item]
    if any(ids.count(name) > 1 for name in ids):
        return [*parent, *child]  # which the schema refuses, naming what stands twice
    merged = []
    for item in parent:
        own = (other for other in child if "id" in other and other["id"] == item.get("id"))
        merged.append(_merged(item, next(own, {})))
    known = [item.get("id") for item in parent]
    return merged + [item for item in child if "id" not in item or item["id"] not in known]
