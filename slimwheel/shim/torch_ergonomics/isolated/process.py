"""The parent's side of one child: starting it, asking it, and ending it with all it started."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict, Optional, Tuple

from .cgroup import oom_kills
from .channel import Channel, Closed, Expired
from .child import LAST_WORDS
from .errors import ChildDied, ChildRaised, NotSendable, TimedOut
from .target import Target
from .values import Message

# The child takes the parent's sys.path, and needs nothing to be found before it has it.
_START = """\
import sys
sys.path[:] = %a
from torch_ergonomics.isolated.child import main
main(%d, %d, %d, %a)
"""
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Seconds that a child has to end when it is told to, and to say its last words.
_GRACE = 5.0
_LAST_WORDS_GRACE = 1.0


class Child:
    """A Python process that loads a function; the first `ask` waits for that.

    Args:
        target: the function.
        environment: of the process.
        capture: keep what it writes to stdout and stderr, instead of handing on its own.
    """

    def __init__(self, target: Target, environment: Dict[str, str], capture: bool) -> None:
        self._name = "%s of %s" % (target.function, target.file or target.module)
        self._oom_kills = oom_kills()
        self._words = _Log()
        self._streams = [_Log(), _Log()] if capture else []
        stdout, stderr = [stream.handle for stream in self._streams] or (None, None)
        self._socket, theirs = socket.socketpair()
        handles = (theirs.fileno(), self._words.handle)
        path = [entry for entry in sys.path if isinstance(entry, str)]
        program = _START % (
            [*path, *([] if _ROOT in path else [_ROOT])],
            *handles,
            os.getpid(),
            list(target),
        )
        try:
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-c", program],
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    env=environment,
                    pass_fds=handles,
                    start_new_session=True,
                )
        except BaseException:
            self._socket.close()
            for log in (self._words, *self._streams):
                log.close()
            raise
        self._channel = Channel(self._socket.fileno(), self.ended)

    def ended(self) -> bool:
        """Whether the process is there no more."""
        return self._process.poll() is not None

    def ask(self, deadline: Optional[float], message: Optional[Message] = None) -> Any:
        """Sends a message and returns the value of the reply.

        Whatever is raised but ChildRaised and NotSendable, the child has been ended.

        Args:
            deadline: by time.monotonic().
            message: as `values.encode` makes it. Without one, the reply is that the child is ready.

        Raises:
            IsolatedError: one of its children.
        """
        self._channel.deadline = deadline
        try:
            if message is not None:
                self._channel.send(*message)
            kind, value = self._channel.receive()
        except Closed:
            raise self._death()
        except Expired:
            raise self._expiry()
        except ValueError as garbage:
            self.kill()
            raise ChildDied("%s: %s" % (self._name, garbage))
        except BaseException:
            self.kill()
            raise
        if kind == "refused":
            raise NotSendable("%s: %s" % (self._name, value))
        if kind == "raised":
            type_name, text, traceback = value
            error = ChildRaised(text, traceback)
            error.type_name = type_name
            raise error
        return value

    def captured(self) -> Tuple[Optional[str], Optional[str]]:
        """What was written to stdout and stderr since this was called last."""
        stdout, stderr = [stream.take() for stream in self._streams] or (None, None)
        return stdout, stderr

    def close(self) -> None:
        """Has the process end in its own time, which is short, and then kills what is left."""
        if self._socket.fileno() < 0:  # killed before
            return
        self._channel.deadline = time.monotonic() + _GRACE
        try:
            self._socket.shutdown(socket.SHUT_WR)
            self._channel.wait_for_end()
        except (Expired, OSError):  # it takes too long, or is gone
            pass
        finally:
            self.kill()

    def kill(self) -> None:
        """Kills the process and all processes of its group."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # nobody is left in the group
            pass
        self._process.wait()
        self._socket.close()
        for log in (self._words, *self._streams):
            log.close()

    def _death(self) -> ChildDied:
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self.kill()
            text = "%s: its process closed the channel to its parent, and was killed"
            return ChildDied(text % self._name, self._words.take())
        self.kill()
        code = self._process.returncode
        words = self._words.take()
        if code >= 0:
            text = "%s: its process ended with exit code %d before the function returned"
            return ChildDied(text % (self._name, code), words, exit_code=code)
        name = _signal_name(-code)
        text = "%s: its process was killed by %s" % (self._name, name)
        if name == "SIGKILL":
            text += self._suspicion()
        return ChildDied(text, words, signal=name)

    def _suspicion(self) -> str:
        kills = oom_kills()
        if kills is None or self._oom_kills is None:
            return " (out of memory?)"
        if kills > self._oom_kills:
            return ": memory ran out, says its control group"
        return " (not for want of memory, as far as its control group knows)"

    def _expiry(self) -> TimedOut:
        self._process.send_signal(LAST_WORDS)
        try:
            self._process.wait(_LAST_WORDS_GRACE)
        except subprocess.TimeoutExpired:
            pass
        self.kill()
        text = "%s: did not return in time, and was killed with all it had started"
        return TimedOut(text % self._name, self._words.take())


class _Log:
    """A file without a name that a process writes and another reads.

    A file, for nobody has to empty it: the process never waits for its reader.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - for as long as the child
        self.handle = self._file.fileno()
        flags = fcntl.fcntl(self.handle, fcntl.F_GETFL)
        fcntl.fcntl(self.handle, fcntl.F_SETFL, flags | os.O_APPEND)
        self._rest = ""

    def take(self) -> str:
        """What was written since the last time."""
        text, self._rest = self._rest, ""
        if not self._file.closed:
            self._file.seek(0)
            text += self._file.read().decode("utf-8", "backslashreplace")
            self._file.truncate(0)
        return text

    def close(self) -> None:
        """Lets go of the file; the rest of it can still be taken."""
        self._rest = self.take()
        self._file.close()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return "signal %d" % number
