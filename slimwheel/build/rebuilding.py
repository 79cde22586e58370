"""A slim wheel made again from what it says of itself, and held against it.

What it says is data that somebody gave away: nothing of it is run, and it names no file that is
read but upstream's wheel, whose hash it has to state.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slimwheel import __version__
from slimwheel.build.compression import Compression
from slimwheel.build.origin import Origin, origin_of
from slimwheel.build.pipeline import (
    BuildOptions,
    BuildReport,
    Progress,
    build_wheel,
)
from slimwheel.build.recorded import RecordedOptions
from slimwheel.build.workspace import workspace
from slimwheel.errors import OutputExists, SlimwheelError, WheelError
from slimwheel.files import file_sha256
from slimwheel.recipe import LoadedRecipe, load_recipe, recipe_names
from slimwheel.wheelfile.comparison import ArchiveDifference, compare_archives
from slimwheel.wheelfile.names import WheelName


@dataclass(frozen=True)
class ToolDifference:
    """A tool whose versions differ: where the wheel was made, and here; None where it is none."""

    name: str
    there: str | None
    here: str | None

    def __str__(self) -> str:
        return f"{self.name} {self.there or 'unknown'} there, {self.here or 'unused'} here"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {"name": self.name, "there": self.there, "here": self.here}


@dataclass(frozen=True)
class Rebuilt:
    """A slim wheel made again.

    Attributes:
        origin: the wheel in question.
        sha256: its hash, in hex.
        report: the build; after a check its files are gone.
        tools: versions by name, of what had a hand in the bytes here.
        environment: the tools that differ.
        own_recipe: whether its recipe is not one that comes with this slimwheel.
        difference: how the two differ, None where they were not compared or are the same.
    """

    origin: Origin
    sha256: str
    report: BuildReport
    tools: Mapping[str, str]
    environment: tuple[ToolDifference, ...]
    own_recipe: bool
    difference: ArchiveDifference | None = None

    @property
    def same(self) -> bool:
        """Whether both have the same bytes."""
        return self.sha256 == self.report.slim.sha256

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        manifest = self.origin.manifest
        return {
            "schema": 1,
            "wheel": {"path": str(self.origin.path), "sha256": self.sha256},
            "rebuilt": {"sha256": self.report.slim.sha256, "filename": self.report.slim.filename},
            "same": self.same,
            "upstream": manifest["upstream"],
            "recipe": {"name": manifest["recipe"]["name"], "own": self.own_recipe},
            "tools": {"there": manifest["tools"], "here": self.tools},
            "environment": [tool.to_json() for tool in self.environment],
            "difference": self.difference.to_json() if self.difference else None,
        }


def slim_origin(path: Path) -> Origin:
    """Read what a slim wheel says of how it was made, and whether that can be done again here.

    Raises:
        WheelError: it is malformed, not slim, or has options that this slimwheel does not know.
        RecipeError: its recipe is not valid for this slimwheel.
    """
    origin = origin_of(path)
    if origin is None:
        raise WheelError(
            "is not slim: it has no manifest of slimwheel",
            file=path,
            hint="Name a slim wheel; its companion and its dev wheel say nothing of their making.",
        )
    # Now, and not when half a gigabyte has been fetched.
    _recipe(origin)
    _recorded(origin)
    return origin


def rebuild(
    origin: Origin,
    upstream: Path,
    output_dir: Path,
    *,
    force: bool = False,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Rebuilt:
    """Make a slim wheel and its companion again; they are not imported.

    Args:
        origin: what the wheel says of itself.
        upstream: the wheel that it was made from, under whatever name; only read.
        output_dir: where the result goes; made when it is not there.
        force: replace outputs that differ.
        progress: told how far it is.

    Raises:
        WheelError: `upstream` is another file than the manifest names, or the manifest has what
            this slimwheel does not know.
        RecipeError: the recipe is not valid for this slimwheel.
        SlimwheelError: as `build_wheel`.
    """
    recipe = _recipe(origin)
    options = _build_options(origin, output_dir, force=force)
    _check_upstream(origin, upstream)
    with _named(upstream, origin.manifest["upstream"]["filename"]) as named:
        try:
            known = origin.manifest["upstream"]["sha256"]
            report = build_wheel(named, recipe, options, sha256=known, progress=progress)
        except OutputExists as error:
            error.hint = "Replace it with --force, or choose another --output-dir."
            raise
        except SlimwheelError as error:
            maker = origin.manifest["tools"].get("slimwheel")
            if maker != __version__:
                error.hint = f"{error.hint} slimwheel {maker} made it; this is {__version__}."
            raise
    again = slim_origin(report.slim.path).manifest
    there, here = _environment(origin.manifest), _environment(again)
    differing = (
        ToolDifference(name, there.get(name), here.get(name))
        for name in sorted({*there, *here})
        if there.get(name) != here.get(name)
    )
    return Rebuilt(
        origin=origin,
        sha256=file_sha256(origin.path),
        report=report,
        tools=again["tools"],
        environment=tuple(differing),
        own_recipe=not _comes_with_slimwheel(recipe.text),
    )


def check(
    origin: Origin,
    upstream: Path,
    *,
    work_dir: Path | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Rebuilt:
    """Make a slim wheel again, tell how the result differs from it, and remove the result.

    Args:
        origin: what the wheel says of itself.
        upstream: the wheel that it was made from; only read.
        work_dir: where there is room for it; None for the system's temporary directory.
        progress: told how far it is.

    Raises:
        SlimwheelError: as `rebuild`.
    """
    with _workplace(work_dir) as directory:
        rebuilt = rebuild(origin, upstream, directory, progress=progress)
        if rebuilt.same:
            return rebuilt
        difference = compare_archives(origin.path, rebuilt.report.slim.path)
    return replace(rebuilt, difference=difference)


def _recipe(origin: Origin) -> LoadedRecipe:
    """Return a recipe that names no GPUs: the manifest does, by number, and asks no machine."""
    loaded = origin.recipe
    code = loaded.recipe.device_code
    if code is None:
        return loaded
    numbers_only = code.model_copy(update={"devices": (), "presets": {}})
    recipe = loaded.recipe.model_copy(update={"device_code": numbers_only})
    return LoadedRecipe(recipe, loaded.origin, loaded.text)


def _recorded(origin: Origin) -> RecordedOptions:
    try:
        return RecordedOptions.read(origin.manifest["options"])
    except ValueError as error:
        raise WheelError(
            f"options.{error}", file=origin.path, place=origin.member, hint=origin.way_back
        ) from error


def _build_options(origin: Origin, output_dir: Path, *, force: bool) -> BuildOptions:
    recorded = _recorded(origin)
    name = WheelName.parse(origin.path.name)
    build = name.build if name else None
    return BuildOptions(
        output_dir=output_dir,
        switches=recorded.switched,
        targets=recorded.targets,
        local=recorded.local,
        # It is in the file's name alone, which whoever has the file may have changed.
        build_number=int(build) if build and build.isdecimal() else None,
        force=force,
        timestamp=recorded.source_date_epoch,
        # Words of another slimwheel's are told as what differs in the environment.
        compression=Compression.said(recorded.compression) or Compression.FAST,
    )


def _check_upstream(origin: Origin, upstream: Path) -> None:
    expected = origin.manifest["upstream"]
    found = file_sha256(upstream)
    if found != expected["sha256"]:
        raise WheelError(
            f"is not the wheel that {origin.path.name} was made from: its sha256 is {found}, "
            f"the manifest says {expected['sha256']}",
            file=upstream,
            hint=f"Give the right {expected['filename']} with --upstream.",
        )


@contextmanager
def _named(path: Path, filename: str) -> Iterator[Path]:
    """Give a wheel the name that it was built under: the result's name comes from it."""
    if path.name == filename:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="slimwheel-upstream-") as directory:
        link = Path(directory, filename)
        link.symlink_to(path.resolve())
        yield link


@contextmanager
def _workplace(work_dir: Path | None) -> Iterator[Path]:
    if work_dir is not None:
        with workspace(work_dir) as directory:
            yield directory / "rebuilt"  # The directory itself is locked, as a build would do.
        return
    with tempfile.TemporaryDirectory(prefix="slimwheel-rebuild-") as temporary:
        yield Path(temporary)


def _environment(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return what had a hand in a wheel's bytes, and how it compressed."""
    return {**manifest["tools"], "compression": manifest["options"]["compression"]}


def _comes_with_slimwheel(text: str) -> bool:
    return any(load_recipe(name).text == text for name in recipe_names())
