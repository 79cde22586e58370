"""Entries in the words of who builds them: a matrix of GitHub Actions, a makefile."""

import shlex
from collections.abc import Sequence
from typing import Any

from slimwheel.matrix.expansion import Entry

MOST_JOBS = 256
"""What GitHub Actions takes of a matrix at most."""

_MAKEFILE = """\
# Written by `slimwheel matrix --make`: a target for each wheel, and `all`.
SLIMWHEEL ?= slimwheel
BUILD_OPTIONS ?=

.PHONY: all{names}
all:{names}
"""


def as_actions(entries: Sequence[Entry]) -> dict[str, Any]:
    """Return the entries as `strategy.matrix` of a job takes them."""
    return {"include": [entry.to_json() for entry in entries]}


def as_makefile(entries: Sequence[Entry]) -> str:
    """Return a makefile with a target for each entry, whatever stands in the words of it."""
    text = _MAKEFILE.format(names="".join(f" {entry.name}" for entry in entries))
    for entry in entries:
        words = shlex.join(entry.words).replace("$", "$$")
        text += f"\n{entry.name}:\n\t$(SLIMWHEEL) build $(BUILD_OPTIONS) {words}\n"
    return text
