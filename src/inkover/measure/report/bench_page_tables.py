"""The tables of a report's page: methods by measures, faithfulness by kind of edit, cost, and numbers from papers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape

from inkover.measure.datasets.layouts import ALL
from inkover.measure.report.bench_cells import cell, head, number, plain
from inkover.measure.runs import intervals, summary
from inkover.measure.runs.columns import COSTS, Column, View
from inkover.measure.runs.intervals import Interval
from inkover.measure.runs.papers import Published
from inkover.measure.runs.summary import Group

HEATS = 10
"""How many shades a heat table has."""

EMPTY = Interval(None, None, None, 0)
END = "</tbody>\n</table>\n</div>"
Shade = Callable[[float], int]
COST = {"samples": "network samples", "seconds": "seconds"}


def measured(found: Sequence[Group], view: View) -> list[Column]:
    """Return the measures that any group has."""
    return view.among({name for group in found for name in group.means})


def measures(found: Sequence[Group], view: View, methods: Sequence[str]) -> Iterator[str]:
    """Yield the table of methods by measures, over all kinds of edit."""
    own = summary.overall(found)
    columns = measured(own, view)
    best = {column.name: _best(own, column, methods) for column in columns}
    yield from _begin("methods by measures", ["cases", "broken"], map(head, columns))
    for group in own:
        cells = (
            cell(one, column.unit, best[column.name] == group.method, group.cases - one.cases)
            for column in columns
            if (one := group.means[column.name])
        )
        yield _row(group.method, group.method in methods, [plain(group.cases), plain(group.broken), *cells])
    yield END


def by_kind(found: Sequence[Group], column: Column, methods: Sequence[str]) -> Iterator[str]:
    """Yield one measure as a heat table, methods by kinds of edit."""
    kinds, values = list(dict.fromkeys(group.kind for group in found)), _by_name(found, column.name)
    scale = _shades([one.value for (method, _), one in values.items() if method in methods], column)
    heads = (f'<th scope="col">{escape(_kind(kind, found))}</th>' for kind in kinds)
    yield from _begin(f"{column.label} by kind of edit", [], heads)
    for method in dict.fromkeys(group.method for group in found):
        own = (values.get((method, kind), EMPTY) for kind in kinds)
        cells = [cell(one, column.unit, kind="" if one.value is None else f"heat h{scale(one.value)}") for one in own]
        yield _row(method, method in methods, cells)
    yield END


def cost(found: Sequence[Group], methods: Sequence[str]) -> Iterator[str]:
    """Yield the table of what a case costs, medians over all kinds of edit."""
    own = [group for group in summary.overall(found) if group.method in methods]
    names = [name for name in COSTS if any(name in group.medians for group in own)]
    yield from _begin("what a case costs", [f"{COST[name]}\u00a0\u2193" for name in names], [])
    for group in own:
        yield _row(group.method, True, [cell(group.medians[name]) for name in names])
    yield END


def papers(rows: Sequence[Published], found: Sequence[Group], view: View, methods: Sequence[str]) -> Iterator[str]:
    """Yield numbers from papers with those of this run below them."""
    names = {name for row in rows for name in row.figures}
    columns = [column for column in measured(found, view) if column.name in names]
    yield from _begin("numbers from papers", [], map(head, columns))
    for row in rows:
        figures = [row.figures.get(column.name) for column in columns]
        cells = [f'<td data-v="{value or ""}">{number(value)}</td>' for value in figures]
        yield _row(f"{row.method} (paper)", False, cells)
    for group in summary.overall(found):
        if group.method in methods:
            yield _row(group.method, True, [cell(group.means[column.name]) for column in columns])
    yield END


def _begin(label: str, plain_heads: Iterable[str], heads: Iterable[str]) -> Iterator[str]:
    """Yield the beginning of a table that can be scrolled by the keyboard too."""
    yield f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(label)}">\n<table class="sortable">'
    first = "".join(f'<th scope="col">{escape(said)}</th>' for said in ("method", *plain_heads))
    yield f"<thead><tr>{first}{''.join(heads)}</tr></thead>\n<tbody>"


def _row(label: str, method: bool, cells: Iterable[str]) -> str:
    kind = "" if method else ' class="aside"'
    return f'<tr{kind}><th scope="row" data-v="{escape(label)}">{escape(label)}</th>{"".join(cells)}</tr>'


def _best(found: Sequence[Group], column: Column, methods: Sequence[str]) -> str | None:
    own = {group.method: group.means[column.name] for group in found if group.method in methods}
    return intervals.best(own, column.better)


def _by_name(found: Sequence[Group], name: str) -> Mapping[tuple[str, str], Interval]:
    return {(group.method, group.kind): group.means[name] for group in found if name in group.means}


def _kind(kind: str, found: Sequence[Group]) -> str:
    """Return a kind of edit with how many cases it has, at most."""
    return f"{'all kinds' if kind == ALL else kind} ({max(group.cases for group in found if group.kind == kind)})"


def _shades(values: Sequence[float | None], column: Column) -> Shade:
    """Return what gives a value its shade: a proportion's from 0 to 1, another's from the lowest to the highest."""
    known = [value for value in values if value is not None] or [0.0]
    low, high = (0.0, 1.0) if column.unit == "%" else (min(known), max(known))
    wide = (high - low) or 1.0
    return lambda value: round(HEATS * min(max((value - low) / wide, 0.0), 1.0))
