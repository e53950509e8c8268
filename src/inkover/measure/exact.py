"""The run over exact edits of the little world, ``inkover bench tabletop``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from inkover.errors import InkoverError
from inkover.measure import bench
from inkover.measure.bench import Row, Shot, Trial
from inkover.measure.journal import Line
from inkover.measure.plan import knobs
from inkover.measure.runner import SHEET, Done, Job
from inkover.measure.unchanged import identity
from inkover.models.quiet import quiet
from inkover.tabletop.edits import PAIRED

if TYPE_CHECKING:
    from inkover.app.editor import Editor
    from inkover.tabletop.likeness import Likeness

NAMED = ("method", "edit")  # of a trial: a line has them anyway
ROWS = tuple(field.name for field in fields(Row))


@dataclass(frozen=True, slots=True)
class Exact:
    """Methods over exact edits, each case drawn from the seed."""

    methods: Sequence[str]
    edits: Sequence[str]
    cases: int
    seed: int
    side: int
    things: int | None
    unseen: bool
    steps: int | None

    def check(self) -> None:
        """Refuse scenes that cannot be drawn."""
        paired = [kind for kind in self.edits if kind in PAIRED]
        if self.things == 1 and paired:
            raise InkoverError(f"edit {paired[0]!r} is of two objects: leave --things 1 out, or name others in --edits")

    def settings(self) -> dict[str, Any]:
        """Return what decides the result, but for the model."""
        own = {name: getattr(self, name) for name in self.__slots__}
        lists = {"methods": [*self.methods], "edits": [*self.edits]}
        return {"dataset": "tabletop"} | own | lists | {"knobs": knobs(self.methods, self.steps)}

    @property
    def total(self) -> int:
        """How many edits are made in all."""
        return len(self.methods) * len(self.edits) * self.cases

    def jobs(self, editor: Editor) -> Iterator[Job]:
        """Yield the untouched photo, the true edit and every method, case by case."""
        from inkover.tabletop import folder, likeness, probe

        with quiet():
            encoder = likeness.load(folder())
        own = (self.methods, self.edits, self.cases, self.seed, self.side, self.things, self.unseen, self.steps)
        for attempt in bench.attempts(editor, probe.load(folder()), *own):
            shown = attempt.index < SHEET and attempt.method in self.methods
            case, do = f"{attempt.kind}-{attempt.index}", partial(_done, encoder, attempt.shot)
            yield Job(case, attempt.kind, attempt.method, do, shown)

    def rows(self, lines: Sequence[Line]) -> list[dict[str, Any]]:
        """Return the mean of each method and kind of edit."""
        trials = [Trial(line.method, line.kind, **line.figures) for line in lines if line.figures is not None]
        return [asdict(row) for row in bench.table(trials)]

    def table(self, rows: Sequence[dict[str, Any]]) -> list[str]:
        """Return a line a row."""
        return [
            " ".join(f"{name:>15}" for name in ROWS),
            *(" ".join(_cell(row, name) for name in ROWS) for row in rows),
        ]


def _cell(row: dict[str, Any], name: str) -> str:
    value = row[name]
    return f"{'-' if value is None else f'{value:.3f}' if isinstance(value, float) else value:>15}"


def _done(encoder: Likeness, make: Callable[[], Shot]) -> Done:
    shot = make()
    trial = replace(shot.trial, identity=identity(encoder, shot.edit, shot.before, shot.result))
    figures = {name: value for name, value in asdict(trial).items() if name not in NAMED}
    return Done(figures, shot.edit.source, shot.edit.words, partial(_cells, shot))


def _cells(shot: Shot) -> Any:
    from inkover.measure.sheet import cells

    return cells(shot.before, shot.true, shot.result, shot.mask)
