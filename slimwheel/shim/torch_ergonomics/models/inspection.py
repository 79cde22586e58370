"""What is in a portable model, without running anything of it."""

import hashlib
from typing import Any, Dict, List

from ..tensors.safetensors import element_count
from .archive import Archive, ChunkHashes, file_sha256
from .errors import BadArchive
from .manifest import OPTIMIZER, WEIGHTS, read_manifest, read_sources
from .reading import header_of
from .records import check_records, shapes_of
from .vetting import SOURCES, module_of

_BLOCK_BYTES = 1 << 20


def inspect(path: Any) -> Dict[str, Any]:
    """What a portable model holds. All hashes are checked; torch is not needed.

    Returns:
        Plain data. `path`, `bytes` and `sha256` of the file; `format`, `entry`, `args`, `kwargs`,
        `pickled`, `outside` and `saved_with` as in the manifest; `optimizer`, whether one was
        saved; `sources`, for each its `module`, `file`, `bytes` and `sha256`; `tensors`, for each
        entry of the state its `name`, `dtype`, `shape`, `elements`, and whether it is `shared`
        with an entry before it; `parameters`, the elements of all that are not; `weight_bytes`.

    Raises:
        BadArchive: the file is no portable model, or is damaged.
        CannotLoad: it is of a newer format, or has tensors of types that are not known here.
        OSError: it cannot be read.
    """
    with Archive(path) as archive:
        sha256 = file_sha256(archive.file)
        _, manifest = read_manifest(archive)
        sources = [
            {
                "module": module_of(name),
                "file": name,
                "bytes": len(code),
                # The manifest has one for every CHUNK_BYTES.
                "sha256": hashlib.sha256(code).hexdigest(),
            }
            for name, code in read_sources(archive, manifest).items()
        ]
        for name, entry in sorted(manifest["members"].items()):
            if not name.startswith(SOURCES):
                _check_hashes(archive, name, entry["sha256"])
        tensors = _tensors(archive, manifest)
        found = {
            key: manifest[key]
            for key in ("format", "entry", "args", "kwargs", "pickled", "outside", "saved_with")
        }
        found.update(
            path=archive.path,
            bytes=archive.file.seek(0, 2),
            sha256=sha256,
            optimizer=manifest["optimizer"] is not None,
            sources=sources,
            tensors=tensors,
            parameters=sum(t["elements"] for t in tensors if not t["shared"]),
            weight_bytes=archive.members[WEIGHTS].size,
        )
        return found


def as_text(found: Dict[str, Any]) -> str:
    """The lines that `python -m torch_ergonomics inspect` prints."""
    saved = found["saved_with"]
    outside = ["%s %s" % (k, v) if v else k for k, v in sorted(found["outside"].items())]
    lines = [
        "%s, a portable model of format %d" % (found["path"], found["format"]),
        _field("bytes", "%d" % found["bytes"]),
        _field("sha256", found["sha256"]),
        _field("network", found["entry"] or "a pickle, which may do anything when loaded"),
        _field("saved with", "torch %(torch)s, Python %(python)s, %(machine)s" % saved),
        _field("imports", ", ".join(outside) or "the standard library only"),
        _field("optimizer", "its state is in" if found["optimizer"] else "not saved"),
        "Loading it runs this code, which it brings:",
    ]
    for source in found["sources"]:
        lines.append("  %(file)-40s %(bytes)8d bytes  sha256 %(sha256)s" % source)
    lines.append("state: %d elements, %.2f MB" % (found["parameters"], found["weight_bytes"] / 1e6))
    for tensor in found["tensors"]:
        shape = "x".join(map(str, tensor["shape"])) or "one number"
        shared = ", shared" if tensor["shared"] else ""
        lines.append("  %-40s %s %s%s" % (tensor["name"], tensor["dtype"], shape, shared))
    return "\n".join(map(_printable, lines))


def _printable(line: str) -> str:
    # Names may be anything, as orders to a terminal.
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def _field(name: str, value: str) -> str:
    return "  %-10s %s" % (name, value)


def _check_hashes(archive: Archive, name: str, expected: List[str]) -> None:
    member = archive.members[name]
    archive.file.seek(member.offset)
    hashes = ChunkHashes()
    left = member.size
    while left:
        block = archive.file.read(min(left, _BLOCK_BYTES))
        if not block:
            raise BadArchive("%s: the file ends inside %s" % (archive.path, name))
        hashes.update(block)
        left -= len(block)
    if hashes.finish() != expected:
        raise BadArchive("%s: %s was changed: its sha256 is another" % (archive.path, name))


def _tensors(archive: Archive, manifest: Dict[str, Any]) -> List[Dict[str, Any]]:
    shapes = shapes_of(
        archive.path, WEIGHTS, header_of(archive, WEIGHTS).entries, manifest["tensors"]
    )
    records = manifest["state"]["entries"]
    check_records(archive.path, records, shapes)
    if manifest["optimizer"] is not None:
        entries = header_of(archive, OPTIMIZER).entries
        shapes_of(archive.path, OPTIMIZER, entries, manifest["optimizer"]["tensors"])
    found = []
    seen = set()
    for name, record in records.items():
        key = record.get("tensor")
        if key is None:
            continue
        shape = record.get("shape", shapes[key])
        found.append(
            {
                "name": name,
                "dtype": manifest["tensors"][key],
                "shape": list(shape),
                "shared": key in seen,
                "elements": element_count(shape),
            }
        )
        seen.add(key)
    return found
