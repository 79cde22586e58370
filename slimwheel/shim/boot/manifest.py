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
    return _removed(_read(os.path.join(HERE, "manifest.json")), rule).get("paths") or []


def text(trouble: str, rule: str) -> str:
    """What someone reads who reached for a removed part.

    Args:
        trouble: what upstream would have said.
        rule: id of the rule that removed the part.
    """
    manifest = _read(os.path.join(HERE, "manifest.json"))
    removed = _removed(manifest, rule)
    upstream = "%s==%s" % (
        manifest.get("upstream", {}).get("name", build.PACKAGE),
        manifest.get("upstream", {}).get("version", build.VERSION.partition("+")[0]),
    )
    if removed.get("dev") and build.DEV_REQUIREMENT:
        way_back = "pip install " + build.DEV_REQUIREMENT
    else:
        way_back = "install upstream: pip uninstall -y %s %s && pip install %s" % (
            build.DISTRIBUTION,
            upstream.partition("==")[0],
            upstream,
        )
    lines = [
        trouble,
        "%s %s is a slim build of %s. Rule %r of its recipe %r removed this: %s files, %.1f MB."
        % (
            build.DISTRIBUTION,
            build.VERSION,
            upstream,
            rule,
            manifest.get("recipe", {}).get("name"),
            removed.get("files", "?"),
            removed.get("bytes", 0) / 1e6,
        ),
    ]
    if removed.get("reason"):
        lines.append("Why: " + removed["reason"])
    if removed.get("loses"):
        lines.append("Lost: " + removed["loses"])
    return "\n".join([*lines, "To have it back: " + way_back])


def _removed(manifest: Dict[str, Any], rule: str) -> Dict[str, Any]:
    for removed in manifest.get("removed", ()):
        if removed.get("rule") == rule:
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
