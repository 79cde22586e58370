"""Every error that slimwheel raises on purpose, and the exit code of each.

An error says three things: what is wrong (with the file and the place in it), and the way out.
The classes differ by what the user can do about it.
"""

import os


class SlimwheelError(Exception):
    """Root of all errors that a user can meet.

    Args:
        message: one sentence that says what is wrong.
        file: the file at fault, as the user knows it.
        place: where in the file: a member's name, an offset, a key.
        hint: the way out, one sentence.
    """

    exit_code = 70

    def __init__(
        self,
        message: str,
        *,
        file: str | os.PathLike[str] | None = None,
        place: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.message = message
        self.file = os.fspath(file) if file is not None else None
        self.place = place
        self.hint = hint
        super().__init__(message)

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.place, self.message) if part)


class UsageError(SlimwheelError):
    """The command's words do not fit together."""

    exit_code = 2


class RecipeError(SlimwheelError):
    """A recipe is unknown or invalid."""

    exit_code = 2


class NothingToDo(SlimwheelError):
    """Every action is keep, or the wheel is slim already."""

    exit_code = 3


class WheelError(SlimwheelError):
    """The wheel is malformed, or of a kind that is not supported."""

    exit_code = 4


class ToolError(SlimwheelError):
    """An external tool is missing, too old, or failed."""

    exit_code = 5


class ElfError(SlimwheelError):
    """An ELF file is damaged, or of a shape that a step does not know."""

    exit_code = 6


class CheckFailed(SlimwheelError):
    """The result did not pass its own checks and was removed."""

    exit_code = 7


class OutputExists(SlimwheelError):
    """The output is there already and differs."""

    exit_code = 8


class RemoteError(SlimwheelError):
    """A remote side refused, or could not be reached."""

    exit_code = 9


class OutputError(SlimwheelError):
    """The output cannot be written: not a directory, no permission, no space."""

    exit_code = 10
