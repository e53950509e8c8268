"""How sure a mean or a median over cases is: intervals by percentile bootstrap (Efron and Tibshirani 1993, ch. 13)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from inkover.measure.figures.scores import Better

RESAMPLES, LEVEL, SEED = 2000, 0.95, 0
FEW = 10
"""Of fewer cases than these an interval is too narrow to decide anything."""

_AT_ONCE = 2_000_000
"""How many draws are held in memory."""

Values = NDArray[np.float64]
Draws = NDArray[np.int64]  # (resamples, cases): which case was drawn


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean or a median over cases, and the bounds that hold 95 % of its resamples."""

    value: float | None  # None: no case has a number
    lower: float | None  # None: fewer than two cases have one
    upper: float | None
    cases: int  # that have a number

    def apart(self, other: Interval) -> bool:
        """Say whether two intervals have nothing in common; False where one has no bounds."""
        if self.lower is None or self.upper is None or other.lower is None or other.upper is None:
            return False
        return self.upper < other.lower or other.upper < self.lower


def means(values: Values) -> list[Interval]:  # (cases, measures), NaN where a case has no number
    """Return the mean of each measure over the cases that have a number, and its interval.

    Cases are drawn with replacement, those without a number too; a resample that has no number at all is left out.
    """
    return _intervals(values, _mean)


def medians(values: Values) -> list[Interval]:  # (cases, measures), no NaN
    """Return the median of each measure, and its interval."""
    return _intervals(values, _median)


def best(found: Mapping[str, Interval], better: Better) -> str | None:
    """Return whose value is the best, where its interval has nothing in common with any other's; None elsewhere.

    Nobody's is where there are fewer than two, where one is of few cases, or where some case of one has no finite
    number: equal pictures have none, so that what is left of such a one says less than it has.
    """
    whole = max((one.cases for one in found.values()), default=0)
    if better == "neither" or len(found) < 2 or whole < FEW or any(one.cases < whole for one in found.values()):
        return None
    first = (max if better == "higher" else min)(found, key=lambda name: found[name].value or 0.0)
    return first if all(found[first].apart(one) for name, one in found.items() if name != first) else None


def _mean(column: Values, draws: Draws) -> Values:
    """Return the mean of each resample; NaN where none of its cases has a number."""
    known = ~np.isnan(column)
    if known.all():
        return np.asarray(column[draws].mean(axis=1), np.float64)
    totals, counts = np.where(known, column, 0.0)[draws].sum(axis=1), known[draws].sum(axis=1)
    found = np.full(len(draws), np.nan)
    np.divide(totals, counts, out=found, where=counts > 0)
    return found


def _median(column: Values, draws: Draws) -> Values:
    """Return the median of each resample."""
    return np.asarray(np.median(column[draws], axis=1), np.float64)


def _intervals(values: Values, statistic: Callable[[Values, Draws], Values]) -> list[Interval]:
    if not len(values):
        return [Interval(None, None, None, 0)] * values.shape[1]
    columns = [np.ascontiguousarray(column) for column in values.T]
    parts: list[list[Values]] = [[] for _ in columns]
    for draws in _draws(len(values)):
        for column, part in zip(columns, parts, strict=True):
            part.append(statistic(column, draws))
    return [
        _interval(column, statistic, np.concatenate(part) if part else column)
        for column, part in zip(columns, parts, strict=True)
    ]


def _draws(cases: int) -> Iterator[Draws]:
    """Yield which cases the resamples are of, the same in every run; nothing where there are fewer than two cases."""
    rng = np.random.default_rng(SEED)
    block = max(1, _AT_ONCE // max(cases, 1))
    for start in range(0, RESAMPLES if cases > 1 else 0, block):
        yield rng.integers(0, cases, (min(block, RESAMPLES - start), cases))


def _interval(column: Values, statistic: Callable[[Values, Draws], Values], resampled: Values) -> Interval:
    known = np.flatnonzero(~np.isnan(column))
    if not len(known):
        return Interval(None, None, None, 0)
    value = float(statistic(column, known[None])[0])
    if len(known) == 1:
        return Interval(value, None, None, 1)
    edge = 50 * (1 - LEVEL)
    lower, upper = np.percentile(resampled[~np.isnan(resampled)], [edge, 100 - edge])
    return Interval(value, float(lower), float(upper), len(known))
