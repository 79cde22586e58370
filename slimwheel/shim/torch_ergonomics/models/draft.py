"""What an archive is made of, before it is written."""

import inspect
from typing import Any, Dict, List, Optional, Sequence, Tuple

from .. import loaded
from .archive import Writer
from .errors import NotPortable
from .manifest import NAME, OPTIMIZER, PICKLE, WEIGHTS, new_manifest, saved_with
from .pickled import modules_of, pickle_network
from .recording import recorded
from .sources import Collected, Source, collect
from .state import Store, missing, store_all, take
from .values import Encoder
from .vetting import SOURCES
from .writing import add_tensors, dtypes


class Draft:
    """The parts of an archive. Its tensors are those of the network, not copies.

    Attributes:
        modules: the one that has the network's class or function, and all that its arguments or
            its pickle refer to, under the names that they have in the archive.
        initialize: whether the constructor has to give parameters their first values.
        collected: the sources.
    """

    def __init__(self, network: Any, modules: List[str]) -> None:
        self.modules = modules
        self.encoder = None  # type: Optional[Encoder]
        # Of a network that was loaded: the sources of its archive are all that it needs.
        self.archive = loaded.code_of(type(network).__module__)
        self.weights = Store()
        self.entry = None  # type: Optional[str]
        self.args = []  # type: List[Any]
        self.kwargs = {}  # type: Dict[str, Any]
        self.state = {}  # type: Dict[str, Any]
        self.pickle = None  # type: Optional[bytes]
        self.optimizer = None  # type: Optional[Tuple[Any, Store]]
        self.initialize = False
        self.collected = Collected({}, [], {})

    def collect(
        self, mod_path: Optional[str], include: Sequence[str], allow: Sequence[str]
    ) -> None:
        """Finds the sources, and what they need from elsewhere.

        Raises:
            NotPortable: they import what would be missing, or the network's is not among them.
        """
        first = self.modules[0]
        package = mod_path or first.partition(".")[0]
        if self.archive is not None:
            self.collected = _carried_by(self.archive)
        else:
            self.collected = collect(self.modules, package, include, allow)
        if first not in self.collected.sources:
            raise NotPortable(
                "the network is made by %s, which is not in %s: name the package that it is in"
                % (first, package)
            )
        if self.encoder is not None:
            self.encoder.check_names(self.collected.sources)

    def write(self, path: str) -> None:
        """Writes the archive; what is at `path` is replaced."""
        writer = Writer(path)
        try:
            members = {}
            packages = []
            for name, source in sorted(self.collected.sources.items()):
                if source.is_package:
                    packages.append(name)
                file = SOURCES + name.replace(".", "/")
                file += "/__init__.py" if source.is_package else ".py"
                members[file] = writer.add(file, len(source.code), [source.code])
            members[WEIGHTS] = add_tensors(writer, WEIGHTS, self.weights)
            if self.optimizer is not None:
                members[OPTIMIZER] = add_tensors(writer, OPTIMIZER, self.optimizer[1])
            if self.pickle is not None:
                members[PICKLE] = writer.add(PICKLE, len(self.pickle), [self.pickle])
            content = self._manifest(packages, members)
            writer.add(NAME, len(content), [content])
        finally:
            writer.close()

    def _manifest(self, packages: List[str], members: Dict[str, Any]) -> bytes:
        import torch

        optimizer = None
        if self.optimizer is not None:
            optimizer = {"state": self.optimizer[0], "tensors": dtypes(self.optimizer[1])}
        return new_manifest(
            {
                "entry": self.entry,
                "args": self.args,
                "kwargs": self.kwargs,
                "initialize": self.initialize,
                "pickled": self.pickle is not None,
                "state": self.state,
                "tensors": dtypes(self.weights),
                "optimizer": optimizer,
                "outside": self.collected.outside,
                "packages": packages,
                "namespaces": self.collected.namespaces,
                "saved_with": saved_with(str(torch.__version__)),
                "members": members,
            }
        )


def _carried_by(archive: loaded.Code) -> Collected:
    sources = {
        name: Source(name, is_package, code, archive.path)
        for name, (is_package, code) in archive.sources.items()
    }
    return Collected(sources, list(archive.namespaces), dict(archive.outside))


def constructed(network: Any) -> Draft:
    """A draft from which the network is constructed again.

    Raises:
        NotPortable: with which arguments is not known, or something cannot be stored.
    """
    weights = Store()
    encoder = Encoder(weights.keep, loaded.bare_name)
    entry, args, kwargs = encoder.call(network, "the network")
    draft = Draft(network, [entry.partition(":")[0]])
    draft.entry, draft.args, draft.kwargs = entry, args, kwargs
    draft.weights = weights
    draft.state = take(network, weights, encoder)
    draft.initialize = missing(network, draft.state["entries"]) is not None
    draft.modules += sorted(encoder.modules)
    draft.encoder = encoder
    return draft


def pickled(network: Any) -> Draft:
    """A draft with the network as a pickle.

    Raises:
        NotPortable: it cannot be pickled, or a tensor of it cannot be stored.
    """
    data, tensors = pickle_network(network)
    draft = Draft(network, [loaded.bare_name(type(network).__module__), *modules_of(data)])
    entries = store_all(tensors, draft.weights)
    draft.state = {"entries": entries, "versions": {}, "training": network.training}
    draft.pickle = data
    return draft


def optimizer_state(optimizer: Any) -> Tuple[Any, Store]:
    """An optimizer's state as JSON, and the tensors that it names."""
    store = Store()
    encoder = Encoder(store.keep, loaded.bare_name)
    state = encoder.encode(optimizer.state_dict(), "optimizer")
    encoder.check_names(())
    return state, store


def has_known_arguments(network: Any) -> bool:
    """Whether the arguments of the network's class are known, or it takes none."""
    if recorded(network) is not None:
        return True
    try:
        inspect.signature(type(network)).bind()
    except (TypeError, ValueError):
        return False
    return True
