"""What a slim wheel says of how it was made: its manifest, and the recipe in it."""

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from slimwheel.errors import RecipeError, WheelError
from slimwheel.recipe import LoadedRecipe, parse_recipe
from slimwheel.shim.manifest import MANIFEST, SCHEMA, Manifest
from slimwheel.wheelfile.archive import Archive
from slimwheel.wheelfile.names import WheelName, escaped

_MANIFESTS = TypeAdapter(Manifest)
_SHA256 = re.compile("[0-9a-f]{64}")
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_VERSION = re.compile(r"[A-Za-z0-9.+!-]{1,64}")


@dataclass(frozen=True)
class Origin:
    """How a slim wheel was made, in its own words.

    Attributes:
        path: the wheel.
        member: where in it the manifest is.
        manifest: all that it says of itself.
        upstream: the name of the wheel that it was made from.
    """

    path: Path
    member: str
    manifest: Manifest
    upstream: WheelName

    @property
    def requirement(self) -> str:
        """What finds its upstream on an index, as `torch==2.13.0+cpu`."""
        upstream = self.manifest["upstream"]
        return f"{upstream['name']}=={upstream['version']}"

    @property
    def recipe(self) -> LoadedRecipe:
        """The recipe that it was made with; no file is read for it.

        Raises:
            RecipeError: it is not valid for this slimwheel.
        """
        used = self.manifest["recipe"]
        try:
            return parse_recipe(used["text"], f"{self.path.name}'s recipe {used['name']}")
        except RecipeError as error:
            error.hint = self.way_back
            raise

    @property
    def way_back(self) -> str:
        """What helps where this slimwheel does not understand the wheel."""
        return _way_back(self.manifest["tools"].get("slimwheel"))

    def differing(self) -> dict[str, str]:
        """Return the results in which it differs from its upstream on purpose: reasons by record.

        Raises:
            RecipeError: its recipe is not valid for this slimwheel.
        """
        return self.recipe.recipe.expect.differing(self.manifest["upstream"]["version"])


def origin_of(path: Path) -> Origin | None:
    """Read what a wheel says of how it was made; None for a wheel that is not slim.

    Raises:
        WheelError: the archive or its manifest is malformed, or of a schema that is not known.
    """
    with Archive.open(path) as archive:
        names = [name for name in archive.members if name.endswith(f"/{MANIFEST}")]
        if not names:
            return None
        if len(names) > 1:
            raise WheelError(f"has {len(names)} manifests", file=path, place=names[1])
        text = archive.read(archive.members[names[0]])
    try:
        manifest = _MANIFESTS.validate_json(text)
    except ValidationError as error:
        raise _explained(error, text, path, names[0]) from error
    upstream = WheelName.parse(manifest["upstream"]["filename"])
    if upstream is None:
        raise _no_manifest("upstream.filename: is no wheel's name", path, names[0])
    if problem := _implausible(manifest, upstream):
        raise _no_manifest(problem, path, names[0])
    return Origin(path, names[0], manifest, upstream)


def _implausible(manifest: Manifest, name: WheelName) -> str | None:
    """Return what of a manifest cannot be so. It ends in commands, file names and on terminals."""
    upstream = manifest["upstream"]
    if name.filename != upstream["filename"]:
        return "upstream.filename: is no wheel's name"
    if (name.distribution, name.version) != (escaped(upstream["name"]), upstream["version"]):
        return "upstream.filename: is of another wheel"
    if not _SHA256.fullmatch(upstream["sha256"]):
        return "upstream.sha256: is no hash"
    if not _NAME.fullmatch(manifest["recipe"]["name"]):
        return "recipe.name: is no recipe's name"
    for tool, version in manifest["tools"].items():
        if not (_NAME.fullmatch(tool) and _VERSION.fullmatch(version)):
            return "tools: are not names and versions"
    return None


def _explained(error: ValidationError, text: bytes, path: Path, member: str) -> WheelError:
    """Say what is wrong with a manifest; one of another schema has its own words."""
    said, maker = None, None
    with suppress(ValueError, TypeError, KeyError):
        loose = json.loads(text)
        said = loose["schema"]
        maker = loose["tools"]["slimwheel"]
    if isinstance(said, int) and said != SCHEMA:
        return WheelError(
            f"is a manifest of schema {said}; this slimwheel reads schema {SCHEMA}",
            file=path,
            place=member,
            hint=_way_back(maker),
        )
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return _no_manifest(f"{where}: {first['msg']}", path, member)


def _no_manifest(problem: str, path: Path, member: str) -> WheelError:
    return WheelError(
        f"is no manifest: {problem}",
        file=path,
        place=member,
        hint="Use the slimwheel that made the wheel, or build it again.",
    )


def _way_back(maker: object) -> str:
    named = isinstance(maker, str) and _VERSION.fullmatch(maker)
    which = f": slimwheel {maker}" if named else ""
    return f"Use the slimwheel that made the wheel{which}; or build it again with this one."
