"""Wheels that somebody has changed: all but the change is as it was, to the last byte."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from slimwheel.wheelfile.archive import Archive
from slimwheel.wheelfile.deflate import Compressed, compress
from slimwheel.wheelfile.writer import FIRST_TIMESTAMP, WheelWriter, member_order


def altered(
    wheel: Path,
    directory: Path,
    *,
    contents: Mapping[str, bytes | None] | None = None,
    levels: Mapping[str, int] | None = None,
    modes: Mapping[str, bool] | None = None,
    timestamp: int = FIRST_TIMESTAMP,
) -> Path:
    """Write a slim wheel once more, under its own name, RECORD in keeping with what is in it.

    Args:
        wheel: as slimwheel wrote it.
        directory: where the other goes; made when it is not there.
        contents: new members and new bytes of members; None takes one out.
        levels: libdeflate's level by member, for those to compress anew.
        modes: whether a member can be executed, for those where that changes.
        timestamp: the time of all members.
    """
    new, packed, bits = dict(contents or {}), dict(levels or {}), dict(modes or {})
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / wheel.name
    with Archive.open(wheel) as archive, path.open("wb") as stream:
        writer = WheelWriter(stream, timestamp)
        for name in sorted({*archive.members, *new}, key=member_order):
            if name.endswith(".dist-info/RECORD"):
                record = name
                continue
            data = new[name] if name in new else _whole(archive, name)
            if data is None:
                continue
            member = archive.members.get(name)
            if member is None or name in new or name in packed:
                compressed = compress(data, packed.get(name, 6))
            else:
                raw = b"".join(archive.raw_chunks(member))
                compressed = Compressed(raw, member.method, member.size, member.crc)
            executable = bits.get(name, member is not None and member.executable)
            digest = hashlib.sha256(data).digest()
            writer.add_compressed(name, compressed, digest, executable=executable)
        writer.finish(record)
    return path


def _whole(archive: Archive, name: str) -> bytes:
    member = archive.members[name]
    return archive.read(member, limit=member.size)
