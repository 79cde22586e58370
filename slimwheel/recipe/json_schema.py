"""The JSON Schema of recipe files, for editors that complete and check."""

from typing import Any

from slimwheel.recipe.schema import Recipe

_PARTIAL = "Partial"


def json_schema() -> dict[str, Any]:
    """Return the schema. A recipe that extends another may leave out what that one has."""
    whole = Recipe.model_json_schema(by_alias=True)
    definitions = whole.pop("$defs")
    partial: dict[str, Any] = _partial(whole)
    partial["properties"]["extends"] = {
        "type": "string",
        "description": "a recipe, by name or path, that this one is laid over",
    }
    partial["properties"]["without"] = {
        "type": "array",
        "items": {"type": "string"},
        "description": "rules of that recipe that are left out, with all that is bound to them",
    }
    partial_definitions = {f"{name}{_PARTIAL}": _partial(d) for name, d in definitions.items()}
    # What extends nothing has to be whole as well.
    return partial | {
        "if": {"not": {"required": ["extends"]}},
        "then": whole,
        "$defs": definitions | partial_definitions,
    }


def _partial(schema: Any) -> Any:
    """Return a schema in which nothing is required, down to all that it refers to."""
    if isinstance(schema, list):
        return [_partial(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _partial(value) for key, value in schema.items() if not _is_required(key, value)}
    if isinstance(made.get("$ref"), str):
        made["$ref"] += _PARTIAL
    return made


def _is_required(key: str, value: Any) -> bool:
    """Tell the keyword from a property of that name."""
    return key == "required" and isinstance(value, list)
