"""Which entries need no build: an index has the same wheel, made from the same in the same way."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from slimwheel.build.pipeline import source_date_epoch
from slimwheel.build.recorded import RecordedOptions
from slimwheel.build.tools import tool_versions
from slimwheel.errors import RemoteError, ToolError
from slimwheel.fetch import upstream_sha256
from slimwheel.matrix.expansion import Entry
from slimwheel.matrix.published import PublishedFile, PublishedIndex
from slimwheel.plan import stated_devices
from slimwheel.publish.entry import Made

_Key = tuple[object, ...]


@dataclass(frozen=True)
class Sorted:
    """The entries of a matrix, sorted out.

    Attributes:
        changed: those to build, in the order of the matrix.
        unchanged: the others, each with the published file that makes it needless.
        doubts: why some are built although they may be unchanged.
    """

    changed: tuple[Entry, ...]
    unchanged: tuple[tuple[Entry, str], ...]
    doubts: tuple[str, ...]


def sort_out(
    entries: Sequence[Entry],
    index: PublishedIndex,
    *,
    sha256_of: Callable[..., str | None] = upstream_sha256,
) -> Sorted:
    """Tell entries whose wheels are published already from those that are to be built.

    An upstream is looked up, not downloaded, and only where all the rest is as it was.

    Args:
        sha256_of: as `upstream_sha256`.

    Raises:
        RemoteError: the index cannot be read.
        ToolError: pip is missing or too old.
    """
    changed: list[Entry] = []
    unchanged: list[tuple[Entry, str]] = []
    doubts: list[str] = []
    known: dict[_Key, str | None] = {}
    for entry in entries:
        files = _like(entry, index)
        if not files:
            changed.append(entry)
            continue
        key = (entry.upstream, entry.python, entry.platform, entry.index)
        try:
            if key not in known:
                known[key] = sha256_of(
                    entry.upstream, python=entry.python, platform=entry.platform, index=entry.index
                )
        except RemoteError as error:
            doubts.append(f"{entry.name}: {error}")
            known[key] = None
        else:
            if known[key] is None:
                doubts.append(f"{entry.name}: its index does not say the hash of the upstream file")
        same = [file.filename for file, made in files if made.upstream_sha256 == known[key]]
        if same:
            unchanged.append((entry, same[0]))
        else:
            changed.append(entry)
    return Sorted(tuple(changed), tuple(unchanged), tuple(dict.fromkeys(doubts)))


def _like(entry: Entry, index: PublishedIndex) -> list[tuple[PublishedFile, Made]]:
    """Return the published files that are as an entry's result would be, from some upstream."""
    recipe = hashlib.sha256(entry.loaded.text.encode()).hexdigest()
    distribution = entry.loaded.recipe.distribution
    found = [
        (file, file.made)
        for file in index.files(canonicalize_name(distribution.name))
        if file.made is not None
        and file.made.recipe_sha256 == recipe
        and _may_be(file.filename, entry)
        and same_options(file.made.options, entry)
        and same_tools(file.made.tools)
    ]
    if entry.build.dev and distribution.dev:
        dev = {file.filename.partition("-")[2] for file in index.files(distribution.dev)}
        found = [(file, made) for file, made in found if file.filename.partition("-")[2] in dev]
    return found


def same_options(options: Mapping[str, Any], entry: Entry) -> bool:
    """Whether a published wheel was built with the options that an entry would be built with."""
    devices, ptx = None, None
    rule = entry.loaded.recipe.device_code
    if rule is not None and rule.id not in entry.build.keep:
        capabilities = stated_devices(entry.loaded.recipe, entry.targets)
        if capabilities is None:
            # Only the wheel itself tells which these are.
            return False
        devices = tuple(str(device) for device in capabilities)
        ptx = rule.ptx if entry.build.ptx is None else entry.build.ptx
    expected = RecordedOptions(
        compression=entry.build.compress.words,
        local=entry.build.local,
        switches=entry.switches.words,
        devices=devices,
        ptx=ptx,
        source_date_epoch=source_date_epoch(),
    )
    try:
        return RecordedOptions.read(options) == expected
    except ValueError:
        return False


def same_tools(tools: Mapping[str, str]) -> bool:
    """Whether the tools that made a published wheel are here in the same versions."""
    try:
        return tools == tool_versions(patchelf="patchelf" in tools)
    except ToolError:
        return False


def _may_be(filename: str, entry: Entry) -> bool:
    """Whether a published file's name is one that an entry's result could have."""
    try:
        _, _, build, tags = parse_wheel_filename(filename)
    except InvalidWheelFilename:
        return False
    if (build[0] if build else None) != entry.build.build_number:
        return False
    python = "cp" + "".join(entry.python.rstrip("t").split(".")[:2])
    return any(
        tag.interpreter == python or tag.interpreter.startswith("py") or tag.abi == "abi3"
        for tag in tags
    )
