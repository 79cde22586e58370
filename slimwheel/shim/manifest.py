"""The manifest of a slim wheel, as written to `<package>/_slimwheel/manifest.json`."""

import json
from collections.abc import Mapping
from typing import Any, Literal

# pydantic, which checks what is read back, cannot use that of typing before Python 3.12.
from typing_extensions import TypedDict

SCHEMA: Literal[1] = 1
MANIFEST = "_slimwheel/manifest.json"  # in the package


class Upstream(TypedDict):
    """The wheel that this one was made from."""

    name: str
    version: str
    filename: str
    sha256: str


class UsedRecipe(TypedDict):
    """The recipe, resolved, as the text that would make this wheel again."""

    name: str
    text: str


class Dev(TypedDict):
    """The development wheel that puts back what rules with `dev` removed."""

    distribution: str
    requirement: str


class Removed(TypedDict):
    """What one rule removed, in the words of the recipe.

    `paths` are member names or globs (`*` also matches `/`) of what is gone: path guards answer
    for those files and no others; the first one names what is missing where a call guard speaks.
    `modules` are dotted names of Python modules; a package stands for all that was in it.
    """

    rule: str
    files: int
    bytes: int
    reason: str
    loses: str
    dev: bool
    modules: list[str]
    paths: list[str]


class CallGuard(TypedDict):
    """Calling `target`, as `package.module:function` or `package.module:Class.method`, raises."""

    kind: Literal["call"]
    target: str
    rule: str


class PathGuard(TypedDict):
    """Calling `target` with a removed file as its parameter `argument` raises."""

    kind: Literal["path"]
    target: str
    argument: str
    rule: str


Guard = CallGuard | PathGuard

# What goes from an extension module when the package is imported: attributes that match a glob of
# `names` and none of `except`. Attributes in `set` get new values where they are there.
Forget = TypedDict(
    "Forget",
    {
        "module": str,
        "rule": str,
        "names": list[str],
        "except": list[str],
        "set": Mapping[str, bool | int | str],
    },
)


class DeviceCode(TypedDict):
    """Which GPUs a build has device code for, where it does not have all of upstream's.

    Compute capabilities are as in "8.0" and ascend by number.
    """

    rule: str
    devices: list[str]  # those that the build was made for
    ptx: bool  # PTX was kept, for devices to come
    architectures: list[str]  # of the images that stayed: "sm_80", "sm_90a", "compute_70"
    # All those, asked for or not, for which the build has code wherever upstream's has some.
    served: list[str]


class Manifest(TypedDict):
    """What a slim wheel is and how it was made."""

    schema: Literal[1]
    distribution: str
    version: str
    upstream: Upstream
    recipe: UsedRecipe
    options: Mapping[str, Any]
    tools: Mapping[str, str]
    companion: str | None
    dev: Dev | None
    removed: list[Removed]
    guards: list[Guard]
    environment: Mapping[str, str]
    forget: list[Forget]
    device_code: DeviceCode | None


class DevManifest(TypedDict):
    """What a development wheel puts back: `<package>/_slimwheel_dev/manifest.json`."""

    schema: Literal[1]
    distribution: str
    version: str
    upstream_sha256: str
    rules: list[str]


def dev_manifest(manifest: Manifest) -> DevManifest:
    """The manifest of the development wheel that belongs to a slim wheel.

    Raises:
        ValueError: the slim wheel has none.
    """
    if manifest["dev"] is None:
        raise ValueError(f"{manifest['distribution']} has no development wheel")
    return {
        "schema": SCHEMA,
        "distribution": manifest["dev"]["distribution"],
        "version": manifest["version"],
        "upstream_sha256": manifest["upstream"]["sha256"],
        "rules": sorted(removed["rule"] for removed in manifest["removed"] if removed["dev"]),
    }


def dumps(manifest: Manifest | DevManifest) -> bytes:
    """The manifest as JSON: keys sorted, LF, the same bytes for the same content."""
    return (json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
