"""Answers the import of a removed module."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

_IMPORT_SYSTEM = sys.modules["_frozen_importlib"].__dict__


class RemovedModules:
    """A finder for the end of sys.meta_path: whoever asks it has found nothing elsewhere.

    An import of a removed module raises; a probe (`importlib.util.find_spec`) gets None, as it
    would without this finder: a probe asks whether a module is there, and it is not.
    """

    def __init__(self, modules: "dict[str, str]") -> None:
        self.modules = modules

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:  # noqa: ARG002
        """None, for it finds nothing.

        Raises:
            RemovedModuleError: an import asks for a removed module.
        """
        rule = self.modules.get(fullname)
        if rule is None:
            return
        functions = _import_functions(sys._getframe(1))
        if "_find_and_load_unlocked" not in functions:
            return
        from . import guards, manifest

        if not manifest.is_back(rule):
            raise guards.module_error(fullname, rule, "_handle_fromlist" in functions)


def install(modules: "dict[str, str]") -> None:
    """Put one finder for the modules at the end of sys.meta_path, in place of an earlier one."""
    # By name, for after importlib.reload the class is another.
    name = (RemovedModules.__module__, RemovedModules.__name__)
    sys.meta_path[:] = [
        finder
        for finder in sys.meta_path
        if (type(finder).__module__, type(finder).__name__) != name
    ]
    sys.meta_path.append(RemovedModules(modules))


def _import_functions(frame: "FrameType | None") -> "set[str]":
    """Names of the import system's functions that the frame runs in.

    An import comes through _find_and_load_unlocked, in CPython 3.3 to 3.14 at least; a probe
    calls _find_spec from outside. Where that should change, a removed module gets Python's own
    error instead of ours, and nothing breaks.
    """
    functions = set()
    while frame is not None and frame.f_globals is _IMPORT_SYSTEM:
        functions.add(frame.f_code.co_name)
        frame = frame.f_back
    return functions
