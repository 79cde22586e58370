"""What can go wrong with portable models."""

from typing import Optional


class PortableError(Exception):
    """Root of what saving and loading portable models raise of their own."""


class NotPortable(PortableError, ValueError):
    """A model that cannot be saved as it is. The message says where, and what to do about it.

    Attributes:
        filename: the source file at fault, or None.
        line: in that file, from 1, or None.
    """

    def __init__(
        self, message: str, filename: Optional[str] = None, line: Optional[int] = None
    ) -> None:
        super().__init__(message)
        self.filename = filename
        self.line = line


class BadArchive(PortableError, ValueError):
    """A file that is no portable model, or one that was changed or cut off. Nothing of it ran."""


class CannotLoad(PortableError, RuntimeError):
    """A sound archive that cannot be loaded here: what it needs is missing or too old."""
