"""The pages of an index, kept true to its files by any number of publishers at once.

A page is made from a listing that is taken after the page was read, and written only if it still
is what was read. Whoever wins saw all files that were there before; whoever loses starts again and
sees the winner's too. So no file is ever lost from a page, without any lock. It rests on a store
that lists what was written before (S3 does since 2020) and that honours conditional writes.
"""

import contextlib
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import canonicalize_name

from slimwheel.errors import RemoteError, SlimwheelError, UsageError
from slimwheel.publish import layout
from slimwheel.publish.entry import FileEntry, Subject
from slimwheel.publish.pages import project_page, revision_of, root_page
from slimwheel.publish.store import Changed, Entry, Kind, Store, Stored

ATTEMPTS = 100
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 2.0  # seconds
_READERS = 8

_NO_DIRECTORY_KEYS = (
    "the server does not keep objects whose names end in a slash: installers find the pages only "
    "where something in front of it serves index.html for a directory"
)

Render = Callable[[str, int], bytes]


def update_project(store: Store, project: str) -> list[str]:
    """Make the pages of a project say what is there.

    Returns:
        Problems that do not keep the index from being whole, a sentence each.

    Raises:
        RemoteError: the store fails, or an entry is malformed.
    """
    problems: list[str] = []

    def look() -> Render:
        files, found = _files(store, project)
        problems[:] = found
        return lambda key, revision: project_page(key, project, files, revision)

    problems += _update(store, layout.folder(project), look)
    return problems


def update_root(store: Store) -> list[str]:
    """Make the root's pages name every project that has a page; returns problems as above."""

    def look() -> Render:
        projects = sorted(store.directories(layout.ROOT))
        return lambda key, revision: root_page(key, projects, revision)

    return _update(store, layout.ROOT, look)


def check_ours(store: Store, project: str) -> None:
    """Refuse a project whose page others made, while it would lose files that they put there.

    Raises:
        UsageError: it is so.
    """
    prefix = layout.folder(project)
    page = store.read(prefix + layout.HTML_PAGE)
    if page is None or revision_of(page.data):
        return
    names = {entry.key for entry in store.entries(prefix)}
    for name in sorted(names):
        if name.endswith(".whl") and name + layout.ENTRY not in names:
            raise UsageError(
                "was published by other means, and would no longer be listed",
                file=name,
                hint="Run `slimwheel publish --reindex` first: it takes such files over.",
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
    for project in sorted(store.directories(layout.ROOT)):
        note(project)
        problems += _add_entries(store, project)
        problems += update_project(store, project)
    return problems + update_root(store)


def waits() -> Iterator[None]:
    """Yield for every attempt, after a random wait from the second on.

    Raises:
        RemoteError: it was not enough.
    """
    longest = _FIRST_WAIT
    for _ in range(ATTEMPTS):
        yield
        time.sleep(random.uniform(0, longest))  # noqa: S311 - jitter
        longest = min(2 * longest, _LONGEST_WAIT)
    raise RemoteError(
        f"others changed the index each of {ATTEMPTS} times that it was to be written",
        hint="Run it again when fewer publishers are at work, or see whether the store honours "
        "conditional writes (If-Match).",
    )


def _update(store: Store, prefix: str, look: Callable[[], Render]) -> list[str]:
    keys = layout.page_keys(prefix, directory_keys=store.directory_keys)
    refused: set[str] = set()
    for _ in waits():
        # Before the listing: what comes between the two is noticed when the page is written.
        before = {key: store.read(key) for key in keys if key not in refused}
        render = look()
        lost = False
        for key, stored in before.items():
            if _is(render, key, stored):
                continue
            try:
                _write(store, key, stored, render)
            except Changed:
                if key == prefix and _unchanged(store, key, stored):
                    refused.add(key)  # It is no object there, but what others lie in.
                else:
                    lost = True
            else:
                if key == prefix and not _is_kept(store, key):
                    refused.add(key)
        if not lost:
            break
    return [_NO_DIRECTORY_KEYS] if refused else []


def _is(render: Render, key: str, stored: Stored | None) -> bool:
    return stored is not None and render(key, revision_of(stored.data)) == stored.data


def _write(store: Store, key: str, stored: Stored | None, render: Render) -> None:
    revision = revision_of(stored.data) + 1 if stored else 1
    expected = stored.etag if stored else None
    store.write(key, render(key, revision), layout.page_kind(key), expected=expected)


def _unchanged(store: Store, key: str, before: Stored | None) -> bool:
    now = store.read(key)
    return (now.etag if now else None) == (before.etag if before else None)


def _is_kept(store: Store, key: str) -> bool:
    now = store.read(key)
    return now is not None and bool(now.data)


def _files(store: Store, project: str) -> tuple[list[FileEntry], list[str]]:
    """Return the entries of the wheels that are there, in the page's order, and problems."""
    prefix = layout.folder(project)
    listing = {entry.key.removeprefix(prefix): entry for entry in store.entries(prefix)}
    wheels = {name: entry for name, entry in listing.items() if name.endswith(".whl")}
    problems = [
        f"{prefix}{name} has no entry and is not listed; --reindex makes one"
        for name in sorted(wheels)
        if name + layout.ENTRY not in listing
    ]
    names = [name for name in wheels if name + layout.ENTRY in listing]
    with ThreadPoolExecutor(_READERS) as pool:
        read = list(pool.map(lambda name: _entry(store, prefix + name), names))
    files = []
    for name, file in zip(names, read, strict=True):
        if file is None or file.filename != name or file.size != wheels[name].size:
            problems.append(f"{prefix}{name} is not what its entry says, and is not listed")
        else:
            files.append(file)
    return sorted(files, key=lambda file: (file.version, file.filename)), problems


def _entry(store: Store, wheel: str) -> FileEntry | None:
    key = wheel + layout.ENTRY
    stored = store.read(key)
    return FileEntry.from_bytes(stored.data, place=key) if stored else None


def _add_entries(store: Store, project: str) -> list[str]:
    """Make the entries that wheels lack, from the wheels themselves."""
    prefix = layout.folder(project)
    listing: dict[str, Entry] = {entry.key: entry for entry in store.entries(prefix)}
    problems = []
    for key in listing:
        if not key.endswith(".whl") or key + layout.ENTRY in listing:
            continue
        with tempfile.TemporaryDirectory(prefix="slimwheel-reindex-") as directory:
            path = Path(directory) / key.removeprefix(prefix)
            store.download(key, path)
            try:
                subject = Subject(path)
            except SlimwheelError as error:
                problems.append(f"{key} is not listed: {error.message}")
                continue
        if subject.project != canonicalize_name(project):
            problems.append(f"{key} is not listed: it is a wheel of {subject.project}")
            continue
        add_entry(store, subject)
    return problems


def add_entry(store: Store, subject: Subject) -> None:
    """Put a wheel's METADATA and entry beside it; an entry that is there stays."""
    key = layout.folder(subject.project) + subject.filename
    _put(store, key + layout.METADATA, subject.metadata, layout.METADATA_FILE)
    with contextlib.suppress(Changed):
        data = subject.entry(datetime.now(UTC)).to_bytes()
        store.write(key + layout.ENTRY, data, layout.ENTRY_FILE, expected=None)


def _put(store: Store, key: str, data: bytes, kind: Kind) -> None:
    """Write what can only be these bytes, also where others have put something else."""
    for _ in waits():
        stored = store.read(key)
        if stored is not None and stored.data == data:
            return
        with contextlib.suppress(Changed):
            store.write(key, data, kind, expected=stored.etag if stored else None)
            return
