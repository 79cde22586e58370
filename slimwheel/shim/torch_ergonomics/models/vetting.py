"""Whether what a manifest says can be meant at all: found out before anything of it is used.

What is written is held to the same.
"""

import re
from typing import Any, Callable, Dict, Iterable, List, Optional

from ..tensors.safetensors import MOST_DIMENSIONS
from .errors import BadArchive
from .names import is_admitted, is_dotted, split

# What a manifest of this format has, and of which type.
KEYS = {
    "kind": (str,),
    "format": (int,),
    "chunk_bytes": (int,),
    "entry": (str, type(None)),
    "args": (list,),
    "kwargs": (dict,),
    "initialize": (bool,),
    "pickled": (bool,),
    "state": (dict,),
    "tensors": (dict,),
    "optimizer": (dict, type(None)),
    "outside": (dict,),
    "packages": (list,),
    "namespaces": (list,),
    "saved_with": (dict,),
    "members": (dict,),
}  # type: Dict[str, Any]
SOURCES = "src/"
# Lists and objects in one another; decoding takes some of Python's stack for each.
_DEEPEST = 100
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_RECORD = {"tensor", "shape", "stride", "offset", "same", "requires_grad"}


def vet(path: str, manifest: Dict[str, Any]) -> None:
    """Checks a manifest by itself.

    Raises:
        BadArchive: something is missing, of another type, or names what it must not name.
    """
    for key, kinds in KEYS.items():
        # bool is an int to Python, not to JSON.
        _check(key in manifest and type(manifest[key]) in kinds, path, key)
    _check(len(manifest) == len(KEYS), path, "a key that no manifest has")
    for name, member in manifest["members"].items():
        _check(_is_member(member), path, "what is said of %.200s" % name)
    _check(_are_texts(manifest["saved_with"], ("machine", "python", "torch")), path, "saved_with")
    modules = _vet_modules(path, manifest)
    values = _Values(path, manifest["tensors"], modules, manifest["outside"])
    entry = manifest["entry"]
    _check((entry is None) == manifest["pickled"], path, "entry")
    if entry is not None:
        parts = split(entry)
        _check(parts is not None and parts[0] in modules, path, "entry, %.200r," % entry)
    values.vet(manifest["args"])
    values.vet(list(manifest["kwargs"].values()))
    _check(_are_texts(manifest["tensors"], manifest["tensors"]), path, "tensors")
    _vet_state(path, manifest["state"], values)
    optimizer = manifest["optimizer"]
    if optimizer is not None:
        tensors = optimizer.get("tensors")
        good = set(optimizer) == {"state", "tensors"} and isinstance(optimizer["state"], dict)
        good = good and isinstance(tensors, dict) and _are_texts(tensors, tensors)
        _check(good, path, "optimizer")
        _Values(path, tensors, (), ()).vet(optimizer["state"])


def module_of(member: str) -> str:
    """The module that a member is the source of."""
    parts = member[len(SOURCES) : -len(".py")].split("/")
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _check(good: bool, path: str, what: str) -> None:
    if not good:
        raise BadArchive("%s: in its manifest, %s is missing or damaged" % (path, what))


def _is_member(member: Any) -> bool:
    return (
        isinstance(member, dict)
        and set(member) == {"bytes", "sha256"}
        and _is_size(member["bytes"])
        and isinstance(member["sha256"], list)
        and all(isinstance(text, str) and _SHA256.match(text) for text in member["sha256"])
    )


def _are_texts(texts: Dict[str, Any], keys: Iterable[str]) -> bool:
    return set(texts) == set(keys) and all(isinstance(text, str) for text in texts.values())


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _are_sizes(values: Any) -> bool:
    return (
        isinstance(values, list) and len(values) <= MOST_DIMENSIONS and all(map(_is_size, values))
    )


def _vet_modules(path: str, manifest: Dict[str, Any]) -> Dict[str, bool]:
    """The modules that have a source, and whether each is a package."""
    modules = {}
    for member in manifest["members"]:
        if not (member.startswith(SOURCES) and member.endswith(".py")):
            continue
        name = module_of(member)
        if not is_dotted(name) or name in modules:
            raise BadArchive("%s: %s is the source of no module" % (path, member))
        modules[name] = member.endswith("/__init__.py")
    packages, namespaces = manifest["packages"], manifest["namespaces"]
    _check(packages == sorted(name for name in modules if modules[name]), path, "packages")
    good = all(map(is_dotted, namespaces)) and modules.keys().isdisjoint(namespaces)
    _check(good, path, "namespaces")
    around = set(packages).union(namespaces)
    for name in modules:
        parent = name.rpartition(".")[0]
        if parent and parent not in around:
            raise BadArchive("%s: %s is in %s, which is no package" % (path, name, parent))
    for name, version in manifest["outside"].items():
        good = name.isidentifier() and name != "__main__" and isinstance(version, (str, type(None)))
        _check(good, path, "outside")
    return modules


def _vet_state(path: str, state: Dict[str, Any], values: "_Values") -> None:
    _check(set(state) == {"entries", "versions", "training"}, path, "state")
    entries, training = state["entries"], state["training"]
    versions = state["versions"]
    _check(isinstance(entries, dict) and isinstance(versions, dict), path, "state")
    for name, version in versions.items():
        good = isinstance(version, dict) and type(version.get("version")) in (int, type(None))
        _check(good, path, "the version of %.200r" % name)
    flags = training.values() if isinstance(training, dict) else [training]
    _check(all(isinstance(flag, bool) for flag in flags), path, "training")
    first = set()
    for name, record in entries.items():
        if isinstance(record, dict) and set(record) == {"value"}:
            values.vet([record["value"]])
            continue
        same = record.get("same") if isinstance(record, dict) else None
        good = _is_record(record) and (same is None or (isinstance(same, str) and same in first))
        _check(good, path, "the state's %.200r" % name)
        if same is None:
            first.add(name)


def _is_record(record: Any) -> bool:
    return (
        isinstance(record, dict)
        and set(record) <= _RECORD
        and isinstance(record.get("tensor"), str)
        and isinstance(record.get("requires_grad", True), bool)
        and ("shape" in record) == ("offset" in record)
        and ("stride" in record or "shape" not in record)
        and _is_size(record.get("offset", 0))
        and _are_sizes(record.get("shape", []))
        and _are_sizes(record.get("stride", []))
    )


class _Values:
    """Checks what values.Encoder is said to have made.

    Args:
        path: of the archive.
        tensors: those that are stored, by key.
        own: the archive's modules.
        outside: top-level names of those that they import.
    """

    def __init__(
        self, path: str, tensors: Iterable[str], own: Iterable[str], outside: Iterable[str]
    ) -> None:
        self._path = path
        self._tensors = tensors
        self._own = set(own)
        self._outside = outside

    def vet(self, value: Any, depth: int = 0) -> None:
        if depth > _DEEPEST:
            raise BadArchive(
                "%s: in its manifest, a value is nested more than %d deep" % (self._path, _DEEPEST)
            )
        if isinstance(value, dict):
            tags = [key for key in value if key.startswith("$")]
            inside = list(value.values())  # type: Optional[List[Any]]
            if tags:
                parts = _TAGS.get(tags[0]) if len(value) == 1 else None
                inside = None if parts is None else parts(self, value[tags[0]])
            if inside is None:
                _check(False, self._path, "a value of kind %.40s" % tags[0])
            value = inside
        if isinstance(value, list):
            for item in value:
                self.vet(item, depth + 1)

    def has(self, key: Any) -> bool:
        """Whether it is the key of a tensor."""
        return isinstance(key, str) and key in self._tensors

    def names(self, reference: Any) -> bool:
        """Whether it is `module:name`.

        Raises:
            BadArchive: it is one that a manifest may not name.
        """
        parts = split(reference)
        if parts is not None and not is_admitted(parts[0], self._own, self._outside):
            raise BadArchive(
                "%s: its arguments name %.200s, which is neither its own nor of a package that its "
                "sources import: give a function of its own that calls it" % (self._path, reference)
            )
        return parts is not None


def _pairs(_: _Values, value: Any) -> Optional[List[Any]]:
    if isinstance(value, list) and all(isinstance(p, list) and len(p) == 2 for p in value):
        return [item for pair in value for item in pair]
    return None


def _complex(_: _Values, value: Any) -> Optional[List[Any]]:
    good = isinstance(value, list) and len(value) == 2
    return value if good and all(type(part) in (float, dict) for part in value) else None


def _size(_: _Values, value: Any) -> Optional[List[Any]]:
    good = isinstance(value, list) and all(type(s) is int and abs(s) < 1 << 63 for s in value)
    return [] if good else None


def _list(_: _Values, value: Any) -> Optional[List[Any]]:
    return value if isinstance(value, list) else None


def _if(good: Callable[[_Values, Any], bool]) -> Callable[[_Values, Any], Optional[List[Any]]]:
    """Of values that have no others in them."""
    return lambda values, value: [] if good(values, value) else None


def _naming(*kinds: type) -> Callable[[_Values, Any], Optional[List[Any]]]:
    """Of a reference, followed by what is of these types."""

    def inside(values: _Values, value: Any) -> Optional[List[Any]]:
        good = isinstance(value, list) and tuple(map(type, value[1:])) == kinds
        if not good or not values.names(value[0]):
            return None
        # The names of fields and arguments are no tags.
        return [list(v.values()) if isinstance(v, dict) else v for v in value[1:]]

    return inside


def _fields(_: _Values, value: Any) -> Optional[List[Any]]:
    return list(value.values()) if isinstance(value, dict) else None


_TAGS = {
    "$tuple": _list,
    "$set": _list,
    "$frozenset": _list,
    "$dict": _pairs,
    "$float": _if(lambda _, value: value in ("nan", "inf", "-inf")),
    "$complex": _complex,
    "$size": _size,
    "$dtype": _if(lambda _, value: isinstance(value, str) and value.isidentifier()),
    "$device": _if(lambda _, value: isinstance(value, str)),
    "$tensor": _if(_Values.has),
    "$global": _if(_Values.names),
    "$enum": _naming(str),
    "$dataclass": _naming(dict),
    "$namespace": _fields,
    "$call": _naming(list, dict),
}  # type: Dict[str, Callable[[_Values, Any], Optional[List[Any]]]]
