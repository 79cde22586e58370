"""The least that a slim wheel can cost: `python floor.py WHEEL PLAN OUTPUT`.

Copies the compressed bytes of members that are kept, inflates and hashes those that change and
copies as many of their compressed bytes as remain, and hashes all that it writes. It looks into
nothing and checks nothing, and what it writes is no wheel. It inflates with zlib-ng, as slimwheel
does what changes.

PLAN is JSON: the members that are kept, and those that change with the bytes that remain.
"""

import hashlib
import json
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from zlib_ng import zlib_ng

_WINDOW = 1 << 20
_LOCAL_HEADER = 30


def copy(wheel: Path, plan: Path, output: Path) -> None:
    """Do no more than that."""
    members = json.loads(plan.read_text())
    kept, changed = set(members["kept"]), members["changed"]
    digest = hashlib.sha256()
    with (
        zipfile.ZipFile(wheel) as archive,
        wheel.open("rb") as source,
        output.open("wb") as target,
    ):
        for info in archive.infolist():
            if info.filename not in kept and info.filename not in changed:
                continue
            left = changed.get(info.filename, info.compress_size)
            content = _Content(info) if info.filename in changed else None
            for raw in _raw(source, info):
                remains = raw[:left]
                left -= len(remains)
                target.write(remains)
                digest.update(remains)
                if content is not None:
                    content.update(raw)


class _Content:
    """Inflates and hashes a member."""

    def __init__(self, info: zipfile.ZipInfo) -> None:
        is_deflated = info.compress_type != zipfile.ZIP_STORED
        self._hash = hashlib.sha256()
        self._inflater = zlib_ng.decompressobj(-zlib.MAX_WBITS) if is_deflated else None

    def update(self, raw: bytes) -> None:
        if self._inflater is None:
            self._hash.update(raw)
            return
        data = b""
        while raw or len(data) == _WINDOW:
            data = self._inflater.decompress(raw, _WINDOW)
            raw = self._inflater.unconsumed_tail
            self._hash.update(data)


def _raw(source: BinaryIO, info: zipfile.ZipInfo) -> Iterator[bytes]:
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
