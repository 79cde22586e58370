"""Reads archives that pytorch-ergonomics wrote. Nothing of them runs here.

Such an archive is a zip with a pickle of the network, `model.t7`, and sources. Three layouts are
known, by the files of the repository algorithmiaio/pytorch-ergonomics that wrote them:

- `portable-pytorch/<file>.py` (ergonomics/serialization.py) and `ergo-pytorch/<file>.py`
  (ergonomics/model_ergonomics.py): the files of a package and of all below it, side by side. In the
  bytes of the pickle the package's import path was replaced by the directory's name.
- sources under the paths that they had, and a pickle as torch.save makes it (model_ergonomics.py).
- `torch_model/model/model.t7` as torch.save makes it (algo_torch/model_handling.py). Of the
  directory with the sources only the name was written.
"""

import os
import zipfile
from typing import Dict, List, NamedTuple, Optional

from .archive import MOST_MEMBERS
from .errors import BadArchive, NotPortable
from .finding import find_spec
from .imports import read
from .manifest import NAME
from .outside import Distributions, is_standard

_REPLACEMENTS = ("portable-pytorch", "ergo-pytorch")
_PICKLES = ("model.t7", "torch_model/model/model.t7")
_MOST_SOURCE_BYTES = 16 << 20
_MOST_PICKLE_BYTES = 8 << 30

Old = NamedTuple(
    "Old",
    [
        ("path", str),
        ("pickle", bytes),
        ("replacement", str),  # what stands in the pickle for the import path; "" if that does
        ("sources", Dict[str, bytes]),  # by path, below the package if there was a replacement
        ("twice", List[str]),  # such paths that are of several sources
        ("left", List[str]),  # members that are neither
    ],
)


def read_old(path: str) -> Old:
    """Reads an archive.

    Raises:
        BadArchive: the file is no such archive, or is damaged.
        OSError: it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _contents(path, archive)
    except (OSError, BadArchive):
        raise
    except Exception as error:  # what zipfile raises has no root
        text = str(error) or type(error).__name__
        raise BadArchive("%s: no zip archive, or a damaged one: %s" % (path, text))


def unpack(old: Old, folder: str) -> None:
    """Writes the sources below a directory.

    Raises:
        NotPortable: there are none, or it is open which of two is meant.
    """
    if not old.sources:
        raise NotPortable(
            "%s has no sources: give the directory that has them (sources, --sources)" % old.path
        )
    if old.twice:
        raise NotPortable(
            "%s: several sources are called %s, for files of packages below the package were put "
            "beside its own: put them where they belong in a directory, and give that (sources, "
            "--sources)" % (old.path, old.twice[0])
        )
    for name, code in old.sources.items():
        place = os.path.join(folder, *name.split("/"))
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(code)


def import_path(old: Old) -> Optional[str]:
    """The path by which the sources of a package import one another, if they show a single one.

    Raises:
        NotPortable: this Python cannot parse a source.
    """
    modules = {name[: -len(".py")] for name in old.sources}
    found = set()
    for name, code in old.sources.items():
        for item in read(code, "%s: %s" % (old.path, name), "", False).imports:
            package, _, tail = item.module.rpartition(".")
            if tail not in modules:
                package, tail = item.module, item.name
            if package.strip(".") and tail in modules and not package.startswith("."):
                found.add(package)
    # `import torch.utils` is no import of a utils.py that lies beside.
    distributions = Distributions()
    for package in sorted(found):
        top = package.partition(".")[0]
        spec = find_spec(top)
        if is_standard(top, spec) or (spec is not None and distributions.find(top, spec)[0]):
            found.remove(package)
    return found.pop() if len(found) == 1 else None


def _contents(path: str, archive: zipfile.ZipFile) -> Old:
    members = [info for info in archive.infolist() if not info.filename.endswith("/")]
    names = [info.filename for info in members]
    if NAME in names:
        raise BadArchive("%s: a portable model already, or something else" % path)
    pickles = [info for info in members if info.filename in _PICKLES]
    if len(pickles) != 1 or len(names) > MOST_MEMBERS:
        raise BadArchive(
            "%s: pytorch-ergonomics did not write it: %d of its %d members are called %s"
            % (path, len(pickles), len(names), _PICKLES[0])
        )
    replacement = ""
    for known in _REPLACEMENTS:
        if any(name.startswith(known + "/") for name in names):
            replacement = known
    pickle = _member(path, archive, pickles[0], _MOST_PICKLE_BYTES)
    old = Old(path, pickle, replacement, {}, [], [])
    room = _MOST_SOURCE_BYTES
    for info in members:
        name = info.filename
        if replacement and name.startswith(replacement + "/"):
            name = name[len(replacement) + 1 :]
        stem, suffix = os.path.splitext(name)
        # Anything else is no module, and may lead anywhere.
        if suffix == ".py" and all(part.isidentifier() for part in stem.split("/")):
            code = _member(path, archive, info, room)
            room -= len(code)
            if old.sources.setdefault(name, code) != code:
                old.twice.append(name)
        elif info is not pickles[0] and suffix != ".pyc":
            old.left.append(info.filename)
    return old


def _member(path: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    """A member's bytes: zipfile reads no more than the directory says."""
    if info.file_size > most:
        raise BadArchive(
            "%s: %s has %d bytes; at most %d are read" % (path, info.filename, info.file_size, most)
        )
    return archive.read(info)
