"""A run in numbers: of each method and kind of edit how many cases, how many broken, means and medians with bounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkover.measure.datasets.layouts import ALL
from inkover.measure.runs import intervals
from inkover.measure.runs.columns import COSTS, View
from inkover.measure.runs.intervals import Interval
from inkover.measure.runs.trial import Line


@dataclass(frozen=True, slots=True)
class Group:
    """What came of one method over the cases of one kind of edit, or of all of them."""

    method: str
    kind: str
    cases: int  # that did not break
    broken: int
    means: Mapping[str, Interval]
    medians: Mapping[str, Interval]  # of what it cost

    def mean(self, name: str) -> float | None:
        """Return the mean of a measure over the cases that have a finite number; None where none has one."""
        return self.means[name].value if name in self.means else None

    def left_out(self, names: Iterable[str]) -> dict[str, int]:
        """Return of how many cases each measure has no finite number."""
        return {name: self.cases - (self.means[name].cases if name in self.means else 0) for name in names}


def groups(lines: Sequence[Line], view: View) -> list[Group]:
    """Return every method over each kind of edit, then over all kinds, in the order in which they came."""
    names = _names(lines, view)
    kinds, methods = (tuple(dict.fromkeys(of)) for of in ([x.kind for x in lines], [x.method for x in lines]))
    sorted_in: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        for kind in (line.kind, ALL):
            sorted_in.setdefault((line.method, kind), []).append(line)
    return [
        _group(method, kind, sorted_in[method, kind], names)
        for kind in (*kinds, ALL)
        for method in methods
        if (method, kind) in sorted_in
    ]


def overall(found: Sequence[Group]) -> list[Group]:
    """Return the groups over all kinds of edit."""
    return [group for group in found if group.kind == ALL]


def left_out_note(counts: Iterable[int]) -> list[str]:
    """Return what (n) means in a table, where some count stands there."""
    if not any(counts):
        return []
    return ["(n): so many cases have no such number, or an infinite one, and are left out of the mean"]


def reasons(told: Sequence[Mapping[str, Any]], methods: Sequence[str]) -> dict[tuple[str, int], list[str]]:
    """Return why, and of how many edits of these methods, which measures have no finite number."""
    counts = Counter[tuple[str, str]]()
    for one in told:
        if one["method"] in methods:
            counts[one["measure"], one["message"]] += one["cases"]
    found: dict[tuple[str, int], list[str]] = {}
    for (measure, message), count in counts.items():
        found.setdefault((message, count), []).append(measure)
    return found


def document(found: Sequence[Group]) -> list[dict[str, Any]]:
    """Return the groups as plain data."""
    return [asdict(group) for group in found]


def _names(lines: Sequence[Line], view: View) -> list[str]:
    """Return the measures that any trial has, in the order of the view, then the costs."""
    there = {name for line in lines for name in line.figures or ()}
    return [*(column.name for column in view.among(there)), *(name for name in COSTS if name in there)]


def _group(method: str, kind: str, lines: Sequence[Line], names: Sequence[str]) -> Group:
    figures = [line.figures for line in lines if line.figures is not None]
    values, costs = _table(figures, names), [name for name in COSTS if name in names]
    means, medians = intervals.means(values), intervals.medians(_table(figures, costs))
    return Group(
        method,
        kind,
        len(figures),
        len(lines) - len(figures),
        dict(zip(names, means, strict=True)),
        dict(zip(costs, medians, strict=True)),
    )


def _table(figures: Sequence[Mapping[str, Any]], names: Sequence[str]) -> NDArray[np.float64]:
    """Return the figures (cases, measures); NaN for what is no number, and for what is infinite."""
    found = [[one.get(name) for name in names] for one in figures]
    table = np.array([[np.nan if value is None else float(value) for value in row] for row in found], np.float64)
    return np.where(np.isfinite(table), table, np.nan).reshape(len(figures), len(names))
