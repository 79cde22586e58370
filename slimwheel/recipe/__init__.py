"""What a recipe is: its schema, how it is found and inherits, and how its patterns match.

A recipe is TOML. It says what goes, why, and what is lost by it; it decides nothing about a
particular wheel. That is `slimwheel.plan`'s work.
"""

from slimwheel.recipe.loading import (
    LoadedRecipe,
    json_schema,
    load_recipe,
    load_recipe_file,
    recipe_names,
)
from slimwheel.recipe.schema import (
    ContentKind,
    Guard,
    PythonEdit,
    Recipe,
    Refusal,
    Removal,
    Requires,
    Rule,
)

__all__ = [
    "ContentKind",
    "Guard",
    "LoadedRecipe",
    "PythonEdit",
    "Recipe",
    "Refusal",
    "Removal",
    "Requires",
    "Rule",
    "json_schema",
    "load_recipe",
    "load_recipe_file",
    "recipe_names",
]
