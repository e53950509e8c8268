"""Does what a run has still to do, one method on one case after the other; one that breaks does not end it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from inkover.errors import InkoverError
from inkover.measure.runs.journal import Journal
from inkover.measure.runs.trial import Line

if TYPE_CHECKING:
    from PIL.Image import Image

SHEET = 24
"""How many cases of a kind are shown on a contact sheet."""

PICTURES = 2000
"""How many trials have their pictures kept, where that leaves a contact sheet's of each kind."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one method on one case."""

    figures: Mapping[str, Any]
    source: str  # what the photo shows
    words: str  # the change
    picture: Callable[[], Image]  # photo, truth, result and mask, small
    warnings: tuple[str, ...]  # of the edit
    reasons: Mapping[str, str]  # why a measure has no finite number


@dataclass(frozen=True, slots=True)
class Job:
    """One method on one case, not yet done."""

    case: str
    kind: str
    method: str
    do: Callable[[], Done]
    shown: bool  # whether its picture is kept


def spread(items: Sequence[T], most: int) -> list[T]:
    """Return at most so many of the items, evenly from the first on, in their order."""
    count = len(items)
    return [*items] if most >= count else [items[k * count // most] for k in range(most)]


def kept(cases: Sequence[T], methods: int, kinds: int) -> list[T]:
    """Return which cases of a kind have their pictures kept."""
    return spread(cases, max(SHEET, PICTURES // max(methods * kinds, 1)))


def waiting(jobs: Iterable[Job], journal: Journal) -> Iterable[Job]:
    """Yield the jobs that a journal has nothing of."""
    there = {(line.case, line.method) for line in journal.lines}
    return (job for job in jobs if (job.case, job.method) not in there)


def run(jobs: Iterable[Job], journal: Journal, watched: Callable[[Job], AbstractContextManager[None]]) -> None:
    """Do every job and keep what comes of it; ``watched`` surrounds each."""
    for job in jobs:
        with watched(job):
            line, picture = _tried(job, drawing=journal.folder is not None and job.shown)
            journal.append(line, picture)


def _tried(job: Job, drawing: bool) -> tuple[Line, Image | None]:
    try:
        done = job.do()
        picture = done.picture() if drawing else None
    except Exception as error:  # whatever it is, the other cases are worth having
        return Line(job.case, job.kind, job.method, None, broken=_said(error)), None
    names = (job.case, job.kind, job.method)
    line = Line(*names, done.figures, done.source, done.words, warnings=done.warnings, reasons=done.reasons)
    return line, picture


def _said(error: Exception) -> str:
    """Return what went wrong in one line; of what nobody foresaw, its type too."""
    text = " ".join(str(error).split())
    return text if isinstance(error, InkoverError) else f"{type(error).__name__}: {text}"
