"""A run of methods over cases: what decides its result, its jobs, its report; on the disk where a folder is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from inkover.app.recipe import versions
from inkover.app.request import Engine, Manner
from inkover.errors import InkoverError
from inkover.measure.report import written
from inkover.measure.runs import journal as journals
from inkover.measure.runs import run_folder, runner, summary
from inkover.measure.runs.columns import View
from inkover.measure.runs.journal import Journal
from inkover.measure.runs.runner import Job
from inkover.measure.runs.summary import Group
from inkover.measure.runs.trial import Line

if TYPE_CHECKING:
    from rich.progress import Progress

    from inkover.app.editor import Editor
    from inkover.app.recipe import Weights


class Plan(Protocol):
    """What is to be run: methods over the cases of one dataset."""

    @property
    def methods(self) -> Sequence[str]:
        """Return the labels of the methods, and of their variants, that are put to the test."""

    @property
    def view(self) -> View:
        """Return what a report shows of the trials."""

    def settings(self) -> dict[str, Any]:
        """Return what decides the result, but for the model, as JSON has it."""

    def jobs(self, editor: Editor) -> Iterator[Job]:
        """Yield one job for each method and case, always in the same order."""

    def drawn(self) -> Set[str]:
        """Return the cases of which the methods' pictures are kept."""

    @property
    def total(self) -> int:
        """Return how many edits are made in all."""

    def rows(self, groups: Sequence[Group]) -> list[dict[str, Any]]:
        """Return the means of the groups that have any."""

    def table(self, rows: Sequence[dict[str, Any]]) -> list[str]:
        """Return the means as lines to read."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run is kept, and what is to be done with one that lies there."""

    folder: Path | None
    resume: bool
    force: bool

    def check(self, settings: Mapping[str, Any]) -> None:
        """Refuse, before a model is loaded, what has no folder, and a folder that holds another run; make nothing."""
        if self.folder is None:
            if self.resume or self.force:
                option = "--resume" if self.resume else "--force"
                raise InkoverError(f"{option} speaks of a folder: add -o FOLDER, or leave it out")
            return
        if self.resume and self.force:
            raise InkoverError("--resume goes on with a run and --force begins anew: give one of them")
        run_folder.check(self.folder, self.resume, self.force, settings)
        if self.resume:
            journals.check_same(self.folder, settings, versions())

    def journal(self, settings: Mapping[str, Any]) -> Journal:
        """Begin a run, or go on with one."""
        if self.folder is None:
            return Journal()
        return (journals.resumed if self.resume else journals.begun)(self.folder, settings, versions())

    def keep(self, report: Mapping[str, Any]) -> None:
        """Write a report that has no trials, in place of the run that lay there; nothing where there is no folder."""
        if self.folder is not None:
            journals.alone(self.folder, report)


def loaded(engine: Engine) -> Editor:
    """Load the model of a run, the embedded one where none is named; no inversion is kept on the disk."""
    from inkover.app.editor import Editor

    name, device = engine.model or "tabletop", engine.device or "auto"
    return Editor.load(name, device=device, dtype=engine.dtype, config=engine.config, remember=engine.remember)


def described(weights: Weights) -> dict[str, str]:
    """Return what a report says of a model."""
    return {"name": weights.name, "hash": weights.hash, "device": weights.device, "dtype": weights.dtype}


def carry_out(plan: Plan, editor: Editor, place: Place, manner: Manner, command: str = "") -> dict[str, Any]:
    """Do what is still to be done and return the report, which is written too where there is a folder.

    ``command`` is the command line that makes the same run in another folder.
    """
    settings = plan.settings() | {"model": described(editor.weights)}
    journal = place.journal(settings)
    drawn = plan.drawn()
    journal.check_pictures([line for line in journal.lines if line.method in plan.methods and line.case in drawn])
    for said in journal.damage:
        manner.warn(said)
    _run(plan, editor, journal, manner)
    groups = summary.groups(journal.lines, plan.view)
    report = written.document(plan, journal.lines, groups, settings, versions())
    if place.folder is not None:
        _sheets(plan, journal, place.folder)
        written.write(plan, journal, groups, report, command, place.folder)
    return report


def _run(plan: Plan, editor: Editor, journal: Journal, manner: Manner) -> None:
    """Do what a journal has nothing of yet, with a bar and the time left; then its trials are in the plan's order."""
    done = sum(line.method in plan.methods for line in journal.lines)
    with progress(manner.quiet) as bar:
        task = bar.add_task("", total=plan.total - done)

        @contextmanager
        def watched(job: Job) -> Iterator[None]:
            bar.update(task, description=f"{job.kind} {job.method}")
            yield
            bar.advance(task, job.method in plan.methods)

        order = dict[tuple[str, str], int]()
        runner.run(runner.waiting(_noted(plan.jobs(editor), order), journal), journal, watched)
    known = [line for line in journal.lines if (line.case, line.method) in order]
    if len(known) < len(journal.lines):
        said = f"trials in {journal.folder}: {len(journal.lines) - len(known)}"
        manner.warn(f"{said} of no case or method of this run, left out of the report")
    journal.lines = sorted(known, key=lambda line: order[line.case, line.method])


def _noted(jobs: Iterator[Job], order: dict[tuple[str, str], int]) -> Iterator[Job]:
    """Yield the jobs and note their order: intervals are drawn by it, and what is done again comes last on the disk."""
    for job in jobs:
        order[job.case, job.method] = len(order)
        yield job


def progress(quiet: bool) -> Progress:
    """Return a bar on standard error, where that is a terminal."""
    import sys

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), disable=quiet or not sys.stderr.isatty(), transient=True)


def _sheets(plan: Plan, journal: Journal, folder: Path) -> None:
    """Write one contact sheet a method and kind of edit, of the pictures that were kept."""
    from inkover.measure.report.sheet import sheet

    groups: dict[tuple[str, str], list[Line]] = {}
    for line in journal.lines:
        if line.method in plan.methods and line.figures is not None and journal.picture(line).exists():
            groups.setdefault((line.method, line.kind), []).append(line)
    for (method, kind), group in groups.items():
        page = sheet([_entry(journal, line) for line in runner.spread(group, runner.SHEET)])
        run_folder.write_picture(page, run_folder.sheet(folder, method, kind))


def _entry(journal: Journal, line: Line) -> Any:
    from PIL import Image

    from inkover.measure.report.sheet import Entry

    assert line.figures is not None
    with Image.open(journal.picture(line)) as cells:
        return Entry(cells.convert("RGB"), line.source, f"{line.method}: {line.words}", line.figures.get("success"))
