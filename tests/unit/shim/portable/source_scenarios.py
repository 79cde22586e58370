"""Collects sources under whichever Python runs this, in a directory with torch_ergonomics.

Python 3.5 syntax, standard library only.
"""

import importlib
import importlib.util
import py_compile
import shutil
import sys
import types
import zipfile
from pathlib import Path

from torch_ergonomics.models.errors import NotPortable
from torch_ergonomics.models.sources import collect

ROOT = Path("project").absolute()
FILES = {
    "space/__init__.py": b"raise AssertionError('above what is carried')\n",
    "space/net/__init__.py": b"from .layers import conv\n",
    "space/net/model.py": (
        b"# coding: latin-1\r\n"
        b"import os.path, json, xml.dom.minidom, unittest.mock, _struct\n"
        b"try:\n    import gone\nexcept ImportError:\n    gone = None\n"
        b"def f(x='\xe9'):\n    from .inner.deep import more\n"
    ),
    "space/net/layers/__init__.py": b"from . import *\n__all__ = ['conv', 'norm']\n",
    "space/net/layers/conv.py": b"import third, space.net.layers.norm\n",
    "space/net/layers/norm.py": b"",
    "space/net/inner/deep/more.py": b"from .. import deep\n",
    "site-packages/third/__init__.py": b"",
    "site-packages/third-1.2.dist-info/RECORD": b"third/__init__.py,,\n",
}
NAMES = [
    "space.net",
    "space.net.inner.deep.more",
    "space.net.layers",
    "space.net.layers.conv",
    "space.net.layers.norm",
    "space.net.model",
]
SPACES = ["space", "space.net.inner", "space.net.inner.deep"]


def write(name: str, content: bytes) -> Path:
    path = ROOT / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    importlib.invalidate_caches()
    return path


def carried(place: Path) -> None:
    before = set(sys.modules)
    collected = collect(["space.net.model"], "space.net")
    new = set(sys.modules) - before
    assert not [name for name in new if name.partition(".")[0] in ("space", "third")], new
    assert list(collected.sources) == NAMES, list(collected.sources)
    assert collected.namespaces == SPACES, collected.namespaces
    assert collected.outside == {"third": "1.2"}, collected.outside
    for name, source in collected.sources.items():
        file = name.replace(".", "/") + ("/__init__.py" if source.is_package else ".py")
        assert source.code == FILES[file], file
        assert source.filename == str(place / file), source.filename


def refused(words: str) -> None:
    message = "nothing was refused"
    try:
        collect(["space.net.model"], "space.net")
    except NotPortable as error:
        message = str(error)
    assert words in message, message


def main() -> None:
    for name, content in FILES.items():
        write(name, content)
    sys.path[:0] = [str(ROOT), str(ROOT / "site-packages")]
    carried(ROOT)
    packed = Path("packed.zip").absolute()
    with zipfile.ZipFile(str(packed), "w") as file:
        for name, content in FILES.items():
            if name.startswith("space/"):
                file.writestr(name, content)
    # zipimport knows namespaces only where the archive lists their directories.
    with zipfile.ZipFile(str(packed), "a") as file:
        for folder in ("space/net/inner/", "space/net/inner/deep/"):
            file.writestr(folder, b"")
    sys.path[0] = str(packed)
    carried(packed)
    sys.path[0] = str(ROOT)
    # Loaded modules are found where they were loaded from.
    parent = types.ModuleType("space")
    parent.__path__ = [str(ROOT / "space")]
    sys.modules["space"] = parent
    importlib.import_module("space.net.layers.norm")
    sys.path[0] = str(packed)
    collected = collect(["space.net.model"], "space.net")
    assert collected.sources["space.net"].filename.startswith(str(ROOT))
    for name in [name for name in sys.modules if name.partition(".")[0] == "space"]:
        del sys.modules[name]
    sys.path[0] = str(ROOT)
    norm = write("space/net/layers/norm.py", b"import colour\n")
    refused(str(norm) + ":1: `import colour`: there is no module colour here")
    write("colour.py", b"")
    refused('add include=["colour"]')
    norm.unlink()
    compiled = norm.with_suffix(".pyc")
    py_compile.compile(str(write("norm.py", b"")), cfile=str(compiled))
    importlib.invalidate_caches()
    refused("space.net.layers.norm (" + str(compiled) + ") is compiled")
    shutil.rmtree(str(ROOT))


main()
