"""The run over photos with no known answer, or one that a file holds: ``inkover bench pie-bench FOLDER`` and others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from inkover.errors import InkoverError
from inkover.measure.datasets import layouts
from inkover.measure.datasets.case import Case
from inkover.measure.datasets.layouts import ALL
from inkover.measure.figures import quality
from inkover.measure.figures.scores import EQUAL, MEASURES, NEEDS, UNFOUND, Mask, Scores, in_bytes, score, values
from inkover.measure.figures.seeing import Networks
from inkover.measure.runs.columns import COSTS, GIVEN, TRUTH, View
from inkover.measure.runs.runner import Done, Job, kept
from inkover.measure.runs.shared import Tracings, edited
from inkover.measure.runs.summary import Group, left_out_note
from inkover.measure.runs.variants import Variant, described
from inkover.photo import Photo, read

if TYPE_CHECKING:
    from inkover.app.editor import Editor
    from inkover.app.result import Result

MASK_IOU = "mask_iou"
SEEING = {"clip", "dino", "lpips", "faces"}
NEVER = {"drag", "true_mask"}
"""What no case brings."""
OF_A_CASE = NEEDS | {
    "mask": "the case a mask, white where the edit is",
    "source": "the case a text of what the photo shows",
}
"""How what a measure needs is given to a dataset."""


@dataclass(frozen=True, slots=True)
class Given:
    """Variants of methods over the cases of a dataset, each with the same seed."""

    dataset: str
    variants: Sequence[Variant]
    cases: Sequence[Case]
    seed: int
    use_mask: bool  # hand each case's mask to the method
    networks: Networks  # that measure

    def check(self) -> None:
        """Refuse to hand over masks that are not there."""
        if self.use_mask and not any(case.mask for case in self.cases):
            raise InkoverError(f"{self.dataset}: no case has a mask: leave --use-mask out")

    @property
    def view(self) -> View:
        """Return what a report shows."""
        return GIVEN

    def settings(self) -> dict[str, Any]:
        """Return what decides the result, but for the model."""
        return {
            "dataset": self.dataset,
            "edits": [*dict.fromkeys(case.kind for case in self.cases)],
            "cases": len(self.cases),
            "content": layouts.fingerprint(self.cases),
            "seed": self.seed,
            "use_mask": self.use_mask,
            "networks": self.networks.names,
            **described(self.variants),
        }

    @property
    def methods(self) -> Sequence[str]:
        """The labels of the variants."""
        return [one.label for one in self.variants]

    @property
    def total(self) -> int:
        """How many edits are made in all."""
        return len(self.variants) * len(self.cases)

    def jobs(self, editor: Editor) -> Iterator[Job]:
        """Yield every variant, case by case."""
        drawn = self.drawn()
        for case in self.cases:
            tracings = Tracings()
            for one in self.variants:
                do = partial(self._done, editor, case, one, tracings)
                yield Job(case.id, case.kind, one.label, do, case.id in drawn)

    def drawn(self) -> set[str]:
        """Return the cases whose pictures are kept."""
        kinds: dict[str, list[str]] = {}
        for case in self.cases:
            kinds.setdefault(case.kind, []).append(case.id)
        return {name for own in kinds.values() for name in kept(own, len(self.variants), len(kinds))}

    def _done(self, editor: Editor, case: Case, variant: Variant, tracings: Tracings) -> Done:
        photo = read(case.photo)
        mask = case.read_mask(photo.size)
        words = {"source": case.source, "target": case.target, "mask": mask if self.use_mask else None}
        asked = {"method": variant.method, "seed": self.seed, **words, **variant.given}
        result, cost = edited(editor, tracings, photo, **asked)
        found = self._scores(case, photo, result.photo, mask)
        figures, reasons = dict(found.values), dict(found.reasons)
        if mask is None or result.found is None:
            reasons[MASK_IOU] = UNFOUND if result.found is None else "the case has no mask"
        else:
            figures[MASK_IOU] = quality.iou(result.found > 0, mask > 0)
        figures |= asdict(cost)
        return Done(figures, case.source, case.target, partial(_cells, case, result), result.warnings, reasons)

    def _scores(self, case: Case, before: Photo, after: Photo, mask: Mask | None) -> Scores:
        """Return the figures that can be had with the networks that were given, and why there is no other number."""
        lacking = (SEEING - self.networks.names.keys()) | NEVER
        names = [measure.name for measure in MEASURES if not lacking & {*measure.needs}]
        pair = self.networks.pair(before, after, mask, case.source or None, case.target)
        found = score(pair, names, OF_A_CASE)
        if case.truth is None:
            return Scores(found.values, {**found.reasons, TRUTH: "the case has no truth"})
        region = None if mask is None else mask > 0
        nearness = quality.psnr(values(after), values(read(case.truth)), region, top=1)
        if math.isfinite(nearness):
            return Scores({**found.values, TRUTH: nearness}, found.reasons)
        return Scores({**found.values, TRUTH: None}, {**found.reasons, TRUTH: EQUAL})

    def rows(self, groups: Sequence[Group]) -> list[dict[str, Any]]:
        """Return the means of each variant over the cases of each kind, and over all where there are several kinds."""
        names = [column.name for column in GIVEN.among({name for group in groups for name in group.means})]
        own = [group for group in groups if group.cases and group.method in self.methods]
        several = len({group.kind for group in own if group.kind != ALL}) > 1
        return [_row(group, names) for group in own if several or group.kind != ALL]

    def table(self, rows: Sequence[dict[str, Any]]) -> list[str]:
        """Return one table a kind: a line each measure, a column each variant."""
        kinds = dict.fromkeys(row["kind"] for row in rows)
        told = [line for kind in kinds for line in _table(kind, [row for row in rows if row["kind"] == kind])]
        return [*told, *left_out_note(count for row in rows for count in row["left_out"].values())]


def _cells(case: Case, result: Result) -> Any:
    from inkover.measure.report.sheet import cells

    true = None if case.truth is None else in_bytes(read(case.truth))
    return cells(in_bytes(result.original), true, in_bytes(result.photo), result.mask)


def _row(group: Group, names: Sequence[str]) -> dict[str, Any]:
    return {
        "method": group.method,
        "kind": group.kind,
        "cases": group.cases,
        "means": {name: group.mean(name) for name in names},
        "left_out": group.left_out(names),
        **{name: group.mean(name) for name in COSTS},
    }


def _table(kind: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    head = [kind, *(row["method"] for row in rows)]
    count = ["cases", *(str(row["cases"]) for row in rows)]
    means = [[name, *(_cell(row, name) for row in rows)] for name in rows[0]["means"]]
    costs = [[name, *(f"{row[name]:.6g}" for row in rows)] for name in COSTS]
    wide = [max(18, len(label)) for label in head[1:]]
    return [_aligned(line, wide) for line in (head, count, *means, *costs)] + [""]


def _aligned(line: Sequence[str], wide: Sequence[int]) -> str:
    return " ".join([f"{line[0]:<16}", *(f"{cell:>{width}}" for cell, width in zip(line[1:], wide, strict=True))])


def _cell(row: dict[str, Any], name: str) -> str:
    mean, left = row["means"][name], row["left_out"][name]
    said = "-" if mean is None else f"{mean:.6g}"
    return f"{said} ({left})" if left else said
