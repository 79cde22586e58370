"""What this wheel is, and the code that runs when its package is imported.

Written by slimwheel, which turned an upstream wheel into this one; `manifest.json` in this folder
says from what and how. Private: `python -m torch_ergonomics` shows it to people.

`before` and `after` are called by the package's own `__init__`, `gone` by functions that need
what was removed. Everything else is loaded when it is needed, for all of this is part of the time
that importing the package takes.
"""

import os

from .build import ENVIRONMENT, MODULES

__all__ = ["after", "before", "gone"]


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

    A development wheel that does not fit is reported here and not earlier, so that the warning
    does not hide why a library failed to load.
    """
    from .neighbours import warn_of_dev

    warn_of_dev()


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
