"""Run by every Python that is found, in a directory that holds torch_ergonomics.

`python scenarios.py NAME` runs one function. Python 3.5 syntax, standard library only.
"""

import collections
import importlib
import math
import os
import pickle
import select
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path.cwd()))
isolated = importlib.import_module("torch_ergonomics")
FILE = str(Path(__file__).with_name("functions.py"))
# Nothing here takes that long, unless it hangs.
LONG = 40


def run(function: str, data: Any = None, **options: Any) -> Any:
    options.setdefault("timeout", LONG)
    return isolated.run_isolated(FILE + ":" + function, data, **options)


def worker(function: str, **options: Any) -> Any:
    options.setdefault("timeout", LONG)
    return isolated.Worker(FILE + ":" + function, **options)


def raised(kind: str, call: Any, *args: Any, **options: Any) -> Any:
    try:
        call(*args, **options)
    except Exception as error:
        if type(error).__name__ == kind:
            return error
        raise
    raise AssertionError("nothing was raised")


class Fifo:
    """Tells when a process has opened it, and when all that have are gone, once."""

    def __init__(self) -> None:
        self.path = tempfile.mktemp(dir=str(Path.cwd()))
        os.mkfifo(self.path)
        self.handle = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)

    def opened(self, times: int) -> bool:
        """Whether so many processes have opened it already."""
        try:
            return len(os.read(self.handle, 100)) == times
        except BlockingIOError:
            return False

    def wait_until_opened(self) -> None:
        assert select.select([self.handle], [], [], LONG)[0]
        assert os.read(self.handle, 1) == b"x"

    def wait_until_left(self) -> None:
        content = b"x"
        while content:
            assert select.select([self.handle], [], [], LONG)[0], "a process is still there"
            content = os.read(self.handle, 100)


def values() -> None:
    value = {
        "numbers": [0, -1, 1 << 70, 1.5, -0.0, 1e308, True, False, None],
        "text": ["", "naïve 日本 \U0001f600", "\ud800", "\0", "'\"\\"],
        "tuples": (1, (), [(2,)], {"in": (3,)}),
        "$tuple": {"$dict": [[1]], "$tensor": 4},
        "empty": [{}, [], ()],
        3: {None: 1, 1.5: 2, (1, 2): 3, True: 4},
    }
    with worker("echo") as echo:
        assert repr(echo(value)) == repr(value)
        for infinite in (math.inf, -math.inf):
            assert echo(infinite) == infinite
        assert math.isnan(echo(math.nan))
        text = "é" * 5000000
        assert echo(text) == text
        assert type(echo(collections.OrderedDict(a=signal.SIGTERM))) is dict


def refused() -> None:
    cycle = []  # type: list[Any]
    cycle.append(cycle)
    with worker("unsendable") as call:
        for data, words in (
            ({"a": [1, b""]}, "the argument['a'][1]: <class 'bytes'> cannot be sent"),
            ({1: {frozenset(): 1}}, "the argument[1][frozenset()]: <class 'frozenset'>"),
            (cycle, "the argument contains itself, or is too deep"),
            (1j, "the argument: <class 'complex'> cannot be sent"),
        ):
            error = raised("NotSendable", call, data)
            assert words in str(error), error
            assert isinstance(error, TypeError)
        error = raised("NotSendable", call, 1)
        assert "unsendable of " + FILE + ": the result['key'][1]: <class 'set'>" in str(error)


def raises() -> None:
    with worker("fail") as call:
        error = raised("ChildRaised", call, "naïve")
        assert str(error).startswith("ValueError: naïve\n\nIn the child process:\nTraceback")
        assert error.type_name == "ValueError"
        lines = error.traceback.splitlines()
        # No place but the function's own.
        assert lines[1].startswith('  File "' + FILE + '", line '), lines
        assert lines[-1] == "ValueError: naïve"
        assert (error.exit_code, error.signal, error.stdout, error.stderr) == (None,) * 4
        copy = pickle.loads(pickle.dumps(error))
        assert (str(copy), vars(copy)) == (str(error), vars(error))
        assert raised("ChildRaised", call, "again").args == ("ValueError: again",)


def raises_strangely() -> None:
    with worker("fail_strangely") as call:
        error = raised("ChildRaised", call, "strange")
        assert error.type_name == "functions.Strange", error.type_name
        assert str(error).startswith("functions.Strange: <"), error
        assert raised("ChildRaised", call, "interrupt").type_name == "KeyboardInterrupt"
        assert raised("ChildRaised", call, "recursion").type_name == "RecursionError"
        error = raised("ChildRaised", call, "long")
        assert len(error.traceback) > 5000000
        assert len(str(error)) < 20000
        assert str(error).startswith("ValueError: long long")
        assert str(error).endswith("long long")


def cannot_load() -> None:
    error = raised("ChildRaised", run, "nothing")
    assert error.type_name == "AttributeError"
    Path("broken.py").write_text("import json\nimport no_such_module_anywhere\n")
    Path("wrong.py").write_text("def f(:\n")
    for target, kind in (
        ("broken.py:f", "ModuleNotFoundError"),
        ("wrong.py:f", "SyntaxError"),
        ("no_such.module:f", "ModuleNotFoundError"),
        ("json:no.function", "AttributeError"),
    ):
        error = raised("ChildRaised", isolated.run_isolated, target, None, timeout=LONG)
        assert error.type_name == kind, error
    assert "broken.py" in raised("ChildRaised", isolated.Worker("broken.py:f").start).traceback
    for target in ("functions.py", "json:", ":f", "json:1", ""):
        assert repr(target) in str(raised("ValueError", isolated.Worker, target))
    error = raised("FileNotFoundError", isolated.run_isolated, "absent/file.py:f", 1)
    assert error.filename == "absent/file.py"


def exits() -> None:
    for function, argument, code in (
        ("leave", 3, 3),
        ("leave", "some words", 1),
        ("leave", None, 0),
        ("leave_at_once", 7, 7),
    ):
        error = raised("ChildDied", run, function, argument, output="capture")
        assert (error.exit_code, error.signal) == (code, None)
        words = "ended with exit code " + str(code) + " before the function returned"
        assert words in str(error)
        assert ("SystemExit" in (error.traceback or "")) == (function == "leave")
        assert ("some words" in error.stderr) == (argument == "some words")


def crashes() -> None:
    error = raised("ChildDied", run, "crash")
    assert (error.exit_code, error.signal) == (None, "SIGSEGV")
    assert "functions.py" in error.traceback
    assert "in crash" in error.traceback
    for number in (signal.SIGABRT, signal.SIGTERM):
        error = raised("ChildDied", run, "signal_itself", int(number))
        assert error.signal == number.name
        assert str(error).splitlines()[0].endswith("was killed by " + number.name)
    error = raised("ChildDied", run, "signal_itself", int(signal.SIGKILL))
    assert error.signal == "SIGKILL"
    assert "memory" in str(error)
    error = raised("ChildDied", run, "signal_itself", int(signal.SIGRTMIN) + 1)
    assert error.signal == "signal " + str(signal.SIGRTMIN + 1)


def passes_output() -> None:
    assert run("speak", "naïve") == ""


def captures_output() -> None:
    said = []  # type: list[Any]
    with worker("speak", output=lambda *texts: said.append(texts)) as call:
        call.start()
        assert said == [("", "")]
        for words in ("naïve", "again"):
            assert call(words) == ""
            stdout, stderr = said.pop()
            written = stdout.splitlines()
            assert sorted(written) == sorted([words, "by handle", "by C", "by a child"]), written
            assert stderr == "error: " + words + "\n"
    with worker("speak_and_fail", output="capture") as call:
        error = raised("ChildRaised", call, "once")
        assert (error.stdout, error.stderr) == ("once\n", "")
        assert raised("ChildRaised", call, "twice").stdout == "twice\n"
    assert "output is 'file'" in str(raised("ValueError", worker, "echo", output="file"))


def times_out() -> None:
    for function, times in (("announce", 1), ("start_others", 2)):
        fifo = Fifo()
        with worker(function) as call:
            call.start()
            # A machine that is busy may need more until all of them run.
            for timeout in (0.4, 4, LONG):
                error = raised("TimedOut", call, fifo.path, timeout=timeout)
                if fifo.opened(times):
                    break
            fifo.wait_until_left()
            assert (error.exit_code, error.signal) == (None, None)
            assert "functions.py" in error.traceback
            assert "in " + function in error.traceback
            assert str(pickle.loads(pickle.dumps(error))) == str(error)
            assert isinstance(error, TimeoutError)


def times_out_while_it_listens_not() -> None:
    with worker("state") as call:
        pid = call(0)["pid"]
        os.kill(pid, signal.SIGSTOP)
        raised("TimedOut", call, "long " * 1000000, timeout=0.1)
        assert call(1)["pid"] != pid


def leaves_nothing_behind() -> None:
    fifo = Fifo()
    run("leave_others_behind", fifo.path)
    fifo.wait_until_left()


def dies_before_its_children() -> None:
    fifo = Fifo()
    error = raised("ChildDied", run, "fork_and_die", fifo.path)
    assert error.exit_code == 5
    fifo.wait_until_left()


def returns_twice() -> None:
    with worker("fork_and_return") as call:
        assert call(None) == call(None)


def only_one_of_two_has_last_words() -> None:
    error = raised("ChildDied", run, "fork_and_exit", output="capture")
    assert error.exit_code == 4
    assert "words of the other" not in (error.traceback or "")


def stays_warm() -> None:
    with worker("state") as call:
        first = call(0)
        assert first["pid"] == first["loaded by"] != os.getpid()
        assert first["name"] == "functions"
        assert call(0) == dict(first, calls=2)
        os.kill(first["pid"], signal.SIGKILL)
        call._child._process.wait()
        second = call(0)
        assert second["pid"] != first["pid"]
        assert second["calls"] == 1
    # It is closed, and starts again.
    with call:
        assert call(0)["calls"] == 1
    call.close()


def restarts() -> None:
    with worker("leave") as call:
        for code in (1, 2):
            assert raised("ChildDied", call, code).exit_code == code
    with worker("state", max_calls=2) as call:
        assert [call(0)["calls"] for _ in range(5)] == [1, 2, 1, 2, 1]


def serves_threads() -> None:
    names = [str(Path.cwd() / name) for name in ("one", "two")]
    for name in names:
        os.mkfifo(name)
    results = []  # type: list[Any]

    def call(of: Any, data: Any) -> None:
        results.append(of(data))

    def together(*calls: Any) -> None:
        threads = [threading.Thread(target=call, args=args) for args in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    # Two workers work at the same time.
    with worker("meet") as one, worker("meet") as two:
        together((one, names), (two, names[::-1]))
    assert sorted(results) == sorted(names)
    # One does not, and gets nothing mixed up.
    del results[:]
    with worker("echo") as echo:
        together(*[(echo, [number] * 100000) for number in range(8)])
    assert sorted(results) == [[number] * 100000 for number in range(8)]


def belongs_to_one_process() -> None:
    with worker("state") as call:
        pid = call(0)["pid"]
        child = os.fork()
        if not child:
            try:
                with call:
                    error = raised("IsolatedError", call, 1)
                    assert "belongs to process " + str(os.getppid()) in str(error)
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        assert call(0)["pid"] == pid


def ends_with_its_parent() -> None:
    for number in (signal.SIGKILL, signal.SIGINT):
        fifo = Fifo()
        # What a shell starts in the background ignores SIGINT, and hands that on.
        parent = subprocess.Popen(
            [sys.executable, "-B", __file__, "calls_for_ever", fifo.path],
            stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        try:
            fifo.wait_until_opened()
            parent.send_signal(number)
            fifo.wait_until_left()
            assert (b"KeyboardInterrupt" in parent.communicate()[1]) == (number == signal.SIGINT)
        finally:
            parent.kill()


def calls_for_ever() -> None:
    isolated.run_isolated(FILE + ":announce", sys.argv[2])


def gives_an_environment() -> None:
    names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LC_ALL", "A", "B"]
    os.environ.update(A="parent's", B="parent's", LC_ALL="C", OMP_NUM_THREADS="5")
    os.environ.pop("MKL_NUM_THREADS", None)
    for options, expected in (
        ({}, ["5", None, None, "C.UTF-8", "parent's", "parent's"]),
        (
            {"threads": 2, "env": {"A": None, "B": "given"}},
            ["2", "2", "2", "C.UTF-8", None, "given"],
        ),
        (
            {"threads": 2, "env": {"MKL_NUM_THREADS": "1", "LC_ALL": "POSIX"}},
            ["2", "1", "2", "POSIX", "parent's", "parent's"],
        ),
    ):  # type: tuple[dict[str, Any], list[str | None]]
        said = run("describe", names, **options)
        assert [said["environment"][name] for name in names] == expected
        if not options:
            assert said["encodings"] == ["utf-8", "utf-8"]
    assert "threads is 0" in str(raised("ValueError", run, "echo", threads=0))


def finds_modules() -> None:
    """A file's neighbours, then what the parent finds; never torch_ergonomics' own modules."""
    folder = Path("naïve folder")
    folder.mkdir()
    file = folder / "json.py"  # as a module that Python has, and that is loaded already
    text = (
        "import sys\nimport neighbour, on_path\n"
        "if __name__ == '__main__':\n    raise SystemExit(1)\n"
        "def f(value):\n    return [value, neighbour.__file__, sys.argv, __file__]\n"
    )
    file.write_text(text)
    (folder / "neighbour.py").write_text("")
    Path("on_path.py").write_text("def f(value):\n    import sys\n    return [value, sys.path]\n")
    result = isolated.run_isolated(str(file) + ":f", "naïve", timeout=LONG)
    where = str(folder.absolute())
    assert result == ["naïve", where + "/neighbour.py", [where + "/json.py"], where + "/json.py"]
    assert isolated.execute_workaround({"a": 1}, str(file), "f")[0] == {"a": 1}
    assert file.read_text() == text
    assert isolated.run_isolated("on_path:f", 1, timeout=LONG) == [1, sys.path]
    assert run("Namespace.method", 1) == [1]
    # Where only the parent knows of torch_ergonomics.
    path = sys.path[:]
    sys.path.remove(str(Path.cwd()))
    assert run("echo", 1) == 1
    sys.path[:] = path
    os.chdir(str(folder))
    assert isolated.execute_workaround(2, "json.py", "f")[0] == 2


def runs_out_of_memory() -> None:
    with worker("use_too_much") as call:
        assert raised("ChildRaised", call, 1 << 30).type_name == "MemoryError"
        assert raised("ChildRaised", call, 1 << 30).type_name == "MemoryError"


def loses_its_channel() -> None:
    error = raised("ChildDied", run, "close_handles", output="capture")
    assert error.exit_code == 1
    error = raised("ChildDied", run, "babble")
    assert "no message" in str(error)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
