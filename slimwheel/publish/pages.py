"""Pages of an index, as HTML (PEP 503) and JSON (PEP 691), from the entries of its files.

Each page has a number that grows with each change: no two versions of a page have the same bytes
and so the same ETag, and a publisher that works on an older one always notices.
"""

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from slimwheel.publish.entry import FileEntry
from slimwheel.publish.layout import JSON_PAGE

API_VERSION = "1.1"
_HTML_REVISION = re.compile(rb'<meta name="slimwheel:revision" content="(\d{1,18})">')
_REVISION = "_revision"


def revision_of(data: bytes) -> int:
    """Return the number of a page; 0 for one that was not made here."""
    found = _HTML_REVISION.search(data)
    if found:
        return int(found[1])
    try:
        page = json.loads(data)
    except (ValueError, RecursionError):
        return 0
    number = page.get(_REVISION) if isinstance(page, dict) else None
    return number if isinstance(number, int) else 0


def project_page(key: str, project: str, files: Sequence[FileEntry], revision: int) -> bytes:
    """Return the page of a project under a key: JSON or HTML.

    Args:
        files: in the order of the page.
    """
    if key.endswith(JSON_PAGE):
        page = {
            "name": project,
            "versions": list(dict.fromkeys(str(file.version) for file in files)),
            "files": [file.to_json() for file in files],
        }
        return _json(page, revision)
    return _html(f"Links for {project}", map(_link, files), revision)


def root_page(key: str, projects: Sequence[str], revision: int) -> bytes:
    """Return the page of all projects under a key: JSON or HTML."""
    if key.endswith(JSON_PAGE):
        return _json({"projects": [{"name": name} for name in projects]}, revision)
    links = (f'<a href="{name}/">{name}</a>' for name in projects)
    return _html("Simple index", links, revision)


def _link(file: FileEntry) -> str:
    attributes = {"href": f"{file.url}#sha256={file.hashes.sha256}"}
    if file.requires_python:
        attributes["data-requires-python"] = file.requires_python
    if file.yanked is not False:
        attributes["data-yanked"] = file.yanked if isinstance(file.yanked, str) else ""
    # The second is what PEP 658 called it and older installers look for.
    for name in ("data-core-metadata", "data-dist-info-metadata"):
        attributes[name] = f"sha256={file.core_metadata.sha256}"
    words = " ".join(f'{name}="{html.escape(value)}"' for name, value in attributes.items())
    return f"<a {words}>{html.escape(file.filename)}</a>"


def _html(title: str, links: Iterable[str], revision: int) -> bytes:
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta name="pypi:repository-version" content="{API_VERSION}">',
        f'<meta name="slimwheel:revision" content="{revision}">',
        f"<title>{html.escape(title)}</title>",
        "</head>",
        "<body>",
        f"<h1>{html.escape(title)}</h1>",
        *(f"{link}<br>" for link in links),
        "</body>",
        "</html>",
        "",
    ]
    return "\n".join(lines).encode()


def _json(page: Mapping[str, Any], revision: int) -> bytes:
    whole = {"meta": {"api-version": API_VERSION}, **page, _REVISION: revision}
    return (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode()
