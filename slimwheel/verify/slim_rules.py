"""What a slim wheel says of itself, held against what it is."""

import fnmatch
import json
import re
from collections.abc import Iterator
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from slimwheel.errors import WheelError
from slimwheel.verify.findings import Code, Finding
from slimwheel.wheelfile.wheel import Wheel

_MANIFEST = "/_slimwheel/manifest.json"


def check_slim(wheel: Wheel) -> Iterator[Finding]:
    """Yield where a slim wheel is not what its manifest says; nothing for any other wheel."""
    for name in wheel.members:
        if name.endswith(_MANIFEST):
            yield from _check_manifest(wheel, name)


def _check_manifest(wheel: Wheel, name: str) -> Iterator[Finding]:
    try:
        manifest: dict[str, Any] = json.loads(wheel.archive.read(wheel.members[name]))
        stated = canonicalize_name(manifest["distribution"]), manifest["version"]
        gone = [path for rule in manifest["removed"] for path in rule["paths"]]
        companion = manifest["companion"]
    except (WheelError, ValueError, KeyError, TypeError) as error:
        yield Finding(Code.MANIFEST, f"is no manifest: {type(error).__name__} {error}", name)
        return
    if stated != (wheel.project, wheel.version):
        message = f"is of {stated[0]} {stated[1]}; METADATA says {wheel.project} {wheel.version}"
        yield Finding(Code.MANIFEST, message, name)
    plain = {path for path in gone if "*" not in path}
    globs = "|".join(fnmatch.translate(path) for path in gone if "*" in path)
    # As one expression, for members are many; without patterns one that matches nothing.
    matches = re.compile(globs or r"(?!)").match
    for member in wheel.members:
        if member in plain or matches(member):
            yield Finding(
                Code.NOT_GONE, "is in the wheel; its manifest says that it is gone", member
            )
    if companion and not _requires(wheel, companion):
        message = f"does not require its companion, {companion}"
        yield Finding(Code.COMPANION, message, subject=companion)


def _requires(wheel: Wheel, wanted: str) -> bool:
    """Tell whether METADATA has a requirement, however it is spelled."""
    for text in wheel.metadata.get_all("Requires-Dist"):
        try:
            if Requirement(text) == Requirement(wanted):
                return True
        except InvalidRequirement:
            continue
    return False
