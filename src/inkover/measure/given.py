"""The run over photos with no known answer, or one that a file holds: ``inkover bench pie-bench FOLDER`` and others."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from inkover.errors import InkoverError
from inkover.measure import datasets, quality
from inkover.measure.case import Case
from inkover.measure.journal import Line
from inkover.measure.plan import knobs
from inkover.measure.runner import SHEET, Done, Job
from inkover.measure.scores import MEASURES, Mask, in_bytes, score, values
from inkover.measure.seeing import Networks
from inkover.photo import Photo, read

if TYPE_CHECKING:
    from inkover.app.editor import Editor
    from inkover.app.result import Result

TRUTH = "psnr_truth"
COSTS = ("samples", "seconds")
MASK_IOU = "mask_iou"
SEEING = {"clip", "dino", "lpips", "faces"}
NEVER = {"drag", "true_mask"}
"""What no case brings."""


@dataclass(frozen=True, slots=True)
class Given:
    """Methods over the cases of a dataset, each with the same seed."""

    dataset: str
    methods: Sequence[str]
    cases: Sequence[Case]
    seed: int
    steps: int | None
    use_mask: bool  # hand each case's mask to the method
    networks: Networks  # that measure

    def check(self) -> None:
        """Refuse to hand over masks that are not there."""
        if self.use_mask and not any(case.mask for case in self.cases):
            raise InkoverError(f"{self.dataset}: no case has a mask: leave --use-mask out")

    def settings(self) -> dict[str, Any]:
        """Return what decides the result, but for the model."""
        return {
            "dataset": self.dataset,
            "methods": [*self.methods],
            "edits": [*dict.fromkeys(case.kind for case in self.cases)],
            "cases": len(self.cases),
            "content": datasets.fingerprint(self.cases),
            "seed": self.seed,
            "steps": self.steps,
            "use_mask": self.use_mask,
            "networks": self.networks.names,
            "knobs": knobs(self.methods, self.steps),
        }

    @property
    def total(self) -> int:
        """How many edits are made in all."""
        return len(self.methods) * len(self.cases)

    def jobs(self, editor: Editor) -> Iterator[Job]:
        """Yield every method, case by case."""
        seen = Counter[str]()
        for case in self.cases:
            seen[case.kind] += 1
            for method in self.methods:
                do = partial(self._done, editor, case, method)
                yield Job(case.id, case.kind, method, do, seen[case.kind] <= SHEET)

    def _done(self, editor: Editor, case: Case, method: str) -> Done:
        photo = read(case.photo)
        mask, start = case.read_mask(photo.size), time.perf_counter()
        more: dict[str, Any] = {} if self.steps is None else {"steps": self.steps}
        more |= {"source": case.source, "target": case.target, "mask": mask if self.use_mask else None}
        result = editor.edit(photo, method=method, seed=self.seed, **more)
        seconds = time.perf_counter() - start
        figures = self._figures(case, photo, result.photo, mask)
        if mask is not None and result.found is not None:
            figures[MASK_IOU] = quality.iou(result.found > 0, mask > 0)
        figures |= {"samples": sum(result.samples.values()), "seconds": seconds}
        return Done(figures, case.source, case.target, partial(_cells, case, result))

    def _figures(self, case: Case, before: Photo, after: Photo, mask: Mask | None) -> dict[str, float | None]:
        """Return the figures that can be had with the networks that were given; None where there is no number."""
        lacking = (SEEING - self.networks.names.keys()) | NEVER
        names = [measure.name for measure in MEASURES if not lacking & {*measure.needs}]
        pair = self.networks.pair(before, after, mask, case.source or None, case.target)
        figures = dict(score(pair, names).values)
        if case.truth is not None:
            region = None if mask is None else mask > 0
            nearness = quality.psnr(values(after), values(read(case.truth)), region, top=1)
            figures[TRUTH] = nearness if np.isfinite(nearness) else None
        return figures

    def rows(self, lines: Sequence[Line]) -> list[dict[str, Any]]:
        """Return the means of each method over the cases of each kind, and over all where there are several kinds."""
        names = _measured(lines)
        kinds = list(dict.fromkeys(line.kind for line in lines))
        groups = [(kind, [line for line in lines if line.kind == kind]) for kind in kinds]
        if len(kinds) > 1:
            groups.append((datasets.ALL, [*lines]))
        return [
            _row(method, kind, own, names)
            for kind, group in groups
            for method in self.methods
            if (own := [line for line in group if line.method == method])
        ]

    def table(self, rows: Sequence[dict[str, Any]]) -> list[str]:
        """Return one table a kind: a line each measure, a column each method."""
        kinds = dict.fromkeys(row["kind"] for row in rows)
        told = [line for kind in kinds for line in _table(kind, [row for row in rows if row["kind"] == kind])]
        left = any(count for row in rows for count in row["left_out"].values())
        return [*told, "(n): so many cases have no such number and are left out of the mean"] if left else told


def _cells(case: Case, result: Result) -> Any:
    from inkover.measure.sheet import cells

    true = None if case.truth is None else in_bytes(read(case.truth))
    return cells(in_bytes(result.original), true, in_bytes(result.photo), result.mask)


def _measured(lines: Sequence[Line]) -> list[str]:
    """Return the measures that any trial has, in their order."""
    there = {name for line in lines for name in line.figures or ()}
    return [name for name in (*(measure.name for measure in MEASURES), TRUTH) if name in there]


def _row(method: str, kind: str, lines: Sequence[Line], names: Sequence[str]) -> dict[str, Any]:
    figures = [line.figures for line in lines if line.figures is not None]
    known = {name: [one[name] for one in figures if one.get(name) is not None] for name in names}
    return {
        "method": method,
        "kind": kind,
        "cases": len(figures),
        "means": {name: float(np.mean(found)) if found else None for name, found in known.items()},
        "left_out": {name: len(figures) - len(found) for name, found in known.items()},
        **{name: float(np.mean([one[name] for one in figures])) for name in COSTS},
    }


def _table(kind: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    head = [f"{kind:<16}", *(f"{row['method']:>18}" for row in rows)]
    count = [f"{'cases':<16}", *(f"{row['cases']:>18}" for row in rows)]
    means = [[f"{name:<16}", *(_cell(row, name) for row in rows)] for name in rows[0]["means"]]
    costs = [[f"{name:<16}", *(f"{row[name]:>18.6g}" for row in rows)] for name in COSTS]
    return [" ".join(line) for line in (head, count, *means, *costs)] + [""]


def _cell(row: dict[str, Any], name: str) -> str:
    mean, left = row["means"][name], row["left_out"][name]
    said = "-" if mean is None else f"{mean:.6g}"
    return f"{f'{said} ({left})' if left else said:>18}"
