"""What is to be built, said once in a file: for CI, for make, and for who builds it by hand.

The file is a product: every upstream for every Python, platform, recipe and list of devices. What
an index has already, made from the same file by the same recipe, options and tools, is left out.
"""

from slimwheel.matrix.expansion import Entry, expand
from slimwheel.matrix.loading import load_matrix
from slimwheel.matrix.output import as_actions, as_makefile
from slimwheel.matrix.published import PublishedIndex
from slimwheel.matrix.unchanged import Sorted, sort_out

__all__ = [
    "Entry",
    "PublishedIndex",
    "Sorted",
    "as_actions",
    "as_makefile",
    "expand",
    "load_matrix",
    "sort_out",
]
