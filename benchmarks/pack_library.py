"""Unpack one library of a wheel, take its symbol tables out, compress it: one process, one way.

    python pack_library.py WHEEL MEMBER fast|best|whole OUTPUT

`fast` and `best` are slimwheel's; `whole` writes the new library to disk and compresses it in one
go with libdeflate's level 6. Prints what came of it as JSON.
"""

import hashlib
import json
import mmap
import sys
from collections.abc import Sized
from pathlib import Path

from slimwheel.elf import Edits, ElfFile, Keep, slim
from slimwheel.wheelfile.archive import Archive
from slimwheel.wheelfile.deflate import BEST_LEVEL, LEVEL, compress
from slimwheel.wheelfile.splicing import BlockIndex, Kept, Piece, splice


def pack(wheel: Path, name: str, how: str, output: Path) -> dict[str, int]:
    """Return sizes in bytes: of the library, of its stream, and of what was copied of it."""
    unpacked = output.with_suffix(".so")
    with Archive.open(wheel) as archive:
        member = archive.members[name]
        walk = archive.walk(member)
        with unpacked.open("wb") as out:
            for chunk in archive.chunks(member) if how == "whole" else walk:
                out.write(chunk)
        with unpacked.open("rb") as stream:
            content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        edits = slim(ElfFile.parse(content, name))
        if how == "whole":
            return _whole(edits, content, output)
        with output.open("wb") as out:
            spliced = splice(
                walk.index if how == "fast" else BlockIndex.none(len(content)),
                memoryview(content),
                archive.raw_reader(member),
                map(_piece, edits.pieces),
                out.write,
                level=LEVEL if how == "fast" else BEST_LEVEL,
            )
    return {"size": edits.size, "packed": spliced.compressed_size, "copied": spliced.copied}


def _piece(piece: Keep | bytes | Sized) -> Piece:
    if isinstance(piece, Keep):
        return Kept(*piece)
    return piece if isinstance(piece, bytes) else bytes(len(piece))


def _whole(edits: Edits, content: mmap.mmap, output: Path) -> dict[str, int]:
    new = output.with_suffix(".new")
    digest = hashlib.sha256()
    with new.open("wb") as out:
        for chunk in edits.chunks(content):
            digest.update(chunk)
            out.write(chunk)
    with new.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        packed = compress(data).data
    output.write_bytes(packed)
    return {"size": edits.size, "packed": len(packed), "copied": 0}


if __name__ == "__main__":
    print(json.dumps(pack(Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]))))
