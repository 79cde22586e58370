"""What users of torch call: which torch this is, and portable models.

`python -m torch_ergonomics` says what this installation of torch is. Importing this package does
not import torch.
"""

from ._describe import describe
from .isolated import (
    ChildDied,
    ChildRaised,
    IsolatedError,
    NotSendable,
    TimedOut,
    Worker,
    execute_workaround,
    run_isolated,
)
from .models.errors import BadArchive, CannotLoad, NotPortable, PortableError
from .models.inspection import inspect
from .models.loading import load_optimizer_state, load_portable
from .models.recording import Portable, portable
from .models.saving import NotCarried, save_portable

__all__ = [
    "BadArchive",
    "CannotLoad",
    "ChildDied",
    "ChildRaised",
    "IsolatedError",
    "NotCarried",
    "NotPortable",
    "NotSendable",
    "Portable",
    "PortableError",
    "TimedOut",
    "Worker",
    "describe",
    "execute_workaround",
    "inspect",
    "load_optimizer_state",
    "load_portable",
    "portable",
    "run_isolated",
    "save_portable",
]
