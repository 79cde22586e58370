"""Writes a network, its source and its weights into one archive."""

import binascii
import os
import warnings
from typing import Any, Callable, List, Optional, Sequence

from .checking import compare, differences
from .draft import Draft, constructed, has_known_arguments, optimizer_state, pickled
from .errors import NotPortable
from .recording import called, record, recorded


class NotCarried(UserWarning):
    """Something of a network that its archive does not have, and that will differ when loaded."""


def save_portable(
    obj: Any,
    mod_path: Optional[str],
    output_path: Any,
    *,
    config: Any = None,
    entry: Optional[str] = None,
    example: Any = None,
    optimizer: Any = None,
    include: Sequence[str] = (),
    allow: Sequence[str] = (),
    allow_pickle: bool = False,
    check: bool = True,
) -> Any:
    """Saves a network with the source that it is defined in.

    The archive is loaded once in a process that sees nothing of the project, and what comes out is
    compared with the network. Only then does it get its name: a file that was there stays until
    then.

    Args:
        obj: a torch.nn.Module whose class is defined in a module, not in the program itself.
        mod_path: dotted name of the package or module that has the network's source, as
            "project.networks"; None for the top-level package of the network's class.
        output_path: where the archive is written.
        config: the constructor's arguments, a dictionary for named ones or a list, for classes
            that do not record theirs (see `portable` and `Portable`).
        entry: `module:function` that makes the network, if it is not its class.
        example: input to compare outputs with: arguments in a tuple or list, named ones in a
            dictionary, or one tensor. The network is called once, in evaluation mode.
        optimizer: one whose state is saved as well.
        include: further packages or modules that the source imports and that are to be carried.
        allow: names of top-level modules that may be imported though no installed distribution
            has them.
        allow_pickle: save a network that no constructor makes as a pickle. Who loads it has to
            allow that too.
        check: False leaves out loading and comparing.

    Returns:
        `output_path`.

    Raises:
        NotPortable: the network, its arguments or its source cannot be saved; the message says
            where and why.
        TypeError: `obj` is no torch.nn.Module.
        OSError: the archive cannot be written.
    """
    import torch

    if not isinstance(obj, torch.nn.Module):
        raise TypeError("a torch.nn.Module can be saved, not a %s" % type(obj).__qualname__)
    for name, value in (("include", include), ("allow", allow)):
        if isinstance(value, str):
            raise TypeError("%s is a list of names, not a text" % name)
    if config is not None or entry is not None:
        args = () if config is None or isinstance(config, dict) else tuple(config)
        kwargs = config if isinstance(config, dict) else {}
        record(obj, called(args, kwargs, entry))
    path = os.path.abspath(os.fspath(output_path))
    beside = _new_file_beside(path)
    try:
        ways = _ways(obj, allow_pickle)
        for way in ways:
            try:
                draft = way(obj)
                if optimizer is not None:
                    draft.optimizer = optimizer_state(optimizer)
                draft.collect(mod_path, include, allow)
                draft.write(beside)
                if check:
                    _check(draft, obj, beside, example, not allow)
                break
            except NotPortable:
                if way is ways[-1]:
                    raise
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
    return output_path


def _new_file_beside(path: str) -> str:
    folder, name = os.path.split(path)
    beside = os.path.join(folder, ".%s.%s.part" % (name, binascii.hexlify(os.urandom(6)).decode()))
    with open(beside, "xb"):
        return beside


def _ways(network: Any, allow_pickle: bool) -> List[Callable[[Any], Draft]]:
    """In which ways to try to save a network, the better one first."""
    known = has_known_arguments(network)
    if known and recorded(network) is None:
        record(network, called((), {}))
    if not allow_pickle:
        return [constructed]
    return [constructed, pickled] if known else [pickled]


def _check(draft: Draft, network: Any, path: str, example: Any, hide: bool) -> None:
    """Loads the archive in a clean process; writes it anew if it loads right in another way."""
    carried = list(draft.collected.sources.values()) if hide else []
    found = compare(path, network, example, carried)
    if found.not_carried and not draft.initialize and draft.pickle is None:
        draft.initialize = True
        draft.write(path)
        found = compare(path, network, example, carried)
    if found.wrong:
        raise NotPortable(
            "what is loaded is not what was saved: %s. A network that was changed after it was "
            "constructed needs a constructor that makes it so, or allow_pickle=True"
            % differences(found.wrong)
        )
    if found.not_carried:
        warnings.warn(
            "not in the archive, and otherwise when loaded: %s" % differences(found.not_carried),
            NotCarried,
            stacklevel=4,
        )
