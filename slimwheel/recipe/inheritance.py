"""What a recipe takes over of one that it extends: not rules that it leaves out, with all that is
bound to them, and for another distribution only what holds for any wheel.
"""

from typing import Any

# Tables that are single rules, by the id that each has where it gives none; with these others go.
_GO_ALONG = {"cuda": ("shadow",)}
# What a recipe says of wheels whoever made them, not of one distribution's own files and names;
# by table the keys of which that is not true.
_OF_ANY_WHEEL: dict[str, tuple[str, ...]] = {
    "schema": (),
    "platforms": (),
    "cuda": ("keep", "drop"),
    "shadow": ("export",),
    "device-code": (),
    "duplicates": (),
    "symbols": (),
    "leftovers": (),
    "needed": (),
    "rpath": (),
    "requires": ("replace", "add", "undeclared"),
    "refuse": (),
}


def without_rule(recipe: dict[str, Any], rule: str) -> dict[str, Any]:
    """Return a recipe, as TOML has it, without a rule.

    Edits, guards and names to forget that the rule is for go too; of `requires` what depends on
    it: what is dropped. A rule that the recipe does not have leaves it as it is.
    """
    gone = {key for key, value in recipe.items() if _is_rule(key, value, rule)}
    gone |= {other for key in gone for other in _GO_ALONG.get(key, ())}
    kept = {key: _without(value, rule) for key, value in recipe.items() if key not in gone}
    requires = kept.get("requires")
    if isinstance(requires, dict) and requires.get("rule") == rule:
        kept["requires"] = {k: v for k, v in requires.items() if k not in ("rule", "drop")}
    return kept


def for_another_upstream(recipe: dict[str, Any]) -> dict[str, Any]:
    """Return what of a recipe, as TOML has it, can serve another distribution as well."""
    kept = {key: value for key, value in recipe.items() if key in _OF_ANY_WHEEL}
    return {
        key: {k: v for k, v in value.items() if k not in _OF_ANY_WHEEL[key]}
        if isinstance(value, dict)
        else value
        for key, value in kept.items()
    }


def _is_rule(key: str, value: Any, rule: str) -> bool:
    return isinstance(value, dict) and "reason" in value and value.get("id", key) == rule


def _without(value: Any, rule: str) -> Any:
    if isinstance(value, list):
        return [item for item in value if not _is_bound(item, rule)]
    if isinstance(value, dict):
        return {key: _without(item, rule) for key, item in value.items()}
    return value


def _is_bound(item: Any, rule: str) -> bool:
    return isinstance(item, dict) and rule in (item.get("id"), item.get("rule"))
