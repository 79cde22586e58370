"""Distributions beside this one that do not go with it."""

import os
import warnings

from . import build
from .where import DEV_MANIFEST, ROOT


class SlimwheelWarning(RuntimeWarning):
    """Something about the installation needs mending."""


def warn_of_rivals() -> None:
    """Warn when another distribution that owns the same package is installed beside this one."""
    try:
        names = os.listdir(ROOT)
    except OSError:
        return
    rivals = sorted(
        name
        for name in names
        if name.endswith(".dist-info") and name.partition("-")[0].lower() in build.RIVALS
    )
    for name in rivals:
        rival = name.partition("-")[0]
        _warn(
            "%s %s and %s are both installed in %s: they own the same files, and removing either "
            "breaks the other. Remove both and install one: pip uninstall -y %s %s %s"
            % (
                build.DISTRIBUTION,
                build.VERSION,
                name[: -len(".dist-info")].replace("-", " ", 1),
                ROOT,
                build.DISTRIBUTION,
                rival,
                build.PACKAGE,
            )
        )


def warn_of_dev() -> None:
    """Warn when the development wheel in place was made for another build than this one."""
    if not os.path.exists(DEV_MANIFEST):
        return
    from .manifest import dev_manifest

    dev = dev_manifest() or {}
    found = (dev.get("distribution"), dev.get("version"), dev.get("upstream_sha256"))
    if found == (build.DEV, build.VERSION, build.UPSTREAM_SHA256):
        return
    name = dev.get("distribution") or "the development wheel"
    if build.DEV_REQUIREMENT:
        mend = "pip install --force-reinstall --no-deps " + build.DEV_REQUIREMENT
    else:
        mend = "pip uninstall %s" % name
    _warn(
        "%s %s was made for another build than this %s %s: what it put back does not go with "
        "these libraries. Mend it: %s"
        % (name, dev.get("version"), build.DISTRIBUTION, build.VERSION, mend)
    )


def _warn(text: str) -> None:
    # Level 4: the package's __init__, which called before() or after().
    warnings.warn(text, SlimwheelWarning, stacklevel=4)
