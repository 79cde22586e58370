"""What the page is given: the report, with names of members and kinds made short.

A wheel has 13,000 members, and the page is to open at once. The rows are, in this order:

    member  [name, kind, installed, download, parts, remainder]
    part    [name, kind, installed, download, left, rules]
    remainder  [installed, download, action, rules], null where nothing changes

`kind` is the place in `kinds`, rules are places in `rules`, `parts` is null of what has none, and
`left` is null where nothing changes, and `rules` where they are the member's.
"""

from collections.abc import Mapping
from typing import Any

from slimwheel.contents import Kind

_NUMBERS = {kind.value: number for number, kind in enumerate(Kind)}


def inspection_data(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the page's data about one wheel and what a recipe leaves of it."""
    remains = report["remains"]
    return {
        "wheels": [breakdown_data(report["wheel"], remains)],
        "recipe": remains["recipe"] if remains else None,
        "verdicts": report["limits"],
        "verdicts_with_recipe": report["limits_with_recipe"],
        "dependencies": report["dependencies"],
        "over_budget": report["over_budget"],
        "rules": remains["rules"] if remains else [],
    }


def breakdown_data(wheel: Mapping[str, Any], remains: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the page's data about one wheel's members."""
    rules = {
        rule["rule"]: number for number, rule in enumerate(remains["rules"] if remains else ())
    }
    left = remains["members"] if remains else {}
    members = [_member(member, left.get(member["name"]), rules) for member in wheel["members"]]
    added = [_member(member, None, rules) for member in remains["added"]] if remains else []
    return {
        "file": wheel["file"],
        "installed": wheel["installed"],
        "download": wheel["download"],
        "overhead": wheel["archive_overhead"],
        "left": {"installed": remains["installed"], "download": remains["download"]["bytes"]}
        if remains
        else None,
        "members": members,
        "added": added,
    }


def _member(
    member: Mapping[str, Any], left: Mapping[str, Any] | None, rules: Mapping[str, int]
) -> list[Any]:
    remainder = None
    parts_left: list[dict[str, Any]] | None = None
    if left is not None:
        numbers = [rules[rule] for rule in left["rules"] if rule in rules]
        remainder = [left["installed"], left["download"], left["action"], numbers]
        parts_left = left.get("parts")
    parts = None
    if "parts" in member:
        parts = [
            [
                f"{part['section']} {part['target'] or ''}".rstrip(),
                _NUMBERS[part["kind"]],
                part["installed"],
                part["download"],
                *(_part_left(parts_left[number], rules) if parts_left else (None, None)),
            ]
            for number, part in enumerate(member["parts"])
        ]
    kind = _NUMBERS[member["kind"]]
    return [member["name"], kind, member["installed"], member["download"], parts, remainder]


def _part_left(left: Mapping[str, Any], rules: Mapping[str, int]) -> tuple[int, list[int]]:
    return left["installed"], [rules[rule] for rule in left["rules"] if rule in rules]
