"""What users of torch call: which torch this is, and functions in processes of their own.

`python -m torch_ergonomics` says the first to people, `describe()` to programs. Importing this
package imports no torch.
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

__all__ = [
    "ChildDied",
    "ChildRaised",
    "IsolatedError",
    "NotSendable",
    "TimedOut",
    "Worker",
    "describe",
    "execute_workaround",
    "run_isolated",
]
