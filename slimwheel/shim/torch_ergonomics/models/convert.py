"""Makes portable models of the archives that pytorch-ergonomics wrote.

In the pickles of most of these, the import path of the network's package was replaced by another
text, wherever it stood. Putting the path back undoes that, whatever it hit. Another name will do
as well in a pickle whose names have no lengths, as those of protocols 2 and 3.
"""

import inspect
import io
import os
import pickle
import sys
import tempfile
import traceback
import warnings
from typing import Any, Dict, List, Optional, Sequence

from ..isolated import IsolatedError, run_isolated
from .draft import has_known_arguments
from .errors import NotPortable, PortableError
from .old_archive import Old, import_path, read_old, unpack
from .saving import NotCarried, save_portable

_PACKAGE = "network"
_PICKLE = "model.t7"
# torch.save begins with a pickle of this number; since torch 1.6 it writes a zip archive.
_TORCH_SAVE = (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", b"PK\x03\x04")


def convert(
    old: Any,
    new: Any,
    trust: bool = False,
    package: Optional[str] = None,
    sources: Any = None,
    config: Any = None,
    allow: Sequence[str] = (),
    allow_pickle: bool = False,
    example: Any = None,
) -> Any:
    """Makes a portable model of an archive that pytorch-ergonomics wrote.

    This runs the old archive's code and its pickle, in a process of its own. The new archive is
    checked as `save_portable` does, and only then gets its name.

    Args:
        old: path of the archive, which stays as it is.
        new: path of the portable model.
        trust: that the old archive may run; without it this is refused.
        package: import path that the sources had when the archive was saved (`mod_path` then), as
            "src.project.networks". Without it, the one by which they import one another; if none
            does, "network".
        sources: directory to import from instead of the archive's sources, with the package in it
            under its whole path.
        config: arguments of the network's class, a dictionary for named ones or a list; old
            archives do not have them. Not needed for classes that take none.
        allow: as for save_portable.
        allow_pickle: as for save_portable; keeps networks whose arguments nobody knows.
        example: as for save_portable.

    Returns:
        `new`.

    Raises:
        BadArchive: the file is no such archive, or is damaged. Nothing of it ran.
        NotPortable: it has no network, its network cannot be loaded or saved; the message says
            where and why.
        ValueError: it is not trusted, `package` is no import path, or both paths are of one file.
        OSError: a file cannot be read or written.
    """
    path, target = os.path.abspath(os.fspath(old)), os.path.abspath(os.fspath(new))
    if not trust:
        raise ValueError(
            "%s: its code and its pickle run when it is converted, and may do anything. If you "
            "trust it as you trust a program, say so: trust=True, --trust" % path
        )
    if package is not None and not all(part.isidentifier() for part in package.split(".")):
        raise ValueError("%r is no import path, as src.project.networks is" % package)
    if os.path.exists(target) and os.path.samefile(path, target):
        raise ValueError("%s would be replaced by what is made of it: give another path" % path)
    found = read_old(path)
    if found.replacement and package is None:
        package = import_path(found) or _PACKAGE
    with tempfile.TemporaryDirectory() as folder:
        if sources is None:
            below = package.split(".") if package and found.replacement else []
            unpack(found, os.path.join(folder, *below))
        request = {
            "folder": folder,
            "root": folder if sources is None else os.path.abspath(os.fspath(sources)),
            "package": package,
            "config": config,
            "example": example,
            "path": target,
            "allow": list(allow),
            "allow_pickle": allow_pickle,
        }
        with open(os.path.join(folder, _PICKLE), "wb") as file:
            file.write(_undone(found, package))
        try:
            kind, words, not_carried = run_isolated("%s:answer" % __name__, request)
        except IsolatedError as error:
            raise NotPortable("%s: while it was converted, %s" % (path, error))
    if kind == "OSError":
        raise OSError(*words)
    if kind is not None:
        text = "%s: %s" % (path, words[0].replace(folder + os.sep, ""))
        if kind == _NotUnpickled.__name__ and found.replacement:
            text += _hint(found, package)
        raise NotPortable(text)
    if found.left:
        not_carried.append("%s: not carried: %s" % (path, ", ".join(found.left)))
    for text in not_carried:
        warnings.warn(text, NotCarried, stacklevel=2)
    return new


def answer(request: Dict[str, Any]) -> List[Any]:
    """What the process does in which the old archive runs.

    Returns:
        The kind of error, None if there was none; its arguments; texts of warnings.
    """
    not_carried = []  # type: List[str]
    show = warnings.showwarning

    def note(message: Any, category: Any, *args: Any, **kwargs: Any) -> None:
        if category is NotCarried:
            not_carried.append(str(message))
        else:
            show(message, category, *args, **kwargs)

    sys.path.insert(0, request["root"])
    sys.dont_write_bytecode = True
    try:
        network = _unpickle(request)
        with warnings.catch_warnings():
            warnings.simplefilter("always", NotCarried)
            warnings.showwarning = note
            save_portable(
                network,
                request["package"],
                request["path"],
                config=request["config"],
                example=request["example"],
                allow=request["allow"],
                allow_pickle=request["allow_pickle"],
            )
    except PortableError as error:
        return [type(error).__name__, [str(error)], []]
    except OSError as error:
        return ["OSError", [error.errno, error.strerror, error.filename], []]
    return [None, [], not_carried]


def _unpickle(request: Dict[str, Any]) -> Any:
    """The network; what its code raises becomes NotPortable."""
    import torch

    try:
        with open(os.path.join(request["folder"], _PICKLE), "rb") as file:
            by_torch = file.read(32).startswith(_TORCH_SAVE)
            file.seek(0)
            network = _torch_load(file) if by_torch else _OnCPU(file).load()
    except Exception as error:
        place = "the network cannot be unpickled"
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename.startswith(request["root"] + os.sep):
                place = "%s:%d: `%s`" % (frame.filename, frame.lineno or 0, frame.line)
        raise _NotUnpickled("%s: %s: %s" % (place, type(error).__name__, error))
    if not isinstance(network, torch.nn.Module):
        raise NotPortable(
            "its pickle is of a %s, not of a torch.nn.Module: there is no network to convert"
            % type(network).__qualname__
        )
    kind = type(network)
    where = os.path.realpath(getattr(sys.modules[kind.__module__], "__file__", None) or "")
    if not where.startswith(os.path.realpath(request["root"]) + os.sep):
        raise NotPortable(
            "its network is a %s of %s (%s), which is not among the sources: convert it where no "
            "other module has this name" % (kind.__qualname__, kind.__module__, where or "no file")
        )
    if request["config"] is None and not (request["allow_pickle"] or has_known_arguments(network)):
        raise NotPortable(
            "%s%s takes arguments, which old archives do not have: give them (config, --config), "
            "or keep a pickle (allow_pickle, --allow-pickle)"
            % (kind.__qualname__, inspect.signature(kind))
        )
    return network


class _NotUnpickled(NotPortable):
    pass


class _OnCPU(pickle.Unpickler):
    """Tensors that were on a GPU come to the CPU."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch.storage", "_load_from_bytes"):
            return _storage
        return super().find_class(module, name)


def _storage(data: bytes) -> Any:
    return _torch_load(io.BytesIO(data))


def _torch_load(file: Any) -> Any:
    import torch

    known = inspect.signature(torch.load).parameters
    options = {"weights_only": False} if "weights_only" in known else {}  # type: Dict[str, Any]
    return torch.load(file, map_location="cpu", **options)


def _undone(old: Old, package: Optional[str]) -> bytes:
    """The pickle with the import path in it."""
    if not old.replacement or package is None:
        return old.pickle
    return old.pickle.replace(old.replacement.encode(), package.encode())


def _hint(old: Old, package: Optional[str]) -> str:
    text = "\nThe sources were taken for those of %s" % package
    protocol = old.pickle[1] if old.pickle[:1] == b"\x80" else 0
    if protocol > 3:
        text += ", and a pickle of protocol %d can be read by the right name only" % protocol
    return text + (
        ". If their import path was another when the archive was saved, give that (package, "
        "--package). If it had packages below it, put the sources where they belong in a "
        "directory and give that, too (sources, --sources)"
    )
