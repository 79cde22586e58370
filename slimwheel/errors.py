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
        hint: the way out, one sentence; the class's own where none is given.
    """

    exit_code = 70
    way_out = "Please report this, with the command and its output."

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
        self.hint = hint or self.way_out
        super().__init__(message)

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.place, self.message) if part)


class UsageError(SlimwheelError):
    """The command's words do not fit together."""

    exit_code = 2
    way_out = "See `slimwheel COMMAND --help`."


class RecipeError(SlimwheelError):
    """A recipe is unknown or invalid."""

    exit_code = 2
    way_out = "Mend the recipe; `slimwheel recipe schema` prints what recipes may hold."


class MatrixError(SlimwheelError):
    """A matrix of builds is invalid."""

    exit_code = 2
    way_out = "Mend the file; docs/ci.md says what it may hold."


class NothingToDo(SlimwheelError):
    """Every action is keep, or the wheel is slim already."""

    exit_code = 3
    way_out = "Use the wheel as it is."


class WheelError(SlimwheelError):
    """The wheel is malformed, or of a kind that is not supported."""

    exit_code = 4
    way_out = "Download the wheel again; if it stays so, ask whoever built it for a valid one."


class ToolError(SlimwheelError):
    """An external tool is missing, too old, or failed."""

    exit_code = 5
    way_out = "Install the tool, or mend what it complains of, and run this again."


class ElfError(SlimwheelError):
    """An ELF file is damaged, or of a shape that a step does not know."""

    exit_code = 6
    way_out = "Download the wheel again; if it stays so, keep the file out with the recipe."


class CheckFailed(SlimwheelError):
    """The result did not pass its own checks and was removed."""

    exit_code = 7
    way_out = "This is a fault of slimwheel or of the recipe; upstream's wheel is unharmed."


class OutputExists(SlimwheelError):
    """The output is there already and differs."""

    exit_code = 8
    way_out = "Replace it with --force, or tell the two apart with --build-number."


class RemoteError(SlimwheelError):
    """A remote side refused, or could not be reached."""

    exit_code = 9
    way_out = "Check the network, the index and the credentials, and run this again."


class OutputError(SlimwheelError):
    """The output cannot be written: not a directory, no permission, no space."""

    exit_code = 10
    way_out = "Choose another directory with --output-dir, or free space."
