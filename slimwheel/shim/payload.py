"""The files that every slim wheel is given."""

import pprint
import re
from collections.abc import Iterable, Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

from slimwheel.shim.manifest import Forget, Manifest, dev_manifest, dumps

# A package's slim distributions are `<package>_<variant>`; they own the same files.
VARIANTS = ("cpu", "gpu")


def boot_files(package: str, manifest: Manifest) -> dict[str, bytes]:
    """The private part, `<package>/_slimwheel/`: boot code and manifest.

    Args:
        package: the import package that gets it, as "torch".
        manifest: what the build was.

    Returns:
        Member names and contents, sorted.
    """
    folder = f"{package}/_slimwheel"
    members = _payload("boot", folder)
    members[f"{folder}/build.py"] = _build_module(package, manifest)
    members[f"{folder}/manifest.json"] = dumps(manifest)
    return dict(sorted(members.items()))


def dev_files(package: str, manifest: Manifest) -> dict[str, bytes]:
    """What a development wheel carries so that the guards see it.

    Args:
        package: as for `boot_files`.
        manifest: that of the slim wheel it belongs to.

    Raises:
        ValueError: that slim wheel has no development wheel.
    """
    return {f"{package}/_slimwheel_dev/manifest.json": dumps(dev_manifest(manifest))}


def ergonomics_files() -> dict[str, bytes]:
    """The public part, the top-level package `torch_ergonomics`, by member name."""
    return _payload("torch_ergonomics", "torch_ergonomics")


def _payload(source: str, folder: str) -> dict[str, bytes]:
    return dict(_python_files(files("slimwheel.shim") / source, folder))


def _python_files(directory: Traversable, folder: str) -> Iterator[tuple[str, bytes]]:
    """Every Python file under a directory, named as if the directory were `folder`."""
    for entry in sorted(directory.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _python_files(entry, f"{folder}/{entry.name}")
        elif entry.name.endswith(".py"):
            yield f"{folder}/{entry.name}", entry.read_bytes()


def _build_module(package: str, manifest: Manifest) -> bytes:
    """build.py, as boot/build.pyi declares it."""
    dev = manifest["dev"]
    upstream = manifest["upstream"]
    rivals = {f"{package}_{variant}" for variant in VARIANTS} - {manifest["distribution"]}
    values = {
        "PACKAGE": package,
        "DISTRIBUTION": manifest["distribution"],
        "VERSION": manifest["version"],
        "UPSTREAM": f"{upstream['name']}=={upstream['version']}",
        "UPSTREAM_SHA256": upstream["sha256"],
        "RECIPE": manifest["recipe"]["name"],
        "DEV": dev and dev["distribution"],
        "DEV_REQUIREMENT": dev and dev["requirement"],
        "RIVALS": sorted(rivals),
        "ENVIRONMENT": dict(manifest["environment"]),
        "DEVICE_CODE": manifest["device_code"],
        "MODULES": {
            module: removed["rule"]
            for removed in manifest["removed"]
            for module in removed["modules"]
        },
        "FORGET": [
            (forget["module"], _pattern(forget), dict(forget["set"]))
            for forget in manifest["forget"]
        ],
    }
    lines = ['"""Written from manifest.json: what importing the package has to know of it."""', ""]
    lines += [f"{name} = {pprint.pformat(value, width=100)}" for name, value in values.items()]
    return ("\n".join(lines) + "\n").encode()


def _pattern(forget: Forget) -> str:
    """The names that go as one regular expression that Python 3.5 knows too."""
    if not forget["names"]:
        return "(?!)"
    exceptions = f"(?!{_alternatives(forget['except'])})" if forget["except"] else ""
    return exceptions + _alternatives(forget["names"])


def _alternatives(globs: Iterable[str]) -> str:
    patterns = (re.escape(glob).replace(r"\*", ".*").replace(r"\?", ".") for glob in globs)
    return rf"(?:{'|'.join(patterns)})\Z"
