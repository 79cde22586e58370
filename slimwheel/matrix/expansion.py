"""From a matrix to its entries: one for each wheel that is to be built."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from slimwheel.build.compression import Compression
from slimwheel.errors import MatrixError, RecipeError, UsageError
from slimwheel.fetch import IndexOptions
from slimwheel.matrix.schema import Build, Exclusion, Matrix
from slimwheel.plan import Switches, Targets, stated_devices
from slimwheel.recipe import LoadedRecipe, load_recipe


@dataclass(frozen=True)
class Entry:
    """One wheel to build.

    Attributes:
        upstream: a requirement.
        recipe: as `--recipe` takes it, from the working directory that the matrix was named in.
        loaded: the same, loaded.
        devices: as `--device` takes them; none where the recipe says them or needs none.
        index: where pip looks.
        build: what else is said of it.
    """

    upstream: str
    python: str
    platform: str
    recipe: str
    loaded: LoadedRecipe
    devices: tuple[str, ...]
    index: IndexOptions
    build: Build

    @property
    def name(self) -> str:
        """What tells it from the others: the same as long as the matrix says the same of it."""
        requirement = re.sub(r"\s*===?\s*", "-", self.upstream)
        parts = [
            _plain(requirement),
            "cp" + self.python.replace(".", ""),
            self.platform,
            self.loaded.recipe.name,
            *(_plain(device) for device in self.devices),
        ]
        parts += ["ptx"] if self.build.ptx else []
        parts += [part for part in (self.build.local, self.build.label) if part]
        if self.build.build_number is not None:
            parts.append(f"b{self.build.build_number}")
        return "-".join(parts)

    @property
    def targets(self) -> Targets:
        """The GPUs that it is for."""
        return Targets(self.devices, self.build.ptx)

    @property
    def switches(self) -> Switches:
        """Rules turned on and off."""
        return Switches(self.build.keep, self.build.drop)

    @property
    def words(self) -> list[str]:
        """What `slimwheel build` has to be told, but for the output directory."""
        build = self.build
        words = ["--recipe", self.recipe, "--python", self.python, "--platform", self.platform]
        words += self.index.words()
        for option, values in (
            ("--device", self.devices),
            ("--keep", build.keep),
            ("--drop", build.drop),
        ):
            words += [word for value in values for word in (option, value)]
        if build.ptx is not None:
            words.append("--ptx" if build.ptx else "--no-ptx")
        words += ["--dev"] if build.dev else []
        words += [] if build.compress is Compression.FAST else ["--compress", build.compress.value]
        for option, value in (
            ("--local", build.local),
            ("--build-number", build.build_number),
            ("--max-installed", build.max_installed),
            ("--max-wheel", build.max_wheel),
        ):
            words += [] if value is None else [option, str(value)]
        return [*words, self.upstream]

    @property
    def verify_words(self) -> list[str]:
        """What `slimwheel verify` and `slimwheel publish` have to be told of its wheels."""
        return [word for code in self.build.ignore for word in ("--ignore", code)]

    def to_json(self) -> dict[str, Any]:
        """Return the entry as JSON holds it; budgets only where there are some."""
        budgets = {
            "max_installed": self.build.max_installed,
            "max_wheel": self.build.max_wheel,
        }
        return {
            "name": self.name,
            "upstream": self.upstream,
            "python": self.python,
            "platform": self.platform,
            "recipe": self.recipe,
            "devices": list(self.devices),
            **{key: size for key, size in budgets.items() if size is not None},
            "words": self.words,
            "verify_words": self.verify_words,
        }


def expand(matrix: Matrix, path: Path) -> tuple[Entry, ...]:
    """Return all entries of a matrix, in its order.

    Args:
        path: its file: relative recipes and directories of wheels lie beside it.

    Raises:
        MatrixError: a recipe is unknown or does not fit, an exclusion excludes nothing, or two
            entries are the same.
    """
    entries: list[Entry] = []
    for number, build in enumerate(matrix.build):
        place = f"build[{build.label or number}]"
        unused = set(range(len(build.exclude)))
        for entry in _product(build, path, place):
            matching = {n for n, each in enumerate(build.exclude) if _excludes(each, entry)}
            unused -= matching
            if not matching:
                entries.append(entry)
        if unused:
            raise MatrixError(
                "excludes nothing", file=path, place=f"{place}.exclude[{min(unused)}]"
            )
    twice = [name for name, count in Counter(entry.name for entry in entries).items() if count > 1]
    if twice:
        raise MatrixError(
            f"{twice[0]} is there twice",
            file=path,
            hint="Leave one out, or tell the builds apart by label.",
        )
    return tuple(entries)


def _product(build: Build, path: Path, place: str) -> Iterator[Entry]:
    index = IndexOptions(
        index_url=build.index_url,
        extra_index_url=build.extra_index_url,
        find_links=tuple(_beside(path, link) for link in build.find_links),
    )
    recipes = {name: _recipe(name, path, place) for name in build.recipes}
    for upstream, python, platform, name, devices in product(
        build.upstreams, build.pythons, build.platforms, build.recipes, build.devices or ((),)
    ):
        words, loaded = recipes[name]
        entry = Entry(upstream, python, platform, words, loaded, devices, index, build)
        _check(entry, path, place)
        yield entry


def _recipe(name: str, path: Path, place: str) -> tuple[str, LoadedRecipe]:
    words = str(path.parent / name) if name.endswith(".toml") or "/" in name else name
    try:
        return words, load_recipe(words)
    except RecipeError as error:
        place = f"{place}.recipes"
        raise MatrixError(str(error), file=path, place=place, hint=error.hint) from error


def _beside(path: Path, link: str) -> str:
    return link if "://" in link else str(path.parent / link)


def _check(entry: Entry, path: Path, place: str) -> None:
    """What could be known before a build must not end one."""
    recipe = entry.loaded.recipe
    project = canonicalize_name(Requirement(entry.upstream).name)
    if project != recipe.upstream:
        raise MatrixError(
            f"recipe {recipe.name} is for {recipe.upstream}, not for {project}",
            file=path,
            place=f"{place}.recipes",
        )
    if unknown := sorted({*entry.build.keep, *entry.build.drop} - set(recipe.rules)):
        raise MatrixError(
            f"recipe {recipe.name} has no rule {', '.join(unknown)}",
            file=path,
            place=f"{place}.{'keep' if unknown[0] in entry.build.keep else 'drop'}",
            hint=f"It has {', '.join(recipe.rules)}.",
        )
    if recipe.device_code is None and not entry.devices and entry.build.ptx is None:
        return
    try:
        stated_devices(recipe, entry.targets)
    except UsageError as error:
        where = f"{place}.devices"
        raise MatrixError(str(error), file=path, place=where, hint=error.hint) from error


def _excludes(exclusion: Exclusion, entry: Entry) -> bool:
    """Whether all that an exclusion says is so of an entry."""
    said = exclusion.model_dump(exclude_unset=True)
    # A recipe by path is named as the file names it, not as the command line will.
    if "recipe" in said and entry.recipe.endswith(f"/{said['recipe']}"):
        said["recipe"] = entry.recipe
    return all(getattr(entry, key) == value for key, value in said.items())


def _plain(text: str) -> str:
    """Return a text with what any file system, make and CI take in a name."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "_", text).strip("_")
