"""Loads an archive in a clean process, and compares what comes out with what went in.

The process sees the standard library, what is installed, and torch_ergonomics. It does not see the
directories that the carried source was found in: an import that only works there fails here.
"""

import json
import os
import site
import subprocess
import sys
import sysconfig
import tempfile
from typing import Any, Dict, List, NamedTuple, Set, Tuple

from .. import loaded
from .archive import Archive, Writer
from .errors import NotPortable
from .fingerprint import fingerprint, output_digests
from .manifest import WEIGHTS
from .names import import_outside
from .reading import read_tensors
from .sources import Source
from .state import Store
from .values import Decoder, Encoder
from .writing import add_tensors, dtypes

Found = NamedTuple(
    "Found",
    [
        ("wrong", List[str]),  # what the archive promises, and does not hold
        ("not_carried", List[str]),  # what it does not promise, and is otherwise
    ],
)

# Where torch_ergonomics is must not put what lies beside it on the path of modules.
_PROGRAM = """
import importlib.util, json, os, sys
folder, sys.path, request = json.loads(sys.argv[1])
spec = importlib.util.spec_from_file_location(
    "torch_ergonomics", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
)
package = importlib.util.module_from_spec(spec)
sys.modules["torch_ergonomics"] = package
spec.loader.exec_module(package)
from torch_ergonomics.models.checking import answer
answer(request)
"""


def compare(path: str, network: Any, example: Any, hidden: List[Source]) -> Found:
    """Loads an archive and compares the network with another.

    Args:
        path: of the archive.
        network: that was saved.
        example: input for both, or None.
        hidden: sources whose directories the process does not see.

    Raises:
        NotPortable: it cannot be loaded; the message has the traceback.
    """
    import torch

    expected = fingerprint(network)  # type: Dict[str, Any]
    devices = (getattr(value, "device", None) for value in network.state_dict().values())
    device = str(next(filter(None, devices), "cpu"))
    with tempfile.TemporaryDirectory() as folder:
        request = {
            "path": path,
            "device": device,
            "threads": torch.get_num_threads(),
            "example": None,
        }
        if example is not None:
            request["example"] = _store_example(os.path.join(folder, "example"), example)
            expected["outputs"] = outputs(network, example)
        place = os.path.join(folder, "request")
        with open(place, "w") as file:
            json.dump(request, file)
        _run(place, hidden)
        with open(place + ".answer") as file:
            got = json.load(file)
    expected = json.loads(json.dumps(expected))
    wrong = _differ(expected["promised"], got["promised"])
    if expected.get("outputs") != got.get("outputs"):
        wrong.append("outputs")
    return Found(wrong, _differ(expected["other"], got["other"]))


def differences(names: List[str]) -> str:
    """Names for a message: the first of them, if there are many."""
    more = len(names) - 5
    return ", ".join(names[:5]) + (" and %d more" % more if more > 0 else "")


def outputs(network: Any, example: Any) -> List[List[str]]:
    """Digests of what a network gives for an example, in evaluation mode."""
    import torch

    args, kwargs = _arguments(example)
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        with torch.no_grad():
            return output_digests(network(*args, **kwargs))
    finally:
        for module, training in modes:
            module.training = training


def answer(place: str) -> None:
    """What the clean process does: loads, and writes down what it has."""
    import torch

    from .loading import load_portable

    with open(place) as file:
        request = json.load(file)
    torch.set_num_threads(request["threads"])
    network = load_portable(request["path"], request["device"], allow_pickle=True)
    got = fingerprint(network)  # type: Dict[str, Any]
    if request["example"] is not None:
        got["outputs"] = outputs(network, _load_example(request["example"], request["device"]))
    with open(place + ".answer", "w") as file:
        json.dump(got, file)


def _arguments(example: Any) -> Tuple[Any, Dict[str, Any]]:
    if isinstance(example, dict):
        return (), example
    return (tuple(example) if isinstance(example, (list, tuple)) else (example,)), {}


def _differ(expected: Dict[str, Any], got: Dict[str, Any]) -> List[str]:
    names = set(expected).union(got)
    return sorted(name for name in names if expected.get(name) != got.get(name))


def _store_example(place: str, example: Any) -> Dict[str, Any]:
    """Writes an example's tensors to a file; returns what _load_example needs."""
    store = Store()
    encoder = Encoder(store.keep, loaded.bare_name)
    values = encoder.encode(list(_arguments(example)), "example")
    encoder.check_names(())
    writer = Writer(place)
    member = add_tensors(writer, WEIGHTS, store)
    writer.close()
    return {
        "path": place,
        "values": values,
        "dtypes": dtypes(store),
        "sha256": member["sha256"],
    }


def _load_example(stored: Dict[str, Any], device: str) -> Any:
    with Archive(stored["path"]) as archive:
        tensors = read_tensors(archive, WEIGHTS, stored["sha256"], stored["dtypes"])
    tensors = {key: tensor.to(device) for key, tensor in tensors.items()}
    args, kwargs = Decoder(
        stored["path"], tensors, lambda name: import_outside(stored["path"], name)
    ).decode(stored["values"])
    return kwargs or args


def _run(place: str, hidden: List[Source]) -> None:
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    roots = {_root(source) for source in hidden} - _installed()
    path = [entry for entry in sys.path if entry and os.path.realpath(entry) not in roots]
    environment = dict(os.environ)
    environment.pop(loaded.ENVIRONMENT, None)
    # Killed where this is interrupted.
    done = subprocess.run(
        [sys.executable, "-I", "-c", _PROGRAM, json.dumps([own, path, place])],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=os.path.dirname(place),
    )
    if done.returncode:
        raise NotPortable(
            "the archive cannot be loaded in a process that does not have the project:\n%s"
            % done.stderr.decode("utf-8", "replace").strip()[-4000:]
        )


def _installed() -> Set[str]:
    """Directories of installed modules: what they have is there for everybody."""
    import torch

    places = [
        sysconfig.get_path("purelib"),
        sysconfig.get_path("platlib"),
        site.getusersitepackages(),
    ]
    places.append(os.path.dirname(os.path.dirname(torch.__file__)))
    return {os.path.realpath(place) for place in places}


def _root(source: Source) -> str:
    """The directory of the path of modules that a source was found in."""
    folder = os.path.dirname(os.path.realpath(source.filename))
    for _ in range(source.name.count(".") + source.is_package):
        folder = os.path.dirname(folder)
    return folder
