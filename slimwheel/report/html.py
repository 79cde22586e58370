"""The page with the treemap: one HTML file with everything in it, for a browser without a network.

What the page does is in slimwheel/report/page; here its parts and the data are put together.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slimwheel.contents import Breakdown, Difference, Kind
from slimwheel.errors import OutputError
from slimwheel.report.page_data import breakdown_data, inspection_data
from slimwheel.report.page_files import page_file, style

# In the order in which they have to run.
_SCRIPTS = ("d3-hierarchy.min.js", "sizes.js", "tree.js", "treemap.js", "tables.js", "main.js")


def inspect_page(report: Mapping[str, Any]) -> str:
    """Return the page about one wheel; `report` is what `inspection` returns."""
    return _page(report["wheel"]["file"], inspection_data(report))


def diff_page(difference: Difference) -> str:
    """Return the page about two wheels."""
    a, b = difference.a, difference.b
    title = f"{a.file} and {b.file}"
    data = {
        "wheels": [_alone(a), _alone(b)],
        "verdicts": [],
        "verdicts_with_recipe": [],
        "rules": [],
    }
    return _page(title, data)


def write_page(path: Path, text: str) -> None:
    """Write a page beside its place and rename it, so that there is never half of one.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=".slimwheel-", suffix=".partial",
            delete=False,
        ) as out:  # fmt: skip
            temporary = Path(out.name)
            try:
                out.write(text)
                out.flush()
                os.chmod(out.fileno(), 0o666 & ~_umask())  # noqa: PTH101 - a descriptor
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise OutputError(
            f"cannot be written: {error.strerror}", file=path, hint="Choose another file."
        ) from error


def _alone(breakdown: Breakdown) -> dict[str, Any]:
    return breakdown_data(breakdown.to_json(), None)


def _page(title: str, data: Mapping[str, Any]) -> str:
    kinds = [
        {"id": kind.value, "label": kind.label, "group": kind.group.value, "rule": kind.rule}
        for kind in Kind
    ]
    text = json.dumps({"title": title, "kinds": kinds, **data}, separators=(",", ":"))
    return _filled(
        page_file("page.html"),
        {
            "TITLE": _escaped(title),
            "STYLES": style("page.css"),
            # Data cannot end the script element that it is in.
            "DATA": text.replace("<", "\\u003c"),
            "SCRIPTS": "\n".join(f"<script>\n{page_file(name)}</script>" for name in _SCRIPTS),
        },
    )


def _filled(template: str, values: Mapping[str, str]) -> str:
    """Put values in the place of `<!--NAME-->`; what is put in is not looked at again."""
    parts = []
    rest = template
    for name, value in values.items():
        before, mark, rest = rest.partition(f"<!--{name}-->")
        assert mark, f"the page has no place for {name}"
        parts += [before, value]
    return "".join([*parts, rest])


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
