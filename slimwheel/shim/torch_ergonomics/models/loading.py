"""Makes networks of archives again."""

import importlib
import importlib.util
import sys
from typing import Any, Dict, Optional, Tuple

from .. import loaded
from .archive import Archive, file_sha256
from .errors import BadArchive, CannotLoad
from .manifest import OPTIMIZER, PICKLE, WEIGHTS, read_checked, read_manifest, read_sources
from .names import import_outside
from .pickled import unpickle
from .reading import read_tensors
from .records import check_records
from .state import put, view_all
from .uninitialized import no_initialization
from .values import Decoder
from .vetting import module_of

_MOST_PICKLE_BYTES = 1 << 30


def load_portable(
    path: Any,
    map_location: Any = "cpu",
    expected_sha256: Optional[str] = None,
    allow_pickle: bool = False,
    max_bytes: Optional[int] = None,
) -> Any:
    """Makes the network of a portable model.

    Loading runs the archive's Python code: load only what you trust as you trust a program. Hashes
    show that an archive is whole, not who made it. They are checked before anything of it runs.

    Args:
        path: of the archive.
        map_location: the device that the tensors are to be on, as "cpu" or "cuda:1".
        expected_sha256: of the whole file, as `sha256sum` prints it; another one is an error.
        allow_pickle: load networks that were saved as a pickle.
        max_bytes: refuse archives with larger weights.

    Returns:
        The torch.nn.Module. Its modules train or evaluate as they did when it was saved.

    Raises:
        BadArchive: the file is no portable model, is damaged, or is not the one expected.
        CannotLoad: what the network needs is not here: modules, types, a newer torch_ergonomics.
        OSError: the file cannot be read.
        Whatever the network's own code raises.
    """
    import torch

    with Archive(path) as archive:
        if expected_sha256 is not None:
            _expect(archive, expected_sha256)
        digest, manifest = read_manifest(archive)
        if manifest["pickled"] and not allow_pickle:
            raise CannotLoad("%s holds a pickle: give allow_pickle=True" % archive.path)
        size = archive.members[WEIGHTS].size
        if max_bytes is not None and size > max_bytes:
            raise CannotLoad(
                "%s has %d bytes of weights, more than max_bytes=%d"
                % (archive.path, size, max_bytes)
            )
        code = _code(archive, manifest)
        pickle = (
            read_checked(archive, manifest, PICKLE, _MOST_PICKLE_BYTES)
            if manifest["pickled"]
            else None
        )
        _find_outside(archive.path, manifest)
        tensors = _tensors(archive, manifest, WEIGHTS, manifest["tensors"], map_location)
        shapes = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
        check_records(archive.path, manifest["state"]["entries"], shapes)
    package = loaded.register(digest, code)
    if pickle is not None:
        views = view_all(manifest["state"], tensors)
        network = unpickle(archive.path, pickle, views, _finder(archive.path, package, code))
        if not isinstance(network, torch.nn.Module):
            raise BadArchive(
                "%s: its pickle is of a %s, no network" % (archive.path, type(network).__name__)
            )
        return network
    decoder = Decoder(archive.path, tensors, _finder(archive.path, package, code))
    network = _construct(manifest, decoder)
    try:
        put(network, manifest["state"], decoder)
    except RuntimeError as error:
        raise CannotLoad("%s: its weights do not fit its network: %s" % (archive.path, error))
    return network if map_location == "cpu" else network.to(map_location)


def load_optimizer_state(path: Any, map_location: Any = "cpu") -> Any:
    """The state of the optimizer that was saved with a portable model; runs nothing of it.

    Returns:
        What `optimizer.load_state_dict` takes.

    Raises:
        BadArchive: as load_portable.
        CannotLoad: no optimizer was saved.
        OSError: the file cannot be read.
    """
    with Archive(path) as archive:
        _, manifest = read_manifest(archive)
        saved = manifest["optimizer"]
        if saved is None:
            raise CannotLoad("%s was saved without an optimizer" % archive.path)
        tensors = _tensors(archive, manifest, OPTIMIZER, saved["tensors"], map_location)

        # What was vetted names no modules.
        return Decoder(archive.path, tensors, importlib.import_module).decode(saved["state"])


def code_at(path: str) -> Tuple[str, loaded.Code]:
    """The digest and the code of an archive; it is checked and none of it runs."""
    with Archive(path) as archive:
        digest, manifest = read_manifest(archive)
        return digest, _code(archive, manifest)


def _expect(archive: Archive, expected: str) -> None:
    found = file_sha256(archive.file)
    if found != expected.lower():
        raise BadArchive("%s has the sha256 %s, not %s" % (archive.path, found, expected))


def _code(archive: Archive, manifest: Dict[str, Any]) -> loaded.Code:
    sources = {
        module_of(name): (name.endswith("/__init__.py"), data)
        for name, data in read_sources(archive, manifest).items()
    }
    return loaded.Code(archive.path, sources, manifest["namespaces"], manifest["outside"])


def _find_outside(path: str, manifest: Dict[str, Any]) -> None:
    """Whether the modules that the sources import and do not bring are here."""
    missing = []
    for name, version in sorted(manifest["outside"].items()):
        if name not in sys.modules and importlib.util.find_spec(name) is None:
            missing.append(
                name if version is None else "%s (%s when it was saved)" % (name, version)
            )
    if missing:
        raise CannotLoad("%s needs what is not installed: %s" % (path, ", ".join(missing)))


def _tensors(
    archive: Archive, manifest: Dict[str, Any], name: str, dtypes: Dict[str, str], device: Any
) -> Dict[str, Any]:
    tensors = read_tensors(archive, name, manifest["members"][name]["sha256"], dtypes)
    if device == "cpu":
        return tensors
    return {key: tensor.to(device) for key, tensor in tensors.items()}


def _finder(path: str, package: str, code: loaded.Code) -> Any:
    """Imports modules by the names that they have in the archive, its own or others."""
    tops = {name.partition(".")[0] for name in (*code.sources, *code.namespaces)}

    def module(name: str) -> Any:
        if name.partition(".")[0] in tops:
            return importlib.import_module("%s.%s" % (package, name))
        return import_outside(path, name)

    return module


def _construct(manifest: Dict[str, Any], decoder: Decoder) -> Any:
    call = manifest["entry"], manifest["args"], manifest["kwargs"]
    if not manifest["initialize"]:
        # It was tried when the archive was saved. Another torch may want the values yet.
        try:
            with no_initialization():
                return decoder.call(*call)
        except (ArithmeticError, AssertionError, RuntimeError, ValueError):
            pass
    return decoder.call(*call)
