"""The modules of loaded archives: each archive's below a package of its own.

`torch_ergonomics.loaded.m<digest>.net.model` is the module net.model of the archive whose manifest
has this sha256. Modules are made from memory. Inside an archive `import net` means the archive's
own net; outside nobody's net is touched, so archives with modules of the same names stay apart.

Other processes find an archive's modules too, when they unpickle what refers to them (workers of a
DataLoader that were spawned, say): an environment variable, which they inherit, says where the
archives are, and the digest proves that they are still the same.
"""

import builtins
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import sys
import threading
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

ENVIRONMENT = "TORCH_ERGONOMICS_ARCHIVES"
_DIGITS = 32

# A package that has no folder: the finder below knows what is in it.
__path__ = []  # type: List[str]

Code = NamedTuple(
    "Code",
    [
        ("path", str),  # of the archive
        ("sources", Dict[str, Tuple[bool, bytes]]),  # by module: is it a package, its code
        ("namespaces", List[str]),  # packages without code
        ("outside", Dict[str, Optional[str]]),  # what they import from elsewhere, with its version
    ],
)

_lock = threading.Lock()
_CODE = {}  # type: Dict[str, Code]


def package_name(digest: str) -> str:
    """The package that the modules of an archive are below.

    Args:
        digest: sha256 of its manifest, in hexadecimal.
    """
    return "%s.m%s" % (__name__, digest[:_DIGITS])


def register(digest: str, code: Code) -> str:
    """Makes an archive's modules importable, here and in processes started from here.

    Returns:
        The package that they are below.
    """
    name = package_name(digest)
    _CODE[name] = code
    with _lock:
        places = _places()
        places[name] = code.path
        os.environ[ENVIRONMENT] = json.dumps(places)
    return name


def bare_name(module: str) -> str:
    """The name that a module has inside its archive; of other modules their own name."""
    return module.split(".", 3)[3] if _root(module) and module.count(".") > 2 else module


def code_of(module: str) -> Optional[Code]:
    """The code of the archive that a module is of, or None."""
    return _CODE.get(_root(module))


def _root(module: str) -> str:
    parts = module.split(".")
    return ".".join(parts[:3]) if module.startswith(__name__ + ".m") and len(parts) > 2 else ""


def _places() -> Dict[str, str]:
    try:
        places = json.loads(os.environ.get(ENVIRONMENT, "{}"))
    except ValueError:
        return {}
    return places if isinstance(places, dict) else {}


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname: str, _path: Any = None, _target: Any = None) -> Any:
        root = _root(fullname)
        if not root:
            return None
        code = _CODE.get(root) or self._elsewhere(root)
        name = bare_name(fullname)
        if fullname == root or name in code.namespaces:
            spec = importlib.machinery.ModuleSpec(fullname, _Loader(code), is_package=True)
            spec.submodule_search_locations = []
            return spec
        if name not in code.sources:
            return None
        is_package = code.sources[name][0]
        loader = _Loader(code)
        spec = importlib.machinery.ModuleSpec(
            fullname, loader, origin=loader.get_filename(fullname), is_package=is_package
        )
        if is_package:
            spec.submodule_search_locations = []
        spec.has_location = True
        return spec

    @staticmethod
    def _elsewhere(root: str) -> Code:
        """Code of an archive that another process loaded."""
        path = _places().get(root)
        if path is None:
            raise ImportError(
                "%s is the code of a portable model that is not loaded here: load it with "
                "torch_ergonomics.load_portable first" % root,
                name=root,
            )
        from .models.loading import code_at

        digest, code = code_at(path)  # type: str, Code
        if package_name(digest) != root:
            raise ImportError("%s is no longer the archive that %s was" % (path, root), name=root)
        _CODE[root] = code
        return code


class _Loader(importlib.abc.InspectLoader):
    """Makes modules of an archive's sources; linecache and inspect get these from it, too."""

    def __init__(self, code: Code) -> None:
        self._archive = code

    def get_filename(self, fullname: str) -> str:
        name = bare_name(fullname)
        is_package = self._archive.sources[name][0]
        parts = [*name.split("."), "__init__"] if is_package else name.split(".")
        return os.path.join(self._archive.path, "src", *parts) + ".py"

    def is_package(self, fullname: str) -> bool:
        name = bare_name(fullname)
        return name not in self._archive.sources or self._archive.sources[name][0]

    def get_source(self, fullname: str) -> str:
        source = self._archive.sources.get(bare_name(fullname))
        return importlib.util.decode_source(source[1]) if source else ""

    def get_data(self, path: str) -> bytes:
        """The bytes of a source, by the name of its file."""
        for name, (_, code) in self._archive.sources.items():
            if self.get_filename("%s.m.%s" % (__name__, name)) == path:
                return code
        raise OSError("%s is not in the archive: portable models carry sources only" % path)

    def create_module(self, _spec: Any) -> None:
        return None

    def exec_module(self, module: Any) -> None:
        name = module.__spec__.name
        source = self._archive.sources.get(bare_name(name))
        if source is None:
            return
        inside = dict(builtins.__dict__)
        inside["__import__"] = _importer(_root(name) + ".", self._archive)
        module.__dict__["__builtins__"] = inside
        # The code's own __future__ imports count, not those of this module.
        code = compile(source[1], self.get_filename(name), "exec", dont_inherit=True)
        exec(code, module.__dict__)  # noqa: S102


def _importer(prefix: str, archive: Code) -> Any:
    """`__import__` for modules of an archive, in which absolute names may be the archive's own."""
    tops = {name.partition(".")[0] for name in (*archive.sources, *archive.namespaces)}

    def archive_import(
        name: str,
        globals: Any = None,  # noqa: A002
        locals: Any = None,  # noqa: A002
        fromlist: Any = (),
        level: int = 0,
    ) -> Any:
        top = name.partition(".")[0]
        if level or top not in tops:
            return builtins.__import__(name, globals, locals, fromlist, level)
        found = builtins.__import__(prefix + name, globals, locals, fromlist, 0)
        # Without names to take `import a.b` binds a: here that is the archive's a.
        return found if fromlist else sys.modules[prefix + top]

    return archive_import


sys.meta_path.insert(0, _Finder())
