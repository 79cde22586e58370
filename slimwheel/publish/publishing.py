"""Publishing wheels: what goes first, what is refused, and what came of it."""

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from packaging.utils import canonicalize_name
from packaging.version import Version

from slimwheel.errors import OutputExists, UsageError
from slimwheel.files import file_sha256
from slimwheel.publish import layout
from slimwheel.publish.companions import is_companion
from slimwheel.publish.entry import FileEntry, Subject
from slimwheel.publish.index import add_entry, check_conditions, update_project, update_root, waits
from slimwheel.publish.store import Busy, Changed, Store
from slimwheel.publish.takeover import check_ours
from slimwheel.wheelfile.names import WheelName

SCHEMA = 1
_TARGET = ("sm", "ptx")

Status = Literal["uploaded", "unchanged", "to upload"]


@dataclass(frozen=True)
class Request:
    """What is to be done.

    Attributes:
        wheels: to be published; a companion that lies beside one of them is published too.
        yank, unyank: names of files on the index that are yanked (PEP 592), or no longer.
        reason: why they are yanked.
        dry_run: say what would be done, and write nothing.
    """

    wheels: Sequence[Path] = ()
    yank: Sequence[str] = ()
    unyank: Sequence[str] = ()
    reason: str = ""
    dry_run: bool = False


@dataclass(frozen=True)
class Published:
    """A wheel and what became of it."""

    project: str
    version: str
    filename: str
    url: str
    sha256: str
    size: int
    status: Status
    yanked: str | bool
    requires: tuple[str, ...]

    @property
    def is_companion(self) -> bool:
        """Whether it is there for others' sake."""
        return is_companion(self.version)


@dataclass
class Publication:
    """What came of publishing.

    Attributes:
        url: of the index, as installers are given it.
        files: in the order in which they were published.
        yanked, unyanked: names of files.
        warnings: a sentence each.
    """

    url: str
    files: list[Published] = field(default_factory=list)
    yanked: list[str] = field(default_factory=list)
    unyanked: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {"schema": SCHEMA, **asdict(self)}


@dataclass(frozen=True)
class Progress:
    """How far it is, in bytes of all wheels."""

    what: str
    done: int
    total: int


Watcher = Callable[[Progress], None]


def publish(
    store: Store, url: str, request: Request, watch: Watcher = lambda _: None
) -> Publication:
    """Publish wheels, and yank what is to be yanked.

    Nothing is written before all wheels are known to be publishable. A wheel comes first, then its
    metadata and its entry, and the pages that name it at last; what is broken off at any point can
    be run again.

    Args:
        store: the index.
        url: of the index.
        request: what to do; its wheels in the order in which they are wanted there.

    Raises:
        OutputExists: the index has another file under a wheel's name.
        UsageError: a file that is to be yanked is not there, or the index was made otherwise.
        WheelError: a wheel is malformed.
        RemoteError: the store fails.
        OutputError: the directory cannot be written.
    """
    try:
        request.reason.encode()
    except UnicodeEncodeError as error:
        raise UsageError("the reason is not UTF-8", hint="Write it in UTF-8.") from error
    subjects = _distinct(Subject(path) for path in request.wheels)
    entries = {name: _project_of(store, name) for name in (*request.yank, *request.unyank)}
    projects = dict.fromkeys([*(subject.project for subject in subjects), *entries.values()])
    for project in projects:
        check_ours(store, project)
    known = {subject.filename: _compare(store, subject) for subject in subjects}
    changes = [(name, request.reason or "yanked") for name in request.yank]
    total = sum(subject.size for subject in subjects)
    publication, done = Publication(url), 0
    for subject in subjects:

        def advance(sent: int, before: int = done, name: str = subject.filename) -> None:
            watch(Progress(f"upload {name}", before + sent, total))

        there, status = known[subject.filename]
        if not request.dry_run:
            status = _upload(store, subject, advance)
            add_entry(store, subject)
            if subject is subjects[0]:
                check_conditions(store, subject)
        done += subject.size
        watch(Progress(f"upload {subject.filename}", done, total))
        publication.files.append(_published(subject, url, status, there))
    for name, reason in [*changes, *((name, None) for name in request.unyank)]:
        if not request.dry_run:
            _mark(store, name, reason)
        (publication.unyanked if reason is None else publication.yanked).append(name)
    if request.dry_run:
        return publication
    for project in projects:
        watch(Progress(f"page of {project}", total, total))
        publication.warnings += update_project(store, project)
        publication.warnings += _device_sets(store, project)
    publication.warnings = list(dict.fromkeys(publication.warnings + update_root(store)))
    return publication


def _distinct(subjects: Iterable[Subject]) -> list[Subject]:
    """Return wheels once each; refuse two of one name."""
    found: dict[str, Subject] = {}
    for subject in subjects:
        other = found.setdefault(subject.filename, subject)
        if other.sha256 != subject.sha256:
            raise UsageError(
                f"is to be published beside {other.path}, which is another file of that name",
                file=subject.path,
                hint="Name one of them.",
            )
    return list(found.values())


def _compare(store: Store, subject: Subject) -> tuple[FileEntry | None, Status]:
    """Return the entry of a wheel that is published already; refuse another of its name."""
    key = layout.folder(subject.project) + subject.filename
    stored = store.read(key + layout.ENTRY)
    entry = FileEntry.from_bytes(stored.data, place=key + layout.ENTRY) if stored else None
    # The file itself, too: it may be there without an entry, or be another by now.
    there = [store.sha256(key), entry.hashes.sha256 if entry else None]
    for sha256 in filter(None, there):
        if sha256 != subject.sha256:
            raise _conflict(subject, sha256)
    return entry, "unchanged" if any(there) else "to upload"


def _upload(store: Store, subject: Subject, advance: Callable[[int], None]) -> Status:
    for _ in waits():
        with contextlib.suppress(Busy):
            return _upload_once(store, subject, advance)
    raise AssertionError  # waits() raised.


def _upload_once(store: Store, subject: Subject, advance: Callable[[int], None]) -> Status:
    key = layout.folder(subject.project) + subject.filename
    there = store.sha256(key)
    if there is None:
        try:
            store.upload(key, subject.path, layout.WHEEL, subject.sha256, advance)
        except Busy:
            raise
        except Changed:
            # By another publisher just now, or before by other means that left no hash.
            there = store.sha256(key) or _downloaded_sha256(store, key)
        else:
            return "uploaded"
    if there != subject.sha256:
        raise _conflict(subject, there)
    return "unchanged"


def _downloaded_sha256(store: Store, key: str) -> str:
    with tempfile.TemporaryDirectory(prefix="slimwheel-publish-") as directory:
        path = Path(directory) / "wheel"
        store.download(key, path)
        return file_sha256(path)


def _conflict(subject: Subject, there: str) -> OutputExists:
    return OutputExists(
        f"is published already with other bytes (sha256 {there[:12]}, not {subject.sha256[:12]})",
        file=subject.path,
        hint="A published file is never replaced: build it with --build-number, or publish "
        "elsewhere.",
    )


def _project_of(store: Store, filename: str) -> str:
    """Return the project of a file that is on the index."""
    name = WheelName.parse(filename)
    project = canonicalize_name(name.distribution) if name else ""
    key = f"{layout.folder(project)}{filename}{layout.ENTRY}"
    if name is None or "/" in filename or store.read(key) is None:
        raise UsageError(
            "is not on the index", file=filename, hint="Give the name of a file as its page has it."
        )
    return project


def _mark(store: Store, filename: str, reason: str | None) -> None:
    """Yank a file for a reason, or no longer."""
    key = f"{layout.folder(_project_of(store, filename))}{filename}{layout.ENTRY}"
    for _ in waits():
        stored = store.read(key)
        if stored is None:
            return
        entry = FileEntry.from_bytes(stored.data, place=key)
        marked = entry.model_copy(update={"yanked": False if reason is None else reason})
        if marked == entry:
            return
        try:
            store.write(key, marked.to_bytes(), layout.ENTRY_FILE, expected=stored.etag)
        except Changed:
            continue
        return


def _published(subject: Subject, url: str, status: Status, there: FileEntry | None) -> Published:
    return Published(
        project=subject.project,
        version=subject.version,
        filename=subject.filename,
        url=layout.url(url, subject.project, subject.filename),
        sha256=subject.sha256,
        size=subject.size,
        status=status,
        yanked=there.yanked if there else subject.yanked,
        requires=tuple(subject.requires),
    )


def _device_sets(store: Store, project: str) -> Iterator[str]:
    """Yield a warning where versions differ in nothing but the GPUs that they are for."""
    sets: dict[str, set[str]] = {}
    for entry in store.entries(layout.folder(project)):
        name = WheelName.parse(entry.key.rpartition("/")[2])
        if name is None:
            continue
        version = Version(name.version)
        devices = [p for p in (version.local or "").split(".") if p.startswith(_TARGET)]
        if devices:
            sets.setdefault(version.public, set()).add(".".join(devices))
    for public, found in sets.items():
        if len(found) > 1:
            yield (
                f"{project} {public} is there for several sets of GPUs "
                f"({', '.join(sorted(found))}): "
                "who asks for a version without them gets one that may not be for their GPU; "
                "publish each set under a prefix of its own"
            )
