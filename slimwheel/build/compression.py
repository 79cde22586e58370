"""How what changes in a wheel is compressed."""

from enum import StrEnum
from typing import Self

from slimwheel.wheelfile.deflate import BEST_LEVEL, LEVEL


class Compression(StrEnum):
    """How members that change are compressed.

    FAST copies upstream's compressed blocks and compresses what stands around changes; BEST
    compresses changed libraries whole, for the smallest download.
    """

    FAST = "fast"
    BEST = "best"

    @property
    def words(self) -> str:
        """What the manifest says of it."""
        if self is Compression.FAST:
            return f"upstream's blocks, libdeflate {LEVEL}"
        return f"libdeflate {BEST_LEVEL}"

    @classmethod
    def said(cls, words: str) -> Self | None:
        """Return the way that a manifest's words are for; None for another slimwheel's."""
        return next((way for way in cls if way.words == words), None)
