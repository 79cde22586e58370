"""Progress on a terminal; nothing at all in a pipe."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from slimwheel.build import Progress as BuildProgress
from slimwheel.fetch import FetchProgress


class ProgressDisplay:
    """Shows how far fetching and building are, on standard error."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def fetching(self, source: str) -> Callable[[FetchProgress], None]:
        """Return what a download reports to."""
        return lambda report: self._show(f"fetch {source}", report.done, report.total)

    def building(self, report: BuildProgress) -> None:
        """Take a build's report."""
        self._show(report.step, report.done, report.total)

    def inspecting(self, done: int, total: int) -> None:
        """Take how many bytes of a wheel have been looked at."""
        self._show("inspect", done, total)

    def _show(self, what: str, done: int, total: int) -> None:
        if self._task is None:
            self._task = self._progress.add_task(what, total=total or None)
        self._progress.update(self._task, description=what, completed=done, total=total or None)
