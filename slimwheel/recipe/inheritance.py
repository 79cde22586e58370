"""Leaving a rule of an extended recipe out, with all that is bound to it."""

from typing import Any

# Tables that are single rules, by the id that each has where it gives none; with these others go.
_GO_ALONG = {"cuda": ("shadow",)}


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
