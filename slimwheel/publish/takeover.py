"""What others put on an index: taken over where that loses nothing, and left alone otherwise."""

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

from packaging.utils import canonicalize_name

from slimwheel.errors import SlimwheelError, UsageError
from slimwheel.publish import layout
from slimwheel.publish.entry import Subject
from slimwheel.publish.index import add_entry, update_project, update_root
from slimwheel.publish.layout import is_normalized, is_wheel_of
from slimwheel.publish.pages import revision_of
from slimwheel.publish.store import Store

_DISTRIBUTIONS = (".whl", ".tar.gz", ".tar.bz2", ".tgz", ".zip", ".egg", ".exe")


def check_ours(store: Store, project: str) -> None:
    """Refuse a project whose page others made, while it would lose files that they listed.

    Raises:
        UsageError: it is so.
    """
    for lost in _would_be_lost(store, project):
        raise UsageError(
            "was published by other means, and would no longer be listed",
            file=layout.folder(project) + lost,
            hint="Run `slimwheel publish --reindex` first: it takes over the wheels that lie "
            "there, and says what it cannot.",
        )


def reindex(store: Store, note: Callable[[str], None] = lambda _: None) -> list[str]:
    """Make all pages again from the wheels that are there, also those that came by other means.

    Args:
        note: told what is looked at.

    Returns:
        Problems, a sentence each: what could not be listed, and why.

    Raises:
        RemoteError: the store fails.
    """
    problems = []
    for name in sorted(store.directories(layout.ROOT)):
        if not is_normalized(name):
            problems.append(
                f"{layout.ROOT}{name}/ is not listed: installers ask for normalized names, such "
                f"as {layout.folder(canonicalize_name(name))}"
            )
        elif _is_project(store, name):
            note(name)
            problems += _reindex(store, name)
    return problems + update_root(store)


def _reindex(store: Store, project: str) -> list[str]:
    problems = _add_entries(store, project)
    lost = _would_be_lost(store, project)
    if lost:
        others = f"{lost[0]} and {len(lost) - 1} more" if lost[1:] else lost[0]
        return [
            *problems,
            f"the page in {layout.folder(project)} was made by other means and stays as it is: "
            f"{others} would no longer be listed; remove the page if that is right",
        ]
    return problems + update_project(store, project)


def _is_project(store: Store, project: str) -> bool:
    """Whether there is anything in a folder that a page of ours is about."""
    page = store.read(layout.folder(project) + layout.HTML_PAGE)
    return (page is not None and revision_of(page.data) > 0) or any(
        entry.key.endswith(".whl") for entry in store.entries(layout.folder(project))
    )


def _would_be_lost(store: Store, project: str) -> list[str]:
    """Return what a page that others made lists, or may list, and ours would not; sorted."""
    prefix = layout.folder(project)
    read = map(store.read, layout.page_keys(prefix, directory_keys=store.directory_keys))
    # An empty one is what a console makes to show a folder.
    pages = [page.data for page in read if page and page.data and not revision_of(page.data)]
    if not pages:
        return []
    names = {entry.key.removeprefix(prefix) for entry in store.entries(prefix)}
    ours = {name for name in names if name + layout.ENTRY in names and is_wheel_of(project, name)}
    listed = names.union(*map(_linked, pages))
    return sorted(name for name in listed - ours if name.endswith(_DISTRIBUTIONS))


def _linked(page: bytes) -> Iterator[str]:
    """Yield the names of the files that a page names, wherever they lie."""
    try:
        files = json.loads(page)["files"]
        yield from (str(file["filename"]) for file in files)
    except (ValueError, RecursionError, TypeError, LookupError):
        links = _Links()
        links.feed(page.decode(errors="replace"))
        yield from links.names


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = dict(attrs).get("href") if tag == "a" else None
        if address:
            path = re.split("[?#]", address)[0]
            self.names.append(unquote(path).rpartition("/")[2])


def _add_entries(store: Store, project: str) -> list[str]:
    """Make the metadata and entries that wheels lack, from the wheels themselves."""
    prefix = layout.folder(project)
    names = {entry.key.removeprefix(prefix) for entry in store.entries(prefix)}
    problems = []
    for name in sorted(names):
        # What update_project names as a problem never becomes the name of a file here.
        if not is_wheel_of(project, name):
            continue
        if {name + layout.ENTRY, name + layout.METADATA} <= names:
            continue
        with tempfile.TemporaryDirectory(prefix="slimwheel-reindex-") as directory:
            path = Path(directory) / name
            store.download(prefix + name, path)
            try:
                subject = Subject(path)
            except SlimwheelError as error:
                problems.append(f"{prefix}{name} is not listed: {error.message}")
                continue
        add_entry(store, subject)
    return problems
