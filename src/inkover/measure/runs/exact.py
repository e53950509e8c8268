"""The run over exact edits of the little world, ``inkover bench tabletop``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from inkover.errors import InkoverError
from inkover.measure.datasets.layouts import ALL
from inkover.measure.runs import scenes as bench
from inkover.measure.runs.columns import COSTS, EXACT, View
from inkover.measure.runs.runner import Done, Job, kept
from inkover.measure.runs.scenes import Judges, Scenes, Shot
from inkover.measure.runs.summary import Group, left_out_note
from inkover.measure.runs.variants import Variant, described
from inkover.tabletop.edits import PAIRED

if TYPE_CHECKING:
    from inkover.app.editor import Editor

MEANS = ("success", "psnr_changed", "ssim_changed", "psnr_outside", "mask_iou", "identity")
ROWS = ("method", "edit", "cases", *MEANS, *COSTS)


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

        judges = Judges(probe.load(folder()), likeness.load(folder()))
        methods, drawn = {*self.methods}, self.drawn()
        for attempt in bench.attempts(editor, judges, self.variants, self.scenes):
            case, do = _named(attempt.kind, attempt.index), partial(_done, attempt.shot)
            yield Job(case, attempt.kind, attempt.method, do, case in drawn and attempt.method in methods)

    def drawn(self) -> set[str]:
        """Return the cases whose pictures are kept."""
        shown = kept(range(self.scenes.cases), len(self.variants), len(self.scenes.edits))
        return {_named(kind, index) for kind in self.scenes.edits for index in shown}

    def rows(self, groups: Sequence[Group]) -> list[dict[str, Any]]:
        """Return the means of each variant, and of what stands beside them, over the cases of each kind of edit."""
        return [_row(group) for group in groups if group.cases and group.kind != ALL]

    def table(self, rows: Sequence[dict[str, Any]]) -> list[str]:
        """Return a line a row."""
        wide = {name: max(15, *(len(_cell(row, name)) for row in rows)) for name in ROWS} if rows else {}
        told = [{name: name for name in ROWS}, *({name: _cell(row, name) for name in ROWS} for row in rows)]
        lines = [" ".join(f"{line[name]:>{wide.get(name, 15)}}" for name in ROWS) for line in told]
        return [*lines, *left_out_note(_left(row, name) for row in rows for name in ROWS)]


def _named(kind: str, index: int) -> str:
    """Return what a case is called."""
    return f"{kind}-{index}"


def _row(group: Group) -> dict[str, Any]:
    named = {"method": group.method, "edit": group.kind, "cases": group.cases}
    means = {name: group.mean(name) for name in (*MEANS, *COSTS)}
    return named | means | {"left_out": group.left_out(MEANS)}


def _left(row: dict[str, Any], name: str) -> int:
    """Return how many cases are left out of a mean; 0 where there is none, which says it already."""
    return 0 if row[name] is None else row["left_out"].get(name, 0)


def _cell(row: dict[str, Any], name: str) -> str:
    value, left = row[name], _left(row, name)
    if value is None:
        return "-"
    said = f"{value:.3f}" if isinstance(value, float) else str(value)
    return f"{said} ({left})" if left else said


def _done(make: Callable[[], Shot]) -> Done:
    shot = make()
    figures, edit, reasons = asdict(shot.figures), shot.edit, bench.reasons(shot.figures)
    return Done(figures, edit.source, edit.words, partial(_cells, shot), shot.warnings, reasons)


def _cells(shot: Shot) -> Any:
    from inkover.measure.report.sheet import cells

    return cells(shot.before, shot.true, shot.result, shot.mask)
