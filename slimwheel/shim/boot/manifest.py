"""The manifest of this build, that of the development wheel, and what they say of a rule."""

import json
import os
from typing import Any, Dict, List, Optional

from . import build
from .where import DEV_MANIFEST, HERE


def dev_manifest() -> Optional[Dict[str, Any]]:
    """The development wheel's manifest: None without one, empty if it cannot be read.

    Read anew each time, for the wheel may be installed while the program runs.
    """
    return _read(DEV_MANIFEST) if os.path.exists(DEV_MANIFEST) else None


def is_back(rule: str) -> bool:
    """Whether the development wheel has put back what a rule removed."""
    return rule in ((dev_manifest() or {}).get("rules") or ())


def paths(rule: str) -> List[str]:
    """Globs of what a rule removed, relative to the folder that holds the package."""
    return list(_removed(rule).get("paths", ()))


def loses(rule: str) -> str:
    """What is lost by a rule, in the recipe's words."""
    return str(_removed(rule).get("loses", ""))


def text(trouble: str, rule: str) -> str:
    """What someone reads who reached for a removed part.

    Args:
        trouble: what upstream would have said.
        rule: id of the rule that removed the part.
    """
    removed = _removed(rule)
    size = ": %d files, %.2f MB" % (removed["files"], removed["bytes"] / 1e6) if removed else ""
    lines = [
        trouble,
        "%s %s is a slim build of %s. Rule %r of its recipe %r removed this%s."
        % (build.DISTRIBUTION, build.VERSION, build.UPSTREAM, rule, build.RECIPE, size),
    ]
    if removed:
        lines += ["Why: " + removed["reason"], "Lost: " + removed["loses"]]
    if removed.get("dev") and build.DEV_REQUIREMENT:
        lines.append("To have it back: pip install " + build.DEV_REQUIREMENT)
    else:
        lines.append("To have it back, install upstream: " + back_to_upstream())
    return "\n".join(lines)


def back_to_upstream() -> str:
    """The commands that put upstream in the place of this build."""
    name = build.UPSTREAM.partition("==")[0]
    return "pip uninstall -y %s %s && pip install %s" % (build.DISTRIBUTION, name, build.UPSTREAM)


def _removed(rule: str) -> Dict[str, Any]:
    for removed in _read(os.path.join(HERE, "manifest.json")).get("removed", ()):
        if removed["rule"] == rule:
            return dict(removed)
    return {}


def _read(path: str) -> Dict[str, Any]:
    # A guard has something better to say than that the manifest is damaged.
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
