"""Progress on a terminal; nothing at all in a pipe."""

import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, TaskID

    from slimwheel.build import Progress as BuildProgress
    from slimwheel.fetch import FetchProgress
    from slimwheel.publish.publishing import Progress as PublishProgress
    from slimwheel.verify.against import Progress as RunningProgress


class _Display:
    """One line on standard error that is redrawn in place; nothing where that is no terminal."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if _may_be_terminal():
            self._progress = self._made()
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def _made(self) -> "Progress":
        # Here and not above: rich takes a tenth of a second to import.
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            *self._columns(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    def _columns(self) -> list["ProgressColumn"]:
        raise NotImplementedError

    def _show(self, what: str, done: int, total: int, left: str = "") -> None:
        if self._progress is None:
            return
        if self._task is None:
            self._task = self._progress.add_task(what, total=total or None, left=left)
        self._progress.update(
            self._task, description=what, completed=done, total=total or None, left=left
        )


class ProgressDisplay(_Display):
    """Shows how far fetching, building and looking at wheels are, in bytes."""

    def _columns(self) -> list["ProgressColumn"]:
        from rich.progress import DownloadColumn

        return [DownloadColumn()]

    def fetching(self, source: str) -> Callable[["FetchProgress"], None]:
        """Return what a download reports to."""
        return lambda report: self._show(f"fetch {source}", report.done, report.total)

    def building(self, report: "BuildProgress") -> None:
        """Take a build's report."""
        self._show(report.step, report.done, report.total)

    def inspecting(self, done: int, total: int) -> None:
        """Take how many bytes of a wheel have been looked at."""
        self._show("inspect", done, total)

    def publishing(self, report: "PublishProgress") -> None:
        """Take how far publishing is."""
        self._show(report.what, report.done, report.total)


class StepsDisplay(_Display):
    """Shows how far running two wheels is, in steps, and about how long it will take."""

    def _columns(self) -> list["ProgressColumn"]:
        from rich.progress import TextColumn

        return [TextColumn("{task.completed:,.0f} of {task.total:,.0f}{task.fields[left]}")]

    def show(self, report: "RunningProgress") -> None:
        """Take a report of running."""
        left = (
            "" if report.seconds_left is None else f", about {_duration(report.seconds_left)} left"
        )
        self._show(f"{report.stage}: {report.detail}", report.done, max(report.total, 1), left=left)


def _may_be_terminal() -> bool:
    """Tell whether rich may find a terminal: it takes its word from these variables too."""
    forced = os.environ.get("FORCE_COLOR") or os.environ.get("TTY_COMPATIBLE")
    return bool(forced) or sys.stderr.isatty()


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
