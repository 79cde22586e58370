"""What this wheel is, and the code that runs when its package is imported.

Written by slimwheel, which turned an upstream wheel into this one; `manifest.json` in this folder
says from what and how. Private: `python -m torch_ergonomics` shows it to people.

`before` and `after` are called by the package's own `__init__`, `forget` where it has loaded more
extension modules, `check_devices` where it checks the GPUs, `gone` by functions that need what was
removed. Everything else is loaded when it is needed, for all of this is part of the time that
importing the package takes. For the same reason what is loaded here imports neither json nor
typing, which take milliseconds in the older Pythons: annotations that need them are strings.
"""

import os

from .build import DEVICE_CODE, ENVIRONMENT, FORGET, MODULES

__all__ = ["after", "before", "check_devices", "forget", "gone"]


def before() -> None:
    """Runs ahead of the first library of the package: environment, guards, a look at neighbours."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if MODULES:
        from .finder import install

        install(MODULES)
    from .neighbours import warn_of_rivals

    warn_of_rivals()


def after() -> None:
    """Runs when the package's libraries are loaded: from here on their names can be used.

    They are used by nobody yet, so this is where names go that this build is made without, and
    where the libraries' word on their own GPU code is brought up to date.
    A development wheel that does not fit is reported here and not earlier, so that the warning
    does not hide why a library failed to load.
    """
    forget(*[entry[0] for entry in FORGET])
    if DEVICE_CODE:
        from .devices import restrict_flags

        restrict_flags(DEVICE_CODE)
    from .neighbours import warn_of_dev

    warn_of_dev()


def forget(*modules: str) -> None:
    """Runs when extension modules are loaded: takes from them what this build is made without.

    Args:
        modules: their full names; those that are not loaded are passed over.
    """
    entries = [entry for entry in FORGET if entry[0] in modules]
    if entries:
        from . import forgetting

        forgetting.forget(entries)


def check_devices() -> None:
    """Runs when the GPUs are first used: warns of those that this build lacks code for.

    Whatever fails on the way, it is silent then: a check must not break a program.
    """
    if DEVICE_CODE:
        from .devices import check

        check(DEVICE_CODE)


def gone(rule: str, path: object = None) -> None:
    """Called where a function is about to use what a rule removed.

    Args:
        rule: id of the rule in the recipe.
        path: the file that the function is about to use. Without it the whole function is lost.

    Raises:
        RemovedFileError: it was removed, and the development wheel has not put it back.
    """
    from .guards import refuse

    refuse(rule, path)
