"""What `inspect` found, as `--json` prints it and as the page reads it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from slimwheel.contents import (
    Breakdown,
    Excess,
    Remains,
    Tally,
    Verdict,
    by_directory,
    by_kind,
    by_section,
    by_target,
)


def inspection(
    breakdown: Breakdown,
    remains: Remains | None,
    verdicts: Iterable[Verdict],
    after: Iterable[Verdict],
    missing: Sequence[str],
    counted: Sequence[str],
    excesses: Iterable[Excess],
) -> dict[str, Any]:
    """Return everything that is known of a wheel.

    Args:
        verdicts: on the wheel as it is.
        after: on what the recipe leaves of it; none without a recipe.
        missing: distributions that are required, and whose bytes no verdict counts.
        counted: wheels whose bytes are counted besides.
    """
    members = breakdown.members
    return {
        "schema": 1,
        "wheel": breakdown.to_json(),
        "kinds": _table(by_kind(members)),
        "device_code": _table(by_target(members)),
        "directories": _table(by_directory(members)),
        "sections": _table(by_section(members)),
        "limits": [verdict.to_json() for verdict in verdicts],
        "limits_with_recipe": [verdict.to_json() for verdict in after],
        "dependencies": {"counted": list(counted), "not_counted": list(missing)},
        "over_budget": [excess.to_json() for excess in excesses],
        "remains": remains.to_json() if remains else None,
    }


def _table(tallies: Mapping[Any, Tally]) -> dict[str, Any]:
    return {str(name): tally._asdict() for name, tally in tallies.items()}
