"""Wheels that a slim wheel cannot be installed without: its companion, and slim wheels it requires.

They are looked for in directories and never on an index, where anybody may have taken their names.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from slimwheel.errors import UsageError
from slimwheel.wheelfile.names import WheelName, escaped
from slimwheel.wheelfile.wheel import Wheel

_COMPANION = "+slim."


def with_siblings(wheel: Path, places: Iterable[Path] = ()) -> list[Path]:
    """Return a wheel and, behind it, the wheels of some directories that it pins, and so on.

    Args:
        wheel: the wheel; its own directory is looked through first.
        places: further directories.

    Raises:
        UsageError: a companion is not there.
        WheelError: a wheel is malformed.
    """
    directories = [wheel.absolute().parent, *places]
    found = [wheel]
    for path in found:  # It grows while it is walked.
        for requirement in _pins(path):
            sibling = _find(requirement, directories)
            if sibling is not None and sibling not in found:
                found.append(sibling)
            elif sibling is None and _COMPANION in str(requirement.specifier):
                raise UsageError(
                    f"requires {requirement}, which is not beside it",
                    file=path,
                    hint="Put its companion beside it, or name its directory: --find-links DIR.",
                )
    return found


def _pins(path: Path) -> Iterator[Requirement]:
    """Yield what a wheel requires in one version, whatever extras are asked for."""
    with Wheel.open(path) as wheel:
        texts = wheel.metadata.get_all("Requires-Dist")
    for text in texts:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        if any(specifier.operator in ("==", "===") for specifier in requirement.specifier):
            yield requirement


def _find(requirement: Requirement, directories: Iterable[Path]) -> Path | None:
    for directory in directories:
        for path in sorted(directory.glob("*.whl")):
            name = WheelName.parse(path.name)
            if name is None or name.distribution != escaped(requirement.name):
                continue
            if requirement.specifier.contains(name.version, prereleases=True):
                return path
    return None
