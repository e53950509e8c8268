"""A run as CSV: a line for each method and kind of edit, and one for each method over all kinds."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import StringIO

from inkover.measure.runs.intervals import Interval
from inkover.measure.runs.summary import Group

BOUNDS = ("", "_lower", "_upper", "_cases")
"""What follows a measure's name: nothing for its value, its bounds, and how many cases have a number."""


def table(found: Sequence[Group]) -> bytes:
    """Return the file, UTF-8: an empty cell is no number. ``samples_median`` and ``seconds_median`` are medians."""
    means = [*dict.fromkeys(name for group in found for name in group.means)]
    medians = [*dict.fromkeys(name for group in found for name in group.medians)]
    named = [*means, *(f"{name}_median" for name in medians)]
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["method", "kind", "cases", "broken", *(f"{name}{bound}" for name in named for bound in BOUNDS)])
    for group in found:
        values = [*(group.means[name] for name in means), *(group.medians[name] for name in medians)]
        cells = (cell for value in values for cell in _cells(value))
        writer.writerow([group.method, group.kind, group.cases, group.broken, *cells])
    return file.getvalue().encode("utf-8", "backslashreplace")


def _cells(value: Interval) -> Iterator[str]:
    """Yield a value, its bounds and its cases; every digit, so that it reads back as it was."""
    for number in (value.value, value.lower, value.upper):
        yield "" if number is None else repr(number)
    yield str(value.cases)
