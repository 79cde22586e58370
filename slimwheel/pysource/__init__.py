"""Edits to Python source files at places that are found by parsing.

Bytes in, bytes out: encoding declaration, byte order mark, line ends, form feeds and every byte
that an edit does not touch stay as they were. The result has been compiled before it is returned.
"""

from slimwheel.pysource.edit import Edit, apply, check, insert
from slimwheel.pysource.place import Place, PlaceNotFound, PlaceSyntaxError, parse_place

__all__ = [
    "Edit",
    "Place",
    "PlaceNotFound",
    "PlaceSyntaxError",
    "apply",
    "check",
    "insert",
    "parse_place",
]
