"""What a recipe is: its schema, how it is found and inherits, and how its patterns match.

A recipe is TOML. It says what goes, why, and what is lost by it; it decides nothing about a
particular wheel. That is `slimwheel.plan`'s work.
"""

from slimwheel.recipe.cuda import Answer, Cuda, Export, Family, Shadow
from slimwheel.recipe.device_code import DeviceCode
from slimwheel.recipe.json_schema import json_schema
from slimwheel.recipe.loading import (
    LoadedRecipe,
    load_recipe,
    load_recipe_file,
    parse_recipe,
    recipe_names,
    recipes_for,
)
from slimwheel.recipe.models import Rule
from slimwheel.recipe.schema import (
    ContentKind,
    Forget,
    Guard,
    Leftovers,
    PythonEdit,
    Recipe,
    Refusal,
    Removal,
    Requires,
    Symbols,
)

__all__ = [
    "Answer",
    "ContentKind",
    "Cuda",
    "DeviceCode",
    "Export",
    "Family",
    "Forget",
    "Guard",
    "Leftovers",
    "LoadedRecipe",
    "PythonEdit",
    "Recipe",
    "Refusal",
    "Removal",
    "Requires",
    "Rule",
    "Shadow",
    "Symbols",
    "json_schema",
    "load_recipe",
    "load_recipe_file",
    "parse_recipe",
    "recipe_names",
    "recipes_for",
]
