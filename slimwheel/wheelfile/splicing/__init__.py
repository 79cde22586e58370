"""Writing a changed member out of upstream's compressed blocks, without compressing it anew.

A back-reference of deflate reaches 32 KiB at most (RFC 1951, section 2). A block that begins so far
behind the last change, and ends before the next, says the same in the new file as in the old, and
is copied bit for bit; only what stands around changes is compressed.

`walk_blocks` inflates the old member once and notes where its blocks are. `splice` takes what it
noted, the old content and the pieces of the new one, and writes the new deflate stream.
"""

from slimwheel.wheelfile.splicing.blocks import BlockIndex, BlockWalk, Check, stored, walk_blocks
from slimwheel.wheelfile.splicing.spans import Kept, Piece
from slimwheel.wheelfile.splicing.stream import Spliced, splice
from slimwheel.wheelfile.splicing.sums import Stated

__all__ = [
    "BlockIndex",
    "BlockWalk",
    "Check",
    "Kept",
    "Piece",
    "Spliced",
    "Stated",
    "splice",
    "stored",
    "walk_blocks",
]
