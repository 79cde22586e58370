"""The tags that one Python and one platform admit, as pip wants them spelt out.

pip takes `--platform` and `--abi` literally: asked for manylinux_2_28 it does not see a wheel for
manylinux_2_17, though every machine that runs the first runs the second. Sources: PEP 600 (and
513, 571, 599 for the old names), PEP 656 for musllinux, PEP 3149 and CPython's configure for the
ABI flags.
"""

import re

from slimwheel.errors import UsageError

_PYTHON = re.compile(r"(?P<release>(?P<major>[23])\.(?P<minor>\d+)(?:\.(?P<patch>\d+))?)(?P<t>t?)")
_LIBC = re.compile(r"(?P<libc>manylinux|musllinux)_(?P<major>\d+)_(?P<minor>\d+)_(?P<arch>\w+)")
_OLD_NAMES = {"manylinux1": 5, "manylinux2010": 12, "manylinux2014": 17}
_PLATFORM = re.compile(r"[a-z][a-z0-9_]*")


def python_options(python: str) -> list[str]:
    """pip's options for a Python such as `3.11`, `3.6.15` or, free-threaded, `3.13t`.

    Raises:
        UsageError: this is no version of Python.
    """
    match = _PYTHON.fullmatch(python)
    if match is None:
        raise UsageError(f"'{python}' is not a Python version", hint="Write it as 3.11.")
    major, minor = int(match["major"]), int(match["minor"])
    # pip reads 3.6 as 3.6.0, and `Requires-Python: >=3.6.2` would rule out a wheel for 3.6.
    release = match["release"] if match["patch"] else f"{match['release']}.99"
    options = ["--python-version", release, "--implementation", "cp"]
    for flags in _abi_flags(major, minor, match["t"]):
        options += ["--abi", f"cp{major}{minor}{flags}"]
    return options


def _abi_flags(major: int, minor: int, threading: str) -> list[str]:
    if major == 2:
        return ["mu", "m"]  # UCS-4, which Linux uses, before UCS-2
    return ["m"] if minor < 8 else [threading]


def platform_options(platform: str) -> list[str]:
    """pip's options for a platform tag and all that it admits, the closest first.

    Raises:
        UsageError: this is no platform tag.
    """
    if not _PLATFORM.fullmatch(platform):
        raise UsageError(
            f"'{platform}' is not a platform tag", hint="Write it as manylinux_2_28_x86_64."
        )
    return [word for name in admitted(platform) for word in ("--platform", name)]


def admitted(platform: str) -> list[str]:
    """The platform tags of wheels that run on `platform`, the closest first.

    pip itself expands macOS versions, and Windows has none.
    """
    name, _, arch = platform.partition("_")
    if name in _OLD_NAMES:
        platform = f"manylinux_2_{_OLD_NAMES[name]}_{arch}"
    match = _LIBC.fullmatch(platform)
    if match is None:
        return [platform]
    libc, major, newest, arch = match["libc"], match["major"], int(match["minor"]), match["arch"]
    old = {minor: name for name, minor in _OLD_NAMES.items()} if libc == "manylinux" else {}
    names = []
    for minor in range(newest, _oldest(libc, arch) - 1, -1):
        names.append(f"{libc}_{major}_{minor}_{arch}")
        if minor in old:
            names.append(f"{old[minor]}_{arch}")
    return [*names, f"linux_{arch}"]


def _oldest(libc: str, arch: str) -> int:
    if libc == "musllinux":
        return 0
    return 5 if arch in ("x86_64", "i686") else 17
