"""Import a slim package and say what the shim's own calls took of that.

Run as a process of its own by the wheel's Python, 3.6 and newer: `python time_shim.py PACKAGE`.
Prints an object: `calls` has seconds by call, `import` those of the whole import. A call inside
another is part of that one and not counted again.

Until the package is there this imports nothing that the shim would then find loaded.
"""

import sys
from time import perf_counter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LOADING = "loading"
FINDER = "finder"


class Calls:
    """Seconds by call. `outermost` is the call that runs, if one does."""

    def __init__(self) -> None:
        self.seconds = {}  # type: dict[str, float]
        self.outermost = None  # type: str | None

    def timed(self, name: str, function: "Callable[..., Any]") -> "Callable[..., Any]":
        """A function that does the same and is timed."""

        def call(*arguments: "Any", **named: "Any") -> "Any":
            if self.outermost is not None:
                return function(*arguments, **named)
            self.outermost = name
            started = perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self.add(name, started)

        return call

    def add(self, name: str, started: float) -> None:
        """End a call that was the outermost."""
        self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - started
        self.outermost = None


class Watch:
    """A finder ahead of all others: has the boot package's functions timed once it is loaded.

    Finding and loading the package is timed too; it happens inside no other call.
    """

    def __init__(self, boot: str, calls: Calls) -> None:
        self.boot = boot
        self.calls = calls

    def find_spec(self, name: str, path: "Any" = None, target: "Any" = None) -> "Any":
        if name == self.boot:
            self.calls.outermost = LOADING
        elif name != self.boot + ".finder":
            return None
        started = perf_counter()
        others = (finder.find_spec(name, path, target) for finder in sys.meta_path[1:])
        spec = next(found for found in others if found is not None)  # type: Any
        load = spec.loader.exec_module

        def exec_module(module: "Any") -> None:
            load(module)
            if name == self.boot:
                self.calls.add(LOADING, started)
                for function in module.__all__:
                    self.time(module, function, function)
            else:
                self.time(module.RemovedModules, "find_spec", FINDER)

        spec.loader.exec_module = exec_module
        return spec

    def time(self, owner: "Any", function: str, name: str) -> None:
        setattr(owner, function, self.calls.timed(name, getattr(owner, function)))


def main() -> None:
    package = sys.argv[1]
    calls = Calls()
    sys.meta_path.insert(0, Watch(package + "._slimwheel", calls))
    started = perf_counter()
    __import__(package)
    took = perf_counter() - started
    import json

    print(json.dumps({"calls": calls.seconds, "import": took}))


if __name__ == "__main__":
    main()
