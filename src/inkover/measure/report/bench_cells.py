"""Numbers of a report as words, and as cells of a table that can be sorted."""

from __future__ import annotations

from html import escape

from inkover.measure.runs.columns import Column
from inkover.measure.runs.intervals import Interval

NONE = "\u2013"
ARROWS = {"higher": "\u00a0\u2191", "lower": "\u00a0\u2193", "neither": ""}  # not on a line of its own


def head(column: Column) -> str:
    """Return a measure's heading: its name, its unit, and which way is better."""
    unit = f",\u00a0{column.unit}" if column.unit else ""
    said = escape(f"{column.label}{unit}{ARROWS[column.better]}")
    return f'<th scope="col" title="{escape(column.says)}">{said}</th>'


def number(value: float | None, unit: str = "") -> str:
    """Return a number to read, a proportion times 100."""
    if value is None:
        return NONE
    if unit == "%":
        return f"{100 * value:.0f}"
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:,.0f}"


def bounds(found: Interval, unit: str = "") -> str:
    """Return an interval's bounds to read; "" where it has none."""
    return "" if found.lower is None else f"[{number(found.lower, unit)}, {number(found.upper, unit)}]"


def cell(found: Interval, unit: str = "", marked: bool = False, left_out: int = 0, kind: str = "") -> str:
    """Return a cell: the value, its bounds, how many cases have no number; marked where it is the best."""
    classes = " ".join(name for name in (kind, "best" if marked else "") if name)
    shown = f'<span class="value">{number(found.value, unit)}</span>'
    more = f' <span class="bounds">{bounds(found, unit)}</span>' if found.lower is not None else ""
    more += f' <span class="left">({left_out})</span>' if left_out else ""
    own = f' class="{classes}"' if classes else ""
    return f'<td{own} data-v="{"" if found.value is None else repr(found.value)}">{shown}{more}</td>'


def plain(value: int) -> str:
    """Return a cell with a count."""
    return f'<td data-v="{value}">{value}</td>'
