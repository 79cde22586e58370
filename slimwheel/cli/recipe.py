"""`slimwheel recipe`: what recipes there are, and whether one is valid."""

import json
from pathlib import Path

import click


@click.group("recipe")
def command() -> None:
    """List, show and check recipes."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_recipes(as_json: bool) -> None:
    """List the recipes that come with slimwheel."""
    from slimwheel.recipe import load_recipe, recipe_names

    recipes = [load_recipe(name).recipe for name in recipe_names()]
    if as_json:
        rows = [{"name": r.name, "upstream": r.upstream, "summary": r.summary} for r in recipes]
        click.echo(json.dumps(rows, indent=1))
        return
    width = max(len(recipe.name) for recipe in recipes)
    for recipe in recipes:
        click.echo(f"{recipe.name:{width}}  {recipe.upstream}: {recipe.summary}")


@command.command("show")
@click.argument("name", metavar="NAME|FILE")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON, defaults filled in.")
def show(name: str, as_json: bool) -> None:
    """Print a recipe, complete also where it extends another."""
    from slimwheel.recipe import load_recipe

    loaded = load_recipe(name)
    if as_json:
        click.echo(loaded.recipe.model_dump_json(by_alias=True, indent=1))
    else:
        click.echo(loaded.text.rstrip("\n"))


@command.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def check(file: Path, as_json: bool) -> None:
    """Check a recipe file; exit with 2 where it is not valid."""
    from slimwheel.recipe import load_recipe_file

    recipe = load_recipe_file(file).recipe
    if as_json:
        click.echo(json.dumps({"file": str(file), "name": recipe.name, "rules": [*recipe.rules]}))
    else:
        click.echo(f"{file}: recipe {recipe.name} is valid, {len(recipe.rules)} rules")


@command.command("schema")
def schema() -> None:
    """Print the JSON Schema of recipe files, for editors."""
    from slimwheel.recipe import json_schema

    click.echo(json.dumps(json_schema(), indent=1))
