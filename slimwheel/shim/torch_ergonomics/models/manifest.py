"""The manifest of a portable model: what is in the archive, and what it takes to load it."""

import collections
import hashlib
import json
import platform
from typing import Any, Dict, Tuple

from .._json import parse
from .archive import CHUNK_BYTES, Archive, hashes_of
from .errors import BadArchive, CannotLoad, NotPortable
from .vetting import KEYS, SOURCES, vet

# Raised when a reader of before could not make the same network of an archive any more.
FORMAT = 1
NAME = "manifest.json"
WEIGHTS = "weights.safetensors"
OPTIMIZER = "optimizer.safetensors"
PICKLE = "object.pkl"
_KIND = "torch_ergonomics portable model"
_MOST_BYTES = 64 << 20
_MOST_SOURCE_BYTES = 16 << 20


def new_manifest(content: Dict[str, Any]) -> bytes:
    """The bytes of a manifest; `content` is what of KEYS differs from archive to archive.

    Raises:
        NotPortable: it would not be read.
    """
    manifest = dict(content, kind=_KIND, format=FORMAT, chunk_bytes=CHUNK_BYTES)
    try:
        vet("the archive", manifest)
    except BadArchive as error:
        raise NotPortable(str(error))
    # Inside of these, the order is the network's.
    ordered = collections.OrderedDict((key, manifest.pop(key)) for key in sorted(KEYS))
    return (json.dumps(ordered, indent=1, allow_nan=False) + "\n").encode("utf-8")


def saved_with(torch_version: str) -> Dict[str, str]:
    """On what an archive is being saved."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "torch": torch_version,
    }


def read_manifest(archive: Archive) -> Tuple[str, Dict[str, Any]]:
    """The sha256 of an archive's manifest, and the manifest.

    What it says about the members is true when this returns: they are there, of these sizes, and
    no others. Their hashes are for whoever reads them.

    Raises:
        BadArchive: there is none, it is damaged, or it contradicts the archive.
        CannotLoad: it is of a format that was made up after this reader.
    """
    text = archive.read(NAME, _MOST_BYTES)
    try:
        manifest = parse(text)
    except ValueError as error:
        raise BadArchive("%s: its manifest is not JSON: %s" % (archive.path, error))
    if not isinstance(manifest, dict) or manifest.get("kind") != _KIND:
        raise BadArchive("%s: this is the manifest of something else" % archive.path)
    version = manifest.get("format")
    if type(version) is int and version > FORMAT:
        raise CannotLoad(
            "%s has format %d, this torch_ergonomics reads formats up to %d: install a newer one"
            % (archive.path, version, FORMAT)
        )
    vet(archive.path, manifest)
    if version != FORMAT or manifest["chunk_bytes"] != CHUNK_BYTES:
        raise BadArchive("%s: its manifest has no format that ever was" % archive.path)
    _check_members(archive, manifest)
    return hashlib.sha256(text).hexdigest(), manifest


def read_checked(archive: Archive, manifest: Dict[str, Any], name: str, most: int) -> bytes:
    """A member's bytes, if their hashes are those of the manifest.

    Raises:
        BadArchive: they are others, or the member has more bytes than `most`.
    """
    data = archive.read(name, most)
    if hashes_of(data) != manifest["members"][name]["sha256"]:
        raise BadArchive(
            "%s: %s was changed: it has another sha256 than the manifest says"
            % (archive.path, name)
        )
    return data


def read_sources(archive: Archive, manifest: Dict[str, Any]) -> Dict[str, bytes]:
    """All sources, by the names of their members in order; errors as in read_checked."""
    room = _MOST_SOURCE_BYTES
    sources = collections.OrderedDict()  # type: Dict[str, bytes]
    for name in sorted(archive.members):
        if name.startswith(SOURCES):
            sources[name] = read_checked(archive, manifest, name, room)
            room -= len(sources[name])
    return sources


def _check_members(archive: Archive, manifest: Dict[str, Any]) -> None:
    listed = manifest["members"]
    there = set(archive.members) - {NAME}
    if there != set(listed):
        names = sorted(there.symmetric_difference(listed))
        raise BadArchive(
            "%s: members and manifest differ: %.200s" % (archive.path, ", ".join(names))
        )
    allowed = {WEIGHTS, OPTIMIZER, PICKLE}
    for name, entry in listed.items():
        if name not in allowed and not (name.startswith(SOURCES) and name.endswith(".py")):
            raise BadArchive("%s: %s has no place in a portable model" % (archive.path, name))
        size = archive.members[name].size
        if entry["bytes"] != size or len(entry["sha256"]) != max(1, -(-size // CHUNK_BYTES)):
            raise BadArchive(
                "%s: %s has %d bytes, the manifest says otherwise" % (archive.path, name, size)
            )
    if WEIGHTS not in listed:
        raise BadArchive("%s: there is no %s in it" % (archive.path, WEIGHTS))
    if (OPTIMIZER in listed) != (manifest["optimizer"] is not None):
        raise BadArchive("%s: manifest and %s contradict each other" % (archive.path, OPTIMIZER))
    if (PICKLE in listed) != manifest["pickled"]:
        raise BadArchive("%s: manifest and %s contradict each other" % (archive.path, PICKLE))
