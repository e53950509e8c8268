"""What a person sees while a photo is being changed: the stage, its steps and the time left."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

WORDS = {"load": "loading the model", "mask": "finding the mask", "inversion": "tracing the photo", "edit": "editing"}


class Show(Protocol):
    """Who is told how far a stage has come."""

    def begin(self, stage: str, steps: int) -> None: ...
    def advance(self) -> None: ...
    def end(self) -> None: ...


class Silent:
    """Shows nothing."""

    def begin(self, stage: str, steps: int) -> None:
        """Pass over the beginning of a stage."""

    def advance(self) -> None:
        """Pass over a step."""

    def end(self) -> None:
        """Pass over the end of a stage."""


class Bar:
    """Draws one bar a stage on a Rich display."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def begin(self, stage: str, steps: int) -> None:
        """Start the bar of a stage; 0 steps means that nobody knows how many."""
        self._task = self._progress.add_task(WORDS.get(stage, stage), total=steps or None)

    def advance(self) -> None:
        """Move the bar by one step."""
        if self._task is not None:
            self._progress.advance(self._task)

    def end(self) -> None:
        """Take the bar of the stage away."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = None


@contextmanager
def shown(quiet: bool) -> Iterator[Show]:
    """Give a bar on standard error where that is a terminal, and silence elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield Silent()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Bar(progress)


@contextmanager
def downloading(quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Give a function of (bytes there, bytes in all) that draws a bar where standard error is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
