"""Companions of wheels that are to be published: no slim wheel is installed without its own."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from slimwheel.errors import UsageError
from slimwheel.publish import layout
from slimwheel.publish.entry import Subject
from slimwheel.publish.store import Store
from slimwheel.wheelfile.names import WheelName, escaped

_LOCAL = "slim."


def is_companion(version: str) -> bool:
    """Tell from a version whether it is a companion's."""
    try:
        return (Version(version).local or "").startswith(_LOCAL)
    except InvalidVersion:
        return False  # A wildcard, in a specifier.


def with_companions(wheels: Sequence[Path], store: Store) -> list[Path]:
    """Return wheels with the companions that they need and that lie beside them, companions first.

    Raises:
        UsageError: a companion is neither among them, nor beside them, nor on the index.
        WheelError: a wheel is malformed.
    """
    found = {path.absolute(): Subject(path) for path in wheels}
    for path, subject in list(found.items()):
        for pin in _companion_pins(subject):
            if any(_answers(other.project, other.version, pin) for other in found.values()):
                continue
            beside = _beside(path, pin)
            if beside is not None:
                found[beside] = Subject(beside)
            elif not _on_index(store, pin):
                raise UsageError(
                    f"requires {pin}, which is neither on the index nor beside it",
                    file=path,
                    hint="Name its companion too; `slimwheel build` wrote it with the wheel.",
                )
    return sorted(found, key=lambda path: found[path].companion_of is None)


def _companion_pins(subject: Subject) -> Iterator[Requirement]:
    for text in subject.requires:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if any(s.operator == "==" and is_companion(s.version) for s in requirement.specifier):
            yield requirement


def _answers(project: str, version: str, pin: Requirement) -> bool:
    return canonicalize_name(pin.name) == project and pin.specifier.contains(
        version, prereleases=True
    )


def _beside(path: Path, pin: Requirement) -> Path | None:
    for other in sorted(path.parent.glob(f"{escaped(pin.name)}-*.whl")):
        name = WheelName.parse(other.name)
        if name and _answers(canonicalize_name(name.distribution), name.version, pin):
            return other
    return None


def _on_index(store: Store, pin: Requirement) -> bool:
    project = canonicalize_name(pin.name)
    for entry in store.entries(layout.folder(project)):
        name = WheelName.parse(entry.key.rpartition("/")[2].removesuffix(layout.ENTRY))
        if name and entry.key.endswith(layout.ENTRY) and _answers(project, name.version, pin):
            return True
    return False
