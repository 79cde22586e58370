"""What can go wrong with a call in another process."""

from typing import Optional

# Text of the child that str() shows; the attributes have all of it.
_SHOWN = 8000


class IsolatedError(Exception):
    """The root of the errors here.

    Attributes:
        traceback: where in the child it happened, as Python prints it; None where nothing is known.
        exit_code: of the child, where it ended by itself.
        signal: name of the signal that ended the child, as "SIGSEGV".
        stdout, stderr: what the child wrote, where that was captured, else None.
    """

    def __init__(
        self,
        message: str,
        traceback: Optional[str] = None,
        exit_code: Optional[int] = None,
        signal: Optional[str] = None,
    ) -> None:
        # The message alone: so errors pickle, for the rest is in their dictionary.
        super().__init__(message)
        self.traceback = traceback
        self.exit_code = exit_code
        self.signal = signal
        self.stdout = None  # type: Optional[str]
        self.stderr = None  # type: Optional[str]

    def __str__(self) -> str:
        text = _shortened(str(self.args[0]))
        if self.traceback:
            text += "\n\nIn the child process:\n" + _shortened(self.traceback.rstrip())
        return text


class ChildRaised(IsolatedError):
    """The function raised an exception, or its file or module did while it was loaded.

    Attributes:
        type_name: the exception's class, as "ValueError" or "torch.cuda.OutOfMemoryError".
    """

    type_name = ""


class ChildDied(IsolatedError):
    """The child ended before the function returned: by exit, a crash, or a signal of others."""


class TimedOut(IsolatedError, TimeoutError):
    """The function did not return in time. The child and all it started were killed."""


class NotSendable(IsolatedError, TypeError):
    """An argument or a result has something in it that cannot be sent."""


def _shortened(text: str) -> str:
    half = _SHOWN // 2
    left_out = len(text) - 2 * half
    if left_out <= 0:
        return text
    return "%s\n... %d characters ...\n%s" % (text[:half], left_out, text[-half:])
