"""The child: loads the function, and calls it with what the parent sends.

Ends when the parent wants no more of it; when the parent is gone it ends at once, with all that it
started.
"""

import ctypes
import faulthandler
import os
import select
import signal
import sys
import threading
import traceback
from typing import Any, Callable, List

from .channel import Channel, Closed
from .errors import NotSendable
from .target import Target, load
from .values import Message, encode

# The parent asks by it where the function is, before it kills the child.
LAST_WORDS = signal.SIGUSR2
# How often, in milliseconds, the child looks whether it still has its parent. Its end is seen at
# once, unless another process that the parent forked holds the socket too.
_LOOK = 1000


def main(handle: int, words: int, parent: int, target: List[str]) -> None:
    """Runs in the child. Replies when the function is loaded, and then to every message.

    Args:
        handle: of the socket to the parent.
        words: handle of the file for what the child has to say when it dies.
        parent: process id.
        target: the fields of a Target.
    """
    for inherited in (handle, words):
        os.set_inheritable(inherited, False)
    faulthandler.enable(words)
    faulthandler.register(LAST_WORDS, words, chain=True)
    threading.Thread(target=_watch, args=(handle, parent), daemon=True).start()
    channel = Channel(handle)
    functions = []  # none where loading fails: then all is said
    try:
        _reply(channel, words, lambda: functions.append(load(Target(*target))))
        while functions:
            _reply(channel, words, lambda: functions[0](channel.receive()[1]))
    except Closed:
        pass


def _watch(handle: int, parent: int) -> None:
    hang_up = select.poll()
    hang_up.register(handle, 0)
    while os.getppid() == parent and not hang_up.poll(_LOOK):
        pass
    os.killpg(os.getpgid(0), signal.SIGKILL)


def _reply(channel: Channel, words: int, work: Callable[[], Any]) -> None:
    me = os.getpid()
    try:
        message = _outcome(work)
    except SystemExit as error:
        if os.getpid() == me:
            os.write(words, _text(error).encode("utf-8", "backslashreplace"))
        raise
    finally:
        # The function may have forked and returned twice. One of the two speaks here.
        if os.getpid() != me:
            os._exit(0)
    _flush()
    channel.send(*message)


def _outcome(work: Callable[[], Any]) -> Message:
    try:
        result = work()
    except (Closed, SystemExit):
        raise
    except BaseException as error:
        kind = type(error)
        name = kind.__qualname__
        if kind.__module__ != "builtins":
            name = "%s.%s" % (kind.__module__, name)
        message = "".join(traceback.format_exception_only(kind, error)).strip()
        return encode("raised", [name, message, _text(error)], "the error")
    try:
        return encode("result", result, "the result")
    except NotSendable as error:
        return encode("refused", str(error), "the error")


def _text(error: BaseException) -> str:
    # The first places are in this file, and say nothing to anyone.
    first = error.__traceback__
    while first is not None and first.tb_frame.f_code.co_filename == __file__:
        first = first.tb_next
    return "".join(traceback.format_exception(type(error), error, first))


def _flush() -> None:
    """Hands on what the function wrote, also where C libraries wrote it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):  # none, gone, or closed by the function
            pass
    ctypes.CDLL(None).fflush(None)
