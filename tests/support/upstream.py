"""Small wheels made on the spot, among them one that looks like torch to a recipe.

Written with zipfile alone, in the plain way, so that what slimwheel reads was not written by it.
"""

import base64
import csv
import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.support.native import native_members

Members = Mapping[str, bytes | str]
TAG = "cp311-cp311-manylinux_2_28_x86_64"


def make_wheel(
    path: Path,
    members: Members,
    *,
    name: str = "torch",
    version: str = "2.13.0+cpu",
    tags: Iterable[str] = (TAG,),
    generator: str = "setuptools (81.0.0)",
    purelib: bool = False,
    entry_points: str = "",
    metadata_extra: Iterable[str] = (),
    dist_info: Members | None = None,
    compress: int = zipfile.ZIP_DEFLATED,
) -> Path:
    """Write a valid wheel.

    Args:
        path: the file, or a directory where the file gets its proper name.
        members: contents by path in the wheel.
        name: the project's name, normalised where it has to be.
        version: normal form, as METADATA has it.
        tags: expanded, as in WHEEL; the file name has them compressed.
        generator: as in WHEEL.
        purelib: Root-Is-Purelib.
        entry_points: the text of entry_points.txt, which is left out where this is empty.
        metadata_extra: further headers, such as `Requires-Dist: sympy`.
        dist_info: further files of dist-info, by path in it.
        compress: the method of every member.

    Returns:
        The path of the wheel.
    """
    stem = f"{name.replace('-', '_')}-{version}"
    tags = tuple(tags)
    if path.is_dir():
        path = path / f"{stem}-{_compressed(tags)}.whl"
    metadata = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *metadata_extra]
    wheel = ["Wheel-Version: 1.0", f"Generator: {generator}"]
    wheel += [f"Root-Is-Purelib: {str(purelib).lower()}", *(f"Tag: {tag}" for tag in tags)]
    described: dict[str, bytes | str] = dict(dist_info or {})
    described["METADATA"] = "\n".join([*metadata, "", f"# {name}", ""])
    described["WHEEL"] = "\n".join([*wheel, ""])
    if entry_points:
        described["entry_points.txt"] = entry_points
    contents = {key: _bytes(value) for key, value in members.items()}
    contents |= {f"{stem}.dist-info/{key}": _bytes(value) for key, value in described.items()}
    contents[f"{stem}.dist-info/RECORD"] = _record(contents, f"{stem}.dist-info/RECORD")
    with zipfile.ZipFile(path, "w", compress) as archive:
        for key, value in contents.items():
            info = zipfile.ZipInfo(key, (2026, 1, 2, 3, 4, 6))
            info.compress_type = compress
            mode = 0o755 if value.startswith((b"\x7fELF", b"#!")) else 0o644
            info.external_attr = (0o100000 | mode) << 16
            archive.writestr(info, value)
    return path


def make_torch_wheel(
    path: Path,
    version: str = "2.13.0+cpu",
    *,
    members: Members | None = None,
    tags: Iterable[str] = (TAG,),
    metadata_extra: Iterable[str] = (),
) -> Path:
    """Write a torch look-alike of a few dozen kilobytes.

    Args:
        path: the file, or a directory where the file gets its proper name.
        version: upstream's version.
        members: added to, or in place of, those of `fake_torch_members`.
        tags: as `make_wheel` takes them.
        metadata_extra: further METADATA headers; Requires-Dist takes effect when it is installed.

    Returns:
        The path of the wheel.
    """
    return make_wheel(
        path,
        {**fake_torch_members(version), **(members or {})},
        version=version,
        tags=tags,
        entry_points=_ENTRY_POINTS,
        metadata_extra=(
            "Summary: Tensors and Dynamic neural networks in Python",
            "License-Expression: BSD-3-Clause",
            "License-File: LICENSE",
            "License-File: third_party/fmt/LICENSE",
            "Requires-Python: >=3.10",
            'Requires-Dist: optree>=0.13.0; extra == "optree"',
            "Provides-Extra: optree",
            *metadata_extra,
        ),
        dist_info={
            "licenses/LICENSE": "From PyTorch:\n",
            "licenses/third_party/fmt/LICENSE": "Copyright (c) Victor Zverovich\n",
            "top_level.txt": "functorch\ntorch\ntorchgen\n",
        },
    )


def fake_torch_members(version: str = "2.13.0+cpu") -> dict[str, bytes | str]:
    """The members of a torch look-alike, dist-info apart.

    It has at least one member of every kind that the recipe `cpu` decides about, the two places
    of torch/__init__.py where the shim is called, and libraries that really load: `torch.answer()`
    is 42 only if libtorch_cpu.so found libc10.so.
    """
    return {
        **_PYTHON,
        "torch/version.py": _VERSION.format(version=version),
        "torch/__init__.pyi": "def answer() -> int: ...\n",
        "torch/py.typed": "",
        "torch/include/ATen/ATen.h": "#pragma once\n",
        "torch/include/torch/csrc/api/include/torch/torch.h": "#pragma once\n",
        "torch/share/cmake/Torch/TorchConfig.cmake": "set(TORCH_FOUND TRUE)\n",
        **native_members(),
    }


def _compressed(tags: tuple[str, ...]) -> str:
    parts = zip(*(tag.split("-") for tag in tags), strict=True)
    return "-".join(".".join(sorted(set(part))) for part in parts)


def _bytes(content: bytes | str) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _record(contents: Mapping[str, bytes], record: str) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    for key, value in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(value).digest()).rstrip(b"=").decode()
        rows.writerow([key, f"sha256={digest}", len(value)])
    rows.writerow([record, "", ""])
    return text.getvalue().encode()


_ENTRY_POINTS = """\
[console_scripts]
torchrun = torch.distributed.run:main

[torchrun.logs_specs]
default = torch.distributed.elastic.multiprocessing:DefaultLogsSpecs
"""

_VERSION = """\
from typing import Optional

__all__ = ['__version__', 'debug', 'cuda', 'git_version', 'hip']
__version__ = '{version}'
debug = False
cuda: Optional[str] = None
git_version = 'cf30153c4c131c8164ee7798e5022d810682e2cb'
hip: Optional[str] = None
"""

# Shaped like the real one where slimwheel edits it: a docstring, imports from __future__, the
# function that loads the first library, and `from torch._C import *` in both branches.
_INIT = '''\
"""
The torch package contains data structures for multi-dimensional tensors.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys

from torch._utils_internal import USE_GLOBAL_DEPS, USE_RTLD_GLOBAL_WITH_LIBTORCH
from torch.version import __version__ as __version__


def _load_global_deps() -> None:
    lib_name = "libtorch_global_deps.so"
    here = os.path.abspath(__file__)
    global_deps_lib_path = os.path.join(os.path.dirname(here), "lib", lib_name)
    ctypes.CDLL(global_deps_lib_path, mode=ctypes.RTLD_GLOBAL)


if (USE_RTLD_GLOBAL_WITH_LIBTORCH or os.getenv("TORCH_USE_RTLD_GLOBAL")) and (
    platform.system() != "Windows"
):
    old_flags = sys.getdlopenflags()
    sys.setdlopenflags(os.RTLD_GLOBAL | os.RTLD_LAZY)

    from torch._C import *  # noqa: F403

    sys.setdlopenflags(old_flags)
    del old_flags

else:
    if USE_GLOBAL_DEPS:
        _load_global_deps()
    from torch._C import *  # noqa: F403


def answer() -> int:
    return _answer()


from torch import testing as testing
from torch._ops import ops as ops
from torch.utils import cmake_prefix_path as cmake_prefix_path
'''

_PYTHON: dict[str, str] = {
    "torch/__init__.py": _INIT,
    "torch/_utils_internal.py": "USE_GLOBAL_DEPS = True\nUSE_RTLD_GLOBAL_WITH_LIBTORCH = False\n",
    "torch/_C/__init__.py": """\
import ctypes
import os

__all__ = ["_answer"]
_lib = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib")
_answer = ctypes.CDLL(os.path.join(_lib, "libtorch_cpu.so")).torch_answer
""",
    "torch/_C/__init__.pyi": "def _answer() -> int: ...\n",
    "torch/_ops.py": '''\
import ctypes
import types


class _OpNamespace(types.ModuleType):
    pass


class _Ops(types.ModuleType):
    def __init__(self):
        super().__init__("torch.ops")
        self.loaded_libraries = set()

    def load_library(self, path):
        """
        Loads a shared library from the given path into the current process.
        """
        try:
            ctypes.CDLL(path)
        except Exception as e:
            raise OSError(f"Could not load this library: {path}") from e
        self.loaded_libraries.add(path)


# The ops "namespace"
ops: _Ops = _Ops()
''',
    "torch/utils/__init__.py": """\
import os.path as _osp

cmake_prefix_path = _osp.join(_osp.dirname(_osp.dirname(__file__)), "share", "cmake")
""",
    "torch/utils/cpp_extension.py": '''\
import os

_HERE = os.path.abspath(__file__)
_TORCH_PATH = os.path.dirname(os.path.dirname(_HERE))
TORCH_LIB_PATH = os.path.join(_TORCH_PATH, 'lib')


def include_paths(device_type: str = "cpu", torch_include_dirs=True) -> list[str]:
    """
    Get the include paths required to build a C++ or CUDA or SYCL extension.
    """
    paths = []
    lib_include = os.path.join(_TORCH_PATH, 'include')
    if torch_include_dirs:
        paths.extend([
            lib_include,
            os.path.join(lib_include, 'torch', 'csrc', 'api', 'include'),
        ])
    return paths
''',
    "torch/testing/__init__.py": "from torch.testing._internal import common as common\n",
    "torch/testing/_internal/__init__.py": "",
    "torch/testing/_internal/common.py": "TEST_CUDA = False\n",
    "torch/distributed/__init__.py": "",
    "torch/distributed/run.py": "def main() -> None:\n    print('torchrun')\n",
    "torch/distributed/elastic/__init__.py": "",
    "torch/distributed/elastic/multiprocessing.py": "class DefaultLogsSpecs:\n    pass\n",
    "functorch/__init__.py": "from torch import answer as answer\n",
    "torchgen/__init__.py": '"""Generates torch."""\n',
    "torchgen/gen.py": "def main() -> None:\n    pass\n",
    "torchgen/packaged/ATen/templates/Functions.h": "#pragma once\n",
}
