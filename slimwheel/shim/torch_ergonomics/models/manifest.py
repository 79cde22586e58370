"""The manifest of a portable model: what is in the archive, and what it takes to load it."""

import collections
import hashlib
import json
import platform
from typing import Any, Dict, List, Tuple

from .archive import CHUNK_BYTES, Archive
from .errors import BadArchive, CannotLoad

# Raised when a reader of before could not make the same network of an archive any more.
FORMAT = 1
NAME = "manifest.json"
WEIGHTS = "weights.safetensors"
OPTIMIZER = "optimizer.safetensors"
PICKLE = "object.pkl"
SOURCES = "src/"
_KIND = "torch_ergonomics portable model"
_MOST_BYTES = 64 << 20

# What a manifest of this format has, and of which type.
_KEYS = {
    "kind": str,
    "format": int,
    "chunk_bytes": int,
    "entry": (str, type(None)),
    "args": list,
    "kwargs": dict,
    "initialize": bool,
    "pickled": bool,
    "state": (dict, type(None)),
    "tensors": dict,
    "optimizer": (dict, type(None)),
    "outside": dict,
    "packages": list,
    "namespaces": list,
    "saved_with": dict,
    "members": dict,
}  # type: Dict[str, Any]
_KEYS_IN_ORDER = sorted(_KEYS)


def new_manifest(content: Dict[str, Any]) -> bytes:
    """The bytes of a manifest; `content` is what of _KEYS differs from archive to archive."""
    manifest = dict(content, kind=_KIND, format=FORMAT, chunk_bytes=CHUNK_BYTES)
    # Inside of these, the order is the network's.
    ordered = collections.OrderedDict((key, manifest.pop(key)) for key in _KEYS_IN_ORDER)
    assert not manifest
    return (json.dumps(ordered, indent=1) + "\n").encode("utf-8")


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
        manifest = json.loads(text.decode("utf-8"), object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise BadArchive("%s: its manifest is not JSON: %s" % (archive.path, str(error)[:200]))
    if not isinstance(manifest, dict) or manifest.get("kind") != _KIND:
        raise BadArchive("%s: this is the manifest of something else" % archive.path)
    version = manifest.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise CannotLoad(
            "%s has format %d, this torch_ergonomics reads formats up to %d: install a newer one"
            % (archive.path, version, FORMAT)
        )
    _check_types(archive.path, manifest)
    _check_members(archive, manifest)
    return hashlib.sha256(text).hexdigest(), manifest


def _object(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return content


def _check_types(path: str, manifest: Dict[str, Any]) -> None:
    for key, kind in _KEYS.items():
        if key not in manifest or not isinstance(manifest[key], kind):
            raise BadArchive("%s: in its manifest, %s is missing or damaged" % (path, key))
    if manifest["format"] < 1 or manifest["chunk_bytes"] != CHUNK_BYTES:
        raise BadArchive("%s: its manifest has no format that ever was" % path)
    outside = manifest["outside"]
    texts = [*manifest["namespaces"], *manifest["packages"], *manifest["tensors"].values()]
    if not all(isinstance(text, str) for text in texts) or any("." in name for name in outside):
        raise BadArchive("%s: in its manifest, names are no text" % path)
    _check_state(path, manifest["state"])
    optimizer = manifest["optimizer"]
    if optimizer is not None and not (
        set(optimizer) == {"state", "tensors"}
        and isinstance(optimizer["tensors"], dict)
        and all(isinstance(text, str) for text in optimizer["tensors"].values())
    ):
        raise BadArchive("%s: in its manifest, optimizer is damaged" % path)


def _check_state(path: str, state: Any) -> None:
    if state is None:
        return
    good = (
        set(state) == {"entries", "versions", "training"}
        and isinstance(state["entries"], dict)
        and isinstance(state["versions"], dict)
        and isinstance(state["training"], (bool, dict))
        and all(_is_record(record) for record in state["entries"].values())
    )
    if not good:
        raise BadArchive("%s: in its manifest, state is damaged" % path)


def _is_record(record: Any) -> bool:
    if not isinstance(record, dict) or ("value" in record) == ("tensor" in record):
        return False
    sizes = [record.get("shape", []), record.get("stride", []), [record.get("offset", 0)]]
    return (
        isinstance(record.get("tensor", ""), str)
        and isinstance(record.get("same", ""), str)
        and isinstance(record.get("requires_grad", True), bool)
        and all(isinstance(values, list) for values in sizes)
        and all(type(size) is int and 0 <= size < 1 << 63 for values in sizes for size in values)
    )


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
        hashes = entry.get("sha256") if isinstance(entry, dict) else None
        if (
            not isinstance(hashes, list)
            or entry.get("bytes") != size
            or len(hashes) != max(1, -(-size // CHUNK_BYTES))
        ):
            raise BadArchive(
                "%s: %s has %d bytes, the manifest says otherwise" % (archive.path, name, size)
            )
    if WEIGHTS not in listed:
        raise BadArchive("%s: there is no %s in it" % (archive.path, WEIGHTS))
    if (OPTIMIZER in listed) != (manifest["optimizer"] is not None):
        raise BadArchive("%s: manifest and %s contradict each other" % (archive.path, OPTIMIZER))
    if (PICKLE in listed) != manifest["pickled"]:
        raise BadArchive("%s: manifest and %s contradict each other" % (archive.path, PICKLE))
