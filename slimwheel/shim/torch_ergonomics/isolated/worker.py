"""Calling functions in other processes: once, or many times in one that is kept."""

import os
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Mapping, Optional, Tuple, Type, Union

from . import target as targets
from .environment import child_environment
from .errors import IsolatedError
from .values import Message, encode

if TYPE_CHECKING:
    from .process import Child

# "pass": the child writes where this process does. "capture": errors have what it wrote. A function
# is given that, stdout and stderr, when the child has loaded and after every call.
Output = Union[str, Callable[[str, str], Any]]


class Worker:
    """A function in a process of its own, which is started once and called many times.

    The process starts with `start` or the first call, and loads the function's file or module
    once. It ends with `close`, and with this process. Where it dies, the call of the moment fails
    and the next starts another. Calls from several threads are made one after the other.

    Args:
        target: `file.py:function` or `package.module:function`. Files find their neighbours as
            `python file.py` does; after that, and for modules, this process's sys.path holds.
        env: environment variables, on top of this process's own; None removes one.
        threads: of the numerical libraries; see `environment.child_environment`.
        timeout: seconds for each call, the start of the process included if it has to.
        output: "pass", "capture", or a function of two texts.
        max_calls: after so many calls a new process takes over.

    Raises:
        ValueError: an argument has a value that is not listed here.
        FileNotFoundError: there is no such file.
    """

    def __init__(
        self,
        target: str,
        env: Optional[Mapping[str, Optional[str]]] = None,
        threads: Optional[int] = None,
        timeout: Optional[float] = None,
        output: Output = "pass",
        max_calls: Optional[int] = None,
    ) -> None:
        if not callable(output) and output not in ("pass", "capture"):
            raise ValueError('output is %r, not "pass", "capture" or a function' % (output,))
        self._target = targets.parse(target)
        self._environment = child_environment(env, threads)
        self._timeout = timeout
        self._output = output
        self._max_calls = max_calls
        self._calls = 0
        self._child = None  # type: Optional[Child]
        self._lock = threading.Lock()
        self._owner = os.getpid()

    def __call__(self, data: Any, timeout: Optional[float] = None) -> Any:
        """Calls the function with one argument and returns its result.

        Args:
            data: numbers, text, lists, tuples, dictionaries, tensors, arrays, in any depth.
            timeout: seconds, instead of those of the worker.

        Raises:
            ChildRaised: the function did; or its file or module, when it was loaded.
            ChildDied: the process ended.
            TimedOut: the time is over.
            NotSendable: there is something in the argument or the result that is none of these.
        """
        message = encode("call", data, "the argument")
        with self._own_lock():
            deadline = self._deadline(timeout)
            child = self._started(deadline)
            try:
                return self._ask(child, deadline, message)
            finally:
                self._calls += 1
                if self._calls == self._max_calls:
                    self._close()

    def start(self) -> None:
        """Starts the process and loads the function, if that has not been done; errors as above."""
        with self._own_lock():
            self._started(self._deadline(None))

    def close(self) -> None:
        """Ends the process. A later call would start another."""
        if os.getpid() == self._owner:
            with self._lock:
                self._close()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def _own_lock(self) -> threading.Lock:
        if os.getpid() != self._owner:
            raise IsolatedError(
                "this worker belongs to process %d, from which this one was forked: two processes "
                "cannot share it; make one here" % self._owner
            )
        return self._lock

    def _deadline(self, timeout: Optional[float]) -> Optional[float]:
        seconds = self._timeout if timeout is None else timeout
        return None if seconds is None else time.monotonic() + seconds

    def _started(self, deadline: Optional[float]) -> "Child":
        if self._child is not None and self._child.ended():
            self._close()
        if self._child is None:
            # Here, for it takes time, and POSIX; importing this package should not.
            from .process import Child

            self._calls = 0
            self._child = Child(self._target, self._environment, self._output != "pass")
            try:
                self._ask(self._child, deadline)
            except BaseException:
                self._close()
                raise
        return self._child

    def _ask(
        self, child: "Child", deadline: Optional[float], message: Optional[Message] = None
    ) -> Any:
        try:
            value = child.ask(deadline, message)
        except IsolatedError as error:
            error.stdout, error.stderr = self._written(child)
            raise
        self._written(child)
        return value

    def _written(self, child: "Child") -> Tuple[Optional[str], Optional[str]]:
        stdout, stderr = child.captured()
        if callable(self._output):
            self._output(stdout or "", stderr or "")
        return stdout, stderr

    def _close(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.close()


def run_isolated(
    target: str,
    data: Any,
    timeout: Optional[float] = None,
    env: Optional[Mapping[str, Optional[str]]] = None,
    threads: Optional[int] = None,
    output: Output = "pass",
) -> Any:
    """Calls a function with one argument in a fresh process and returns its result.

    Arguments, types of data and errors are those of Worker and its calls. Nothing that the function
    starts outlives the call, unless it makes a session of its own.
    """
    with Worker(target, env, threads, timeout, output) as worker:
        return worker(data)


def execute_workaround(input_data: Any, entrypoint_file: str, function: str) -> Any:
    """`run_isolated` under the name and with the arguments that pytorch-ergonomics had.

    Args:
        input_data: what the function is called with.
        entrypoint_file: the file that it is defined in; it is not changed.
        function: its name.
    """
    return run_isolated("%s:%s" % (os.path.abspath(entrypoint_file), function), input_data)
