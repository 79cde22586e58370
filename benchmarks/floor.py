"""The least that a slim wheel can cost: `python floor.py WHEEL PLAN OUTPUT`.

Copies the compressed bytes of members that are kept, inflates and hashes those that change and
copies their compressed bytes too, for they hardly change, and hashes all that it writes. It looks
into nothing and checks nothing, and what it writes is no wheel. It inflates with zlib-ng, as
slimwheel does what changes.

PLAN is JSON: the members that are kept, and those that change.
"""

import hashlib
import json
import struct
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from zlib_ng import zlib_ng

_WINDOW = 1 << 20
_LOCAL_HEADER = 30


def copy(wheel: Path, plan: Path, output: Path) -> None:
    """Do no more than that."""
    members = json.loads(plan.read_text())
    kept, changed = set(members["kept"]), set(members["changed"])
    digest = hashlib.sha256()
    with (
        zipfile.ZipFile(wheel) as archive,
        wheel.open("rb") as source,
        output.open("wb") as target,
    ):
        for info in archive.infolist():
            if info.filename not in kept and info.filename not in changed:
                continue
            inflater = _inflater() if info.filename in changed and info.compress_type else None
            content = hashlib.sha256()
            for raw in _raw(source, info):
                target.write(raw)
                digest.update(raw)
                if inflater is not None:
                    content.update(inflater.decompress(raw))
                elif info.filename in changed:
                    content.update(raw)


def _inflater() -> Any:
    return zlib_ng.decompressobj(-zlib.MAX_WBITS)


def _raw(source: BinaryIO, info: zipfile.ZipInfo) -> Any:
    """Yield a member's compressed bytes."""
    source.seek(info.header_offset)
    header = source.read(_LOCAL_HEADER)
    name, extra = struct.unpack("<HH", header[26:30])
    source.seek(name + extra, 1)
    left = info.compress_size
    while left:
        raw = source.read(min(_WINDOW, left))
        yield raw
        left -= len(raw)


if __name__ == "__main__":
    copy(*map(Path, sys.argv[1:4]))
