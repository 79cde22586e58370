"""What a slim wheel says of how it was made: its manifest, and the recipe in it."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from slimwheel.errors import WheelError
from slimwheel.recipe import LoadedRecipe, parse_recipe
from slimwheel.shim.manifest import MANIFEST, Manifest
from slimwheel.wheelfile.wheel import Wheel

_MANIFESTS = TypeAdapter(Manifest)


@dataclass(frozen=True)
class Origin:
    """How a slim wheel was made, in its own words.

    Attributes:
        path: the wheel.
        manifest: all that it says of itself.
    """

    path: Path
    manifest: Manifest

    @property
    def recipe(self) -> LoadedRecipe:
        """The recipe that it was made with.

        Raises:
            RecipeError: it is not valid for this slimwheel.
        """
        used = self.manifest["recipe"]
        return parse_recipe(used["text"], f"{self.path.name}'s recipe {used['name']}")

    def differing(self) -> dict[str, str]:
        """Return the results in which it differs from its upstream on purpose: reasons by record.

        Raises:
            RecipeError: its recipe is not valid for this slimwheel.
        """
        return self.recipe.recipe.expect.differing(self.manifest["upstream"]["version"])


def origin_of(path: Path) -> Origin | None:
    """Read what a wheel says of how it was made; None for a wheel that is not slim.

    Raises:
        WheelError: the wheel or its manifest is malformed.
    """
    with Wheel.open(path) as wheel:
        names = [name for name in wheel.members if name.endswith(f"/{MANIFEST}")]
        if not names:
            return None
        if len(names) > 1:
            raise WheelError(f"has {len(names)} manifests", file=path, place=names[1])
        text = wheel.archive.read(wheel.members[names[0]])
    try:
        return Origin(path, _MANIFESTS.validate_json(text))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise WheelError(
            f"is no manifest: {where}: {first['msg']}",
            file=path,
            place=names[0],
            hint="Use the slimwheel that made the wheel, or build it again.",
        ) from error
