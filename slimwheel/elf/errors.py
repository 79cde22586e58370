"""The one error that this package adds to slimwheel's tree."""

from slimwheel.errors import ElfError


class ElfShapeError(ElfError):
    """A sound file that a step does not know how to change safely.

    The caller may leave such a file as it was; a plain `ElfError` means that the file is damaged.
    """
