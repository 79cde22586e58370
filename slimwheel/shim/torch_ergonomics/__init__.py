"""What this installation of torch is, without importing it.

`python -m torch_ergonomics` says it to people, `describe()` to programs.
"""

from ._describe import describe

__all__ = ["describe"]
