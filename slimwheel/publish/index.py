"""The pages of an index, kept true to its files by any number of publishers at once.

A page is made from a listing that is taken after the page was read, and written only if it still
is what was read. Whoever wins saw all files that were there before; whoever loses starts again and
sees the winner's too. So no file is ever lost from a page, without any lock. It rests on a store
that lists what was written before (S3 does since 2020) and that honours conditional writes.
"""

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from urllib.parse import quote

from slimwheel.errors import RemoteError
from slimwheel.publish import layout
from slimwheel.publish.entry import FileEntry, Subject
from slimwheel.publish.pages import project_page, revision_of, root_page
from slimwheel.publish.store import Busy, Changed, Kind, Store, Stored

ATTEMPTS = 100
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 2.0  # seconds
_READERS = 8
_NOBODYS_ETAG = '"0"'
_LARGEST_ENTRY = 1 << 20  # bytes; what is larger is no entry, and is not read

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
        names = list(filter(layout.is_normalized, sorted(store.directories(layout.ROOT))))
        with ThreadPoolExecutor(_READERS) as pool:
            paged = list(pool.map(lambda name: _has_page(store, name), names))
        projects = [name for name, has in zip(names, paged, strict=True) if has]
        return lambda key, revision: root_page(key, projects, revision)

    return _update(store, layout.ROOT, look)


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
            except Busy:
                lost = True
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


def _has_page(store: Store, project: str) -> bool:
    key = layout.folder(project) + layout.HTML_PAGE
    return any(entry.key == key for entry in store.entries(key))


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
    sizes = {entry.key.removeprefix(prefix): entry.size for entry in store.entries(prefix)}
    names, problems = [], []
    for name in sorted(name for name in sizes if name.endswith(".whl")):
        if not layout.is_wheel_of(project, name):
            problems.append(f"{prefix}{name} is no wheel of {project}, and is not listed")
        elif not {name + layout.ENTRY, name + layout.METADATA} <= sizes.keys():
            problems.append(
                f"{prefix}{name} has no entry or no metadata and is not listed; --reindex makes it"
            )
        elif sizes[name + layout.ENTRY] > _LARGEST_ENTRY:
            problems.append(f"{prefix}{name} has no entry of ours, and is not listed")
        else:
            names.append(name)
    with ThreadPoolExecutor(_READERS) as pool:
        read = list(pool.map(lambda name: _entry(store, prefix + name), names))
    files = []
    for name, file in zip(names, read, strict=True):
        if file and (file.filename, file.url, file.size) == (name, quote(name), sizes[name]):
            files.append(file)
        else:
            problems.append(f"{prefix}{name} is not what its entry says, and is not listed")
    return sorted(files, key=lambda file: (file.version, file.filename)), problems


def _entry(store: Store, wheel: str) -> FileEntry | None:
    key = wheel + layout.ENTRY
    stored = store.read(key)
    return FileEntry.from_bytes(stored.data, place=key) if stored else None


def add_entry(store: Store, subject: Subject) -> None:
    """Put a wheel's METADATA and entry beside it; an entry that is there stays."""
    key = layout.folder(subject.project) + subject.filename
    _put(store, key + layout.METADATA, subject.metadata, layout.METADATA_FILE)
    data = subject.entry(datetime.now(UTC)).to_bytes()
    for _ in waits():
        try:
            store.write(key + layout.ENTRY, data, layout.ENTRY_FILE, expected=None)
        except Busy:
            continue  # Whoever it is may not come to an end.
        except Changed:
            pass
        return


def check_conditions(store: Store, subject: Subject) -> None:
    """Find out whether a store honours conditions, by METADATA that was just written.

    Servers that know no conditional writes pass over the headers, and publishers would overwrite
    each other's pages without a word. Here at worst the same bytes are written once more.

    Raises:
        RemoteError: it does not.
    """
    key = layout.folder(subject.project) + subject.filename + layout.METADATA
    for expected in (None, _NOBODYS_ETAG):
        try:
            store.write(key, subject.metadata, layout.METADATA_FILE, expected=expected)
        except Changed:
            continue
        raise RemoteError(
            "the server overwrites what it was told not to",
            file=key,
            hint="Publishing needs a server that honours conditional writes (If-None-Match, "
            "If-Match); a newer version of this one may.",
        )


def _put(store: Store, key: str, data: bytes, kind: Kind) -> None:
    """Write what can only be these bytes, also where others have put something else."""
    for _ in waits():
        stored = store.read(key)
        if stored is not None and stored.data == data:
            return
        with contextlib.suppress(Changed):
            store.write(key, data, kind, expected=stored.etag if stored else None)
            return
