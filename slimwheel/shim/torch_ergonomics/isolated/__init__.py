"""Functions in Python processes of their own: what crashes, hangs or leaks there stays there.

`run_isolated` starts a process for one call, `Worker` keeps one for many.
"""

from .errors import ChildDied, ChildRaised, IsolatedError, NotSendable, TimedOut
from .worker import Worker, execute_workaround, run_isolated

__all__ = [
    "ChildDied",
    "ChildRaised",
    "IsolatedError",
    "NotSendable",
    "TimedOut",
    "Worker",
    "execute_workaround",
    "run_isolated",
]
