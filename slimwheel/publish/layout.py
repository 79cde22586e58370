"""What lies where in an index.

simple/index.html                        all projects
simple/torch-cpu/index.html              the files of one: PEP 503
simple/torch-cpu/index.json              the same: PEP 691, and what slimwheel knows beside
simple/torch-cpu/                        index.html again, for S3's REST endpoint, which does not
                                         look for an index.html
simple/torch-cpu/FILE.whl                a wheel, beside its page, so that links are names
simple/torch-cpu/FILE.whl.metadata       its METADATA: PEP 658
simple/torch-cpu/FILE.whl.json           its entry in index.json: the page is made of these

Sources: PyPA specifications, "Simple repository API"; Amazon S3 user guide, "Hosting a static
website".
"""

import re
from urllib.parse import quote

from packaging.utils import canonicalize_name

from slimwheel.publish.store import Kind
from slimwheel.wheelfile.names import WheelName

ROOT = "simple/"
METADATA = ".metadata"
ENTRY = ".json"
HTML_PAGE = "index.html"
JSON_PAGE = "index.json"

# A file never changes under its name.
_FOREVER = "public, max-age=365000000, immutable"
# Long enough for one installation's many requests, short enough that nobody waits for a release.
_SHORT = "public, max-age=60"
WHEEL = Kind("application/octet-stream", _FOREVER)
METADATA_FILE = Kind("text/plain; charset=utf-8", _FOREVER)
ENTRY_FILE = Kind("application/json", _SHORT)
HTML = Kind("text/html; charset=utf-8", _SHORT)
JSON = Kind("application/vnd.pypi.simple.v1+json", _SHORT)

_NORMALIZED = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def is_normalized(name: str) -> bool:
    """Whether a folder's name is one that installers ask for: PEP 503, "Normalized Names"."""
    return _NORMALIZED.fullmatch(name) is not None


def is_wheel_of(project: str, name: str) -> bool:
    """Whether a name, relative to the folder of a project, is that of one of its wheels."""
    parsed = WheelName.parse(name) if "/" not in name else None
    return parsed is not None and canonicalize_name(parsed.distribution) == project


def folder(project: str) -> str:
    """Return the prefix of a project's keys, by its normalized name."""
    return f"{ROOT}{project}/"


def page_kind(key: str) -> Kind:
    """Return what a page is served as."""
    return JSON if key.endswith(JSON_PAGE) else HTML


def page_keys(prefix: str, *, directory_keys: bool) -> list[str]:
    """Return the keys of the pages of a folder."""
    return [f"{prefix}{HTML_PAGE}", f"{prefix}{JSON_PAGE}", *([prefix] if directory_keys else [])]


def url(root: str, project: str, filename: str) -> str:
    """Return where a file can be fetched, under the URL of the index that ends in `simple/`."""
    return f"{root}{project}/{quote(filename)}"
