"""The run over exact edits of the little world, ``inkover bench tabletop``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from inkover.errors import InkoverError
from inkover.measure import bench
from inkover.measure.bench import Row, Scenes, Shot, Trial
from inkover.measure.columns import EXACT, View
from inkover.measure.journal import Line
from inkover.measure.runner import Done, Job, kept
from inkover.measure.unchanged import identity
from inkover.measure.variants import Variant, described
from inkover.models.quiet import quiet
from inkover.tabletop.edits import PAIRED

if TYPE_CHECKING:
    from inkover.app.editor import Editor
    from inkover.tabletop.likeness import Likeness

NAMED = ("method", "edit")  # of a trial: a line has them anyway
ROWS = tuple(field.name for field in fields(Row))


@dataclass(frozen=True, slots=True)
class Exact:
    """Variants of methods over exact edits, each case drawn from the seed."""

    variants: Sequence[Variant]
    scenes: Scenes

    def check(self) -> None:
        """Refuse scenes that cannot be drawn."""
        paired = [kind for kind in self.scenes.edits if kind in PAIRED]
        if self.scenes.things == 1 and paired:
            raise InkoverError(f"edit {paired[0]!r} is of two objects: leave --things 1 out, or name others in --edits")

    @property
    def view(self) -> View:
        """Return what a report shows."""
        return EXACT

    def settings(self) -> dict[str, Any]:
        """Return what decides the result, but for the model."""
        drawn = asdict(self.scenes) | {"edits": [*self.scenes.edits]}
        return {"dataset": "tabletop"} | drawn | described(self.variants)

    @property
    def methods(self) -> Sequence[str]:
        """The labels of the variants."""
        return [one.label for one in self.variants]

    @property
    def total(self) -> int:
        """How many edits are made in all."""
        return len(self.variants) * len(self.scenes.edits) * self.scenes.cases

    def jobs(self, editor: Editor) -> Iterator[Job]:
        """Yield the untouched photo, the true edit and every variant, case by case."""
        from inkover.tabletop import folder, likeness, probe

        with quiet():
            encoder = likeness.load(folder())
        methods, drawn = {*self.methods}, self.drawn()
        for attempt in bench.attempts(editor, probe.load(folder()), self.variants, self.scenes):
            case, do = _named(attempt.kind, attempt.index), partial(_done, encoder, attempt.shot)
            yield Job(case, attempt.kind, attempt.method, do, case in drawn and attempt.method in methods)

    def drawn(self) -> set[str]:
        """Return the cases whose pictures are kept."""
        shown = kept(range(self.scenes.cases), len(self.variants), len(self.scenes.edits))
        return {_named(kind, index) for kind in self.scenes.edits for index in shown}

    def rows(self, lines: Sequence[Line]) -> list[dict[str, Any]]:
        """Return the mean of each variant and kind of edit."""
        trials = [Trial(line.method, line.kind, **line.figures) for line in lines if line.figures is not None]
        return [asdict(row) for row in bench.table(trials)]

    def table(self, rows: Sequence[dict[str, Any]]) -> list[str]:
        """Return a line a row."""
        wide = {name: max(15, *(len(_cell(row, name)) for row in rows)) for name in ROWS} if rows else {}
        told = [{name: name for name in ROWS}, *({name: _cell(row, name) for name in ROWS} for row in rows)]
        return [" ".join(f"{line[name]:>{wide.get(name, 15)}}" for name in ROWS) for line in told]


def _named(kind: str, index: int) -> str:
    """Return what a case is called."""
    return f"{kind}-{index}"


def _cell(row: dict[str, Any], name: str) -> str:
    value = row[name]
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


def _done(encoder: Likeness, make: Callable[[], Shot]) -> Done:
    shot = make()
    trial = replace(shot.trial, identity=identity(encoder, shot.edit, shot.before, shot.result))
    figures = {name: value for name, value in asdict(trial).items() if name not in NAMED}
    return Done(figures, shot.edit.source, shot.edit.words, partial(_cells, shot))


def _cells(shot: Shot) -> Any:
    from inkover.measure.sheet import cells

    return cells(shot.before, shot.true, shot.result, shot.mask)
