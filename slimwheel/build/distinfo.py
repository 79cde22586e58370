"""The dist-info directory of what a build puts out: upstream's, edited, or a new one."""

import re
from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType

from slimwheel import __version__
from slimwheel.wheelfile.metadata import Headers, entry_point_modules
from slimwheel.wheelfile.names import expand_tag
from slimwheel.wheelfile.requirements import requirement_name
from slimwheel.wheelfile.wheel import Wheel

# How a requirement begins (PEP 508).
_PROJECT = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")

GENERATOR = f"slimwheel ({__version__})"


def edited_metadata(
    wheel: Wheel,
    *,
    project: str,
    version: str,
    note: str,
    drop: Collection[str],
    requires: Iterable[str],
    replace: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """Return upstream's METADATA under another name, saying in its summary what was done.

    Args:
        note: what was done, a few words.
        drop: values of Requires-Dist that go.
        requires: values to add.
        replace: new values of Requires-Dist, by the old ones.
    """
    metadata = _copy(wheel.metadata)
    metadata.set("Name", project)
    metadata.set("Version", version)
    metadata.set("Summary", f"{metadata.get('Summary') or wheel.project} ({note})")
    metadata.remove("Requires-Dist", lambda value: value in drop)
    metadata.replace("Requires-Dist", replace)
    for requirement in requires:
        metadata.add("Requires-Dist", requirement)
    return metadata.to_bytes()


def matching_requirements(wheel: Wheel, globs: Collection[str]) -> list[str]:
    """Return the values of Requires-Dist whose project a glob matches."""
    return [
        value
        for value in wheel.metadata.get_all("Requires-Dist")
        if any(fnmatchcase(requirement_name(value), glob) for glob in globs)
    ]


def replaced_requirements(wheel: Wheel, projects: Mapping[str, str]) -> dict[str, str]:
    """Return the values of Requires-Dist that ask for other projects now, by the old values.

    Versions, extras and markers stay as they are.

    Args:
        projects: the new project by the old one, both normalized.
    """
    replaced = {}
    for value in wheel.metadata.get_all("Requires-Dist"):
        if new := projects.get(requirement_name(value)):
            replaced[value] = _PROJECT.sub(new, value, count=1)
    return replaced


def edited_wheel(wheel: Wheel) -> bytes:
    """Return upstream's WHEEL with the tags that the file bears, and our generator behind its."""
    headers = _copy(wheel.wheel)
    headers.add("Generator", GENERATOR)
    tags = expand_tag(wheel.name.tag)
    headers.remove("Tag", lambda tag: tag not in tags)
    for tag in tags:
        if tag not in headers.get_all("Tag"):
            headers.add("Tag", tag)
    return headers.to_bytes()


def plain_metadata(
    project: str,
    version: str,
    summary: str,
    body: str,
    *,
    metadata_version: str = "2.1",
    fields: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """Return the METADATA of a wheel that upstream does not have.

    Args:
        body: the description, plain text.
        metadata_version: the first that has all `fields`.
        fields: further headers.
    """
    headers = {
        "Metadata-Version": metadata_version,
        "Name": project,
        "Version": version,
        "Summary": summary,
        **fields,
        "Description-Content-Type": "text/plain",
    }
    lines = [f"{name}: {value}" for name, value in headers.items()]
    return ("\n".join(lines) + f"\n\n{body}\n").encode()


def plain_wheel(tag: str, *, generator: str, purelib: bool) -> bytes:
    """Return the WHEEL of a wheel that upstream does not have."""
    lines = [
        "Wheel-Version: 1.0",
        f"Generator: {generator}",
        f"Root-Is-Purelib: {str(purelib).lower()}",
        *(f"Tag: {single}" for single in expand_tag(tag)),
    ]
    return ("\n".join(lines) + "\n").encode()


def orphaned_entry_points(text: str, removed_modules: Collection[str]) -> list[tuple[str, str]]:
    """Return (group, name) of the entry points in a text whose module is gone."""
    return [
        (group, name)
        for group, name, module in entry_point_modules(text)
        if _inside(module, removed_modules)
    ]


def top_level(members: Iterable[str]) -> bytes:
    """Return top_level.txt: the importable names at the wheel's root, sorted."""
    names = set()
    for member in members:
        first, _, rest = member.partition("/")
        if first.endswith((".dist-info", ".data")):
            continue
        if rest or first.endswith((".py", ".so")):
            names.add(first.partition(".")[0])
    return "".join(f"{name}\n" for name in sorted(names)).encode()


def _inside(module: str, packages: Collection[str]) -> bool:
    parts = module.split(".")
    return any(".".join(parts[: length + 1]) in packages for length in range(len(parts)))


def _copy(headers: Headers) -> Headers:
    return Headers.parse(headers.to_bytes(), file="", name="")
