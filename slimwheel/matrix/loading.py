"""Reading a matrix of builds, and turning every fault into one error."""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from slimwheel.errors import MatrixError
from slimwheel.matrix.schema import Matrix
from slimwheel.recipe.faults import explained


def load_matrix(path: Path) -> Matrix:
    """Load what is to be built from a TOML file.

    Raises:
        MatrixError: unreadable or invalid; the message names the key.
    """
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        hint = "Name a TOML file in UTF-8."
        raise MatrixError(f"cannot be read: {reason}", file=path, hint=hint) from error
    except tomllib.TOMLDecodeError as error:
        raise MatrixError(f"is not TOML: {error}", file=path, hint="Mend that line.") from error
    try:
        return Matrix.model_validate(data)
    except ValidationError as error:
        raise explained(
            error,
            data,
            file=str(path),
            holders="such files",
            hint=MatrixError.way_out,
            kind=MatrixError,
            named_by="label",
        ) from error
