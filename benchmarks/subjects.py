"""What is measured: subjects.toml, and what the command line says instead."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from slimwheel.errors import UsageError
from slimwheel.fetch import IndexOptions, fetch

_DATA = Path(__file__).with_name("subjects.toml")
PARTS = ("builds", "installs", "imports", "pruning")


@dataclass(frozen=True)
class Variant:
    """A way to slim a wheel, and what is promised of the result.

    Attributes:
        recipe: by name, or a path.
        devices: the GPUs that it is for, where the recipe asks for some.
        parts: what is measured besides sizes. There is only pruning where device code goes.
        why: why it is not everything, a sentence.
        limits: what is promised.
    """

    recipe: str
    devices: tuple[str, ...] = ()
    parts: tuple[str, ...] = PARTS
    why: str = ""
    limits: Mapping[str, float] = field(default_factory=dict)

    @property
    def options(self) -> tuple[str, ...]:
        """The variant as slimwheel's command line takes it."""
        devices = (word for device in self.devices for word in ("--device", device))
        return ("--recipe", self.recipe, *devices)

    def file_name(self, release: str) -> str:
        """Return the name of the results of a release, such as gpu-2.14.1-sm80-sm90."""
        devices = (
            f"sm{device.replace('.', '')}" if device[0].isdigit() else device
            for device in self.devices
        )
        return "-".join((Path(self.recipe).stem, release, *devices))


@dataclass(frozen=True)
class Subject:
    """An upstream wheel, by requirement, and how it is slimmed.

    Attributes:
        upstream: a requirement, or a path.
        python: the wheel's, such as 3.11.
        platform: the wheel's tag.
        extra_index_url: where pip looks besides.
        variants: at least one.
    """

    upstream: str
    python: str
    platform: str
    extra_index_url: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The wheel as slimwheel's command line takes it; it has to be in the cache."""
        indexes = (word for url in self.extra_index_url for word in ("--extra-index-url", url))
        target = ("--python", self.python, "--platform", self.platform)
        return (self.upstream, *target, *indexes, "--no-network")

    def fetched(self) -> Path:
        """Return the wheel, from the cache where it is there.

        Raises:
            SlimwheelError: it cannot be had.
        """
        index = IndexOptions(extra_index_url=self.extra_index_url)
        return fetch(self.upstream, python=self.python, platform=self.platform, index=index).path


def known_subjects() -> list[Subject]:
    """Return what subjects.toml lists."""
    subjects = []
    for entry in tomllib.loads(_DATA.read_text("utf-8"))["subject"]:
        variants = tuple(_variant(listed) for listed in entry.pop("variant"))
        subjects.append(Subject(**entry, variants=variants))
    return subjects


def _variant(listed: dict[str, Any]) -> Variant:
    lists = {name: tuple(value) for name, value in listed.items() if isinstance(value, list)}
    return Variant(**{**listed, **lists})


def chosen_subjects(
    upstream: str | None,
    python: str | None = None,
    platform: str | None = None,
    extra_index_url: tuple[str, ...] = (),
    recipe: str | None = None,
    devices: tuple[str, ...] = (),
) -> list[Subject]:
    """Return what a command line asks for: all that is listed, or one upstream.

    Args:
        upstream: None for all. A listed one needs nothing said besides; what is said of it
            replaces what is listed, and another Python or platform has none of its limits.
        python, platform, extra_index_url: of that upstream.
        recipe: only the variants of this recipe; None for all that are listed, and for cpu where
            the upstream is not.
        devices: only the variant for these.

    Raises:
        UsageError: something is said without what it is of, not enough is said of an unlisted
            upstream, or nothing that is listed is asked for.
    """
    if devices and recipe is None:
        raise UsageError("devices are given, but no recipe", hint="Name it: --recipe gpu.")
    known = known_subjects()
    if upstream is None:
        if python or platform or extra_index_url:
            raise UsageError(
                "a Python, a platform or an index is given, but not of what",
                hint="Name it: --upstream REQUIREMENT.",
            )
        found = [replace(one, variants=_listed(one, recipe, devices)) for one in known]
        found = [subject for subject in found if subject.variants]
        if not found:
            raise UsageError(
                f"{_DATA.name} lists none like that", hint="Say of what: --upstream REQUIREMENT."
            )
        return found
    unlisted = Variant(recipe or "cpu", devices)
    listed = next((subject for subject in known if subject.upstream == upstream), None)
    if listed is None:
        if not python or not platform:
            raise UsageError(
                f"{_DATA.name} does not list {upstream}",
                hint="Say whose wheel: --python 3.11 --platform manylinux_2_28_x86_64.",
            )
        return [Subject(upstream, python, platform, extra_index_url, (unlisted,))]
    variants = _listed(listed, recipe, devices) or (unlisted,)
    if python not in (None, listed.python) or platform not in (None, listed.platform):
        variants = tuple(replace(variant, limits={}) for variant in variants)
    return [
        replace(
            listed,
            python=python or listed.python,
            platform=platform or listed.platform,
            extra_index_url=extra_index_url or listed.extra_index_url,
            variants=variants,
        )
    ]


def _listed(subject: Subject, recipe: str | None, devices: tuple[str, ...]) -> tuple[Variant, ...]:
    return tuple(
        variant
        for variant in subject.variants
        if recipe in (None, variant.recipe) and (not devices or devices == variant.devices)
    )
