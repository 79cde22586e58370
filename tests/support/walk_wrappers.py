"""What a loaded library's wrappers point at, in the live process: run by `live_wrappers`.

`python walk_wrappers.py QUESTION` loads a library and prints a row for each wrapper as JSON. The
whole of a container has to be in pages that the library has mapped to be read before it is looked
at. Takes Python 3.5 and newer, and nothing but the standard library.
"""

import ctypes
import json
import struct
import sys
from typing import Any

WRAPPER = struct.Struct("<IIQQ")
CONTAINER = struct.Struct("<IHHQ")


def mapped(path: str) -> "tuple[int, list[list[int]]]":
    """Return where a loaded file begins, and the ranges of it that can be read, joined."""
    with open("/proc/self/maps") as maps:  # noqa: PTH123
        rows = [line.rstrip("\n").split(None, 5) for line in maps]
    rows = [row for row in rows if len(row) == 6 and row[5] == path]
    ranges = []  # type: list[list[int]]
    for row in rows:
        start, end = (int(text, 16) for text in row[0].split("-"))
        # What was cut out of a file has an address still, and nothing to read there.
        if "r" not in row[1]:
            continue
        if ranges and ranges[-1][1] == start:
            ranges[-1][1] = end
        else:
            ranges.append([start, end])
    return int(rows[0][0].split("-")[0], 16), ranges


def count_images(at: int, end: int) -> int:
    """Return how many images there are, -1 where they do not end where their container does."""
    count = 0
    while at < end:
        _, header, payload = struct.unpack("<IIQ", ctypes.string_at(at, 16))
        if header < 64 or header + payload > end - at:
            return -1
        at += header + payload
        count += 1
    return count


def walk(path: str, first: int, places: "list[int]") -> "list[dict[str, Any]]":
    """Follow the wrappers at some addresses.

    `first` is the address that the file's first segment asks for, down to the page.
    """
    start, ranges = mapped(path)
    base = start - first

    def within(at: int, size: int) -> bool:
        return any(low <= at and at + size <= high for low, high in ranges)

    def problem_of(magic: int, pointer: int, row: "dict[str, Any]") -> str:
        if magic != 0x466243B1:
            return "no wrapper"
        if not within(pointer, CONTAINER.size):
            return "points out of what is mapped"
        magic, version, header, size = CONTAINER.unpack(ctypes.string_at(pointer, CONTAINER.size))
        if (magic, version, header) != (0xBA55ED50, 1, 16):
            return "no container"
        row["size"] = header + size
        if not within(pointer, row["size"]):
            return "reaches out of what is mapped"
        row["images"] = count_images(pointer + header, pointer + row["size"])
        return "damaged images" if row["images"] < 0 else ""

    rows = []
    for place in places:
        words = ctypes.string_at(base + place, WRAPPER.size)
        magic, version, pointer, _ = WRAPPER.unpack(words)
        row = {"version": version, "address": pointer - base, "size": 0, "images": 0}
        row["problem"] = problem_of(magic, pointer, row)
        rows.append(row)
    return rows


def main() -> None:
    """Import what is to be imported, load the library, then look."""
    question = json.loads(sys.argv[1])
    for name in question["imports"]:
        __import__(name)
    ctypes.CDLL(question["path"])
    json.dump(walk(question["path"], question["first"], question["places"]), sys.stdout)


if __name__ == "__main__":
    main()
