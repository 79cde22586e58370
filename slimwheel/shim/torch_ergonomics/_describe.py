"""Finds torch and reads what slimwheel wrote into it."""

import importlib.util
import json
import os
import re
import sys
from typing import Any, Dict, List, Optional, Tuple

from ._installed import Installed, installed

# The distributions that own torch's files. At most one can be installed properly.
_SLIM = ("torch_cpu", "torch_gpu")
# This package alone, for upstream's torch. Slim distributions bring it themselves.
_ALONE = "torch_ergonomics"


def describe() -> Dict[str, Any]:
    """What the torch is that `import torch` would import; nothing of it is imported.

    Returns:
        Plain data. `kind` is "slim", "upstream" or "none"; `findings` are sentences that say
        what about the installation needs mending. For "slim": `distribution`, `version`,
        `upstream`, `recipe`, `options`, `tools`, `environment` and `removed` as in the manifest
        that slimwheel wrote; `device_code`, which GPUs' code is in (or None: upstream's, or none);
        `companion` and `dev` (or None) with `requirement`, the version `installed` (or None) and
        whether it `matches`; `beside`, `distribution`, `version` and `upstream` of other slim
        distributions in the same place. For "upstream": `version` (or None).
    """
    location = _find("torch")
    if location is None:
        return {"kind": "none", "location": None, "findings": []}
    root = os.path.dirname(location)
    # The companion may be in another directory than torch: it holds no compiled code.
    found = installed([root, *sys.path])
    owners = [item for item in found if item.name in _SLIM and item.root == root]
    manifest = _read(os.path.join(location, "_slimwheel", "manifest.json"))
    if manifest is None:
        return _upstream(location, found, owners)
    return _slim(location, manifest, found, owners)


def _upstream(location: str, found: List[Installed], owners: List[Installed]) -> Dict[str, Any]:
    version = next((item.version for item in found if item.name == "torch"), None)
    findings = [
        "%s %s is installed, but the files of torch are upstream's: torch was installed over it. "
        "Mend it: pip uninstall -y torch %s, then install the one you want."
        % (*owner[:2], owner[0])
        for owner in owners
    ]
    return {"kind": "upstream", "location": location, "version": version, "findings": findings}


def _slim(
    location: str, manifest: Dict[str, Any], found: List[Installed], owners: List[Installed]
) -> Dict[str, Any]:
    own = (manifest["distribution"], manifest["version"])
    findings = []
    if own not in [owner[:2] for owner in owners]:
        findings.append("The files are those of %s %s, which is not listed as installed." % own)
    rivals = [owner for owner in owners if owner[:2] != own]
    findings += [
        "%s %s and %s %s are both installed and own the same files. Mend it: pip uninstall -y "
        "%s %s torch, then install the one you want." % (*own, *rival[:2], own[0], rival.name)
        for rival in rivals
    ]
    findings += [
        "%s %s is installed beside %s %s, which brings %s itself: both own the same files, and "
        "removing either takes them away. Mend it: pip uninstall -y %s && "
        "pip install --force-reinstall --no-deps %s==%s"
        % (item.name, item.version, *own, item.name, item.name, *own)
        for item in found
        if item.name == _ALONE and item.root == os.path.dirname(location)
    ]
    companion, companion_finding = _companion(manifest, found)
    dev, dev_finding = _dev(location, manifest)
    findings += [finding for finding in (companion_finding, dev_finding) if finding]
    description = {
        key: manifest[key]
        for key in (
            "distribution",
            "version",
            "upstream",
            "recipe",
            "options",
            "tools",
            "environment",
            "removed",
        )
    }
    description.update(
        kind="slim",
        location=location,
        # Builds made before there was this choice do not say it.
        device_code=manifest.get("device_code"),
        companion=companion,
        dev=dev,
        beside=_beside(location),
        findings=findings,
    )
    return description


def _beside(location: str) -> List[Dict[str, Any]]:
    """Other packages that slimwheel wrote a manifest into: torchvision, say."""
    root, own = os.path.split(location)
    found = []
    for name in sorted(os.listdir(root)):
        path = os.path.join(root, name, "_slimwheel", "manifest.json")
        manifest = None if name == own else _read(path)
        if manifest is not None:
            found.append({key: manifest[key] for key in ("distribution", "version", "upstream")})
    return found


def _companion(
    manifest: Dict[str, Any], found: List[Installed]
) -> Tuple[Optional[Dict[str, Any]], Optional[str]]:
    requirement = manifest["companion"]
    if requirement is None:
        return None, None
    name, _, wanted = requirement.partition("==")
    version = next((item.version for item in found if item.name == name), None)
    companion = {
        "requirement": requirement,
        "installed": version,
        "matches": version == wanted,
    }
    if companion["matches"]:
        return companion, None
    return companion, (
        "The companion %s is %s: what requires torch does not see this one. "
        "Mend it: pip install %s==%s"
        % (
            requirement,
            "missing" if version is None else "not the one installed, which is %s" % version,
            manifest["distribution"],
            manifest["version"],
        )
    )


def _dev(location: str, manifest: Dict[str, Any]) -> Tuple[Optional[Dict[str, Any]], Optional[str]]:
    wanted = manifest["dev"]
    found = _read(os.path.join(location, "_slimwheel_dev", "manifest.json"))
    dev = None
    if wanted is not None:
        expected = (wanted["distribution"], manifest["version"], manifest["upstream"]["sha256"])
        keys = ("distribution", "version", "upstream_sha256")
        dev = {
            "requirement": wanted["requirement"],
            "installed": found and found.get("version"),
            "matches": found is not None and tuple(map(found.get, keys)) == expected,
        }
    if found is None or (dev and dev["matches"]):
        return dev, None
    name = "%s %s" % (found.get("distribution"), found.get("version"))
    if wanted is None:
        return dev, "%s belongs to another build. Mend it: pip uninstall %s" % (
            name,
            found.get("distribution"),
        )
    return dev, (
        "%s was made for another build: what it put back does not go with these libraries. "
        "Mend it: pip install --force-reinstall --no-deps %s" % (name, wanted["requirement"])
    )


def _find(package: str) -> Optional[str]:
    """The folder of a package. find_spec imports no top-level package."""
    try:
        spec = importlib.util.find_spec(package)
    except ValueError:  # a module without __spec__ is in sys.modules
        return None
    if spec is None or not spec.origin or not re.search(r"__init__\.py$", spec.origin):
        return None
    return os.path.dirname(os.path.abspath(spec.origin))


def _read(path: str) -> Optional[Dict[str, Any]]:
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        content = json.load(file)
    assert isinstance(content, dict)
    return content
