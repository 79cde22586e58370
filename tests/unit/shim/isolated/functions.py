"""Functions that are called in other processes. Python 3.5 syntax, standard library only."""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

LOADED_BY = os.getpid()
CALLS = []  # type: list[Any]
# Waits until it is killed; takes no notice of the signals that it could.
STUBBORN = """\
import os, signal, sys
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
os.write(os.open(sys.argv[1], os.O_WRONLY), b"x")
os.write(1, b"x")
while True:
    signal.pause()
"""


def echo(value: Any) -> Any:
    return value


def state(value: Any) -> "dict[str, Any]":
    CALLS.append(value)
    return {"pid": os.getpid(), "loaded by": LOADED_BY, "calls": len(CALLS), "name": __name__}


def describe(names: "list[str]") -> "dict[str, Any]":
    return {
        "environment": {name: os.environ.get(name) for name in names},
        "encodings": [sys.stdout.encoding.lower(), sys.getfilesystemencoding().lower()],
        "argv": sys.argv,
        "path": sys.path,
    }


def fail(message: str) -> None:
    raise ValueError(message)


class Strange(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def fail_strangely(kind: str) -> None:
    if kind == "strange":
        raise Strange()
    if kind == "interrupt":
        raise KeyboardInterrupt
    if kind == "recursion":
        fail_strangely(kind)
    raise ValueError("long " * 1000000)


def unsendable(depth: int) -> Any:
    value = {1, 2}  # type: Any
    for _ in range(depth):
        value = {"key": [0, value]}
    return value


def leave(code: Any) -> None:
    sys.exit(code)


def leave_at_once(code: int) -> None:
    os._exit(code)


def signal_itself(number: int) -> None:
    os.kill(os.getpid(), number)
    signal.pause()


def crash(_: None) -> None:
    ctypes.string_at(0)


def speak(words: str) -> str:
    sys.stdout.write(words + "\n")
    sys.stderr.write("error: " + words + "\n")
    os.write(1, b"by handle\n")
    ctypes.CDLL(None).puts(b"by C")
    subprocess.check_call([sys.executable, "-c", "print('by a child')"])
    return sys.stdin.read()


def speak_and_fail(words: str) -> None:
    sys.stdout.write(words + "\n")
    raise ValueError(words)


def announce(fifo: str) -> None:
    """Says that it runs to the reader of a FIFO, which learns of the end too, and never returns."""
    os.write(os.open(fifo, os.O_WRONLY), b"x")
    while True:
        pass


def start_others(fifo: str) -> None:
    """Starts processes, one of them from one that has ended, and never returns."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    subprocess.check_call(["sh", "-c", '"$@" & exit 0', "sh", *_stubborn(fifo)])
    subprocess.Popen(_stubborn(fifo)).wait()


def leave_others_behind(fifo: str) -> None:
    other = subprocess.Popen(_stubborn(fifo), stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.read(1)


def _stubborn(fifo: str) -> "list[str]":
    return [sys.executable, "-c", STUBBORN, fifo]


def fork_and_die(fifo: str) -> None:
    """Leaves a process behind that has all handles of this one."""
    ready, write = os.pipe()
    if not os.fork():
        os.open(fifo, os.O_WRONLY)
        os.write(write, b"x")
        while True:
            signal.pause()
    os.read(ready, 1)
    os._exit(5)


def fork_and_return(_: None) -> int:
    if os.fork():
        os.wait()
    return os.getpid()


def fork_and_exit(_: None) -> None:
    """The other process exits, this one does so without a word."""
    if not os.fork():
        sys.exit("words of the other")
    os.wait()
    os._exit(4)


def meet(fifos: "list[str]") -> str:
    """Returns only if another does the same with the FIFOs the other way round."""
    handles = []  # type: list[Any]

    def read() -> None:
        with Path(fifos[0]).open() as file:
            handles.append(file.read())

    thread = threading.Thread(target=read)
    thread.start()
    with Path(fifos[1]).open("w") as file:
        file.write(fifos[1])
    thread.join()
    return str(handles[0])


def use_too_much(limit: int) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    return len(bytearray(2 * limit))


def close_handles(_: None) -> None:
    os.closerange(3, 256)


def babble(_: None) -> None:
    """Writes to every socket that there is."""
    for handle in Path("/proc/self/fd").iterdir():
        if handle.is_socket():
            os.write(int(handle.name), b"nothing that anybody expects to read here")


class Namespace:
    @staticmethod
    def method(value: Any) -> "list[Any]":
        return [value]
