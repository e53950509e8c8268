"""Intervals by bootstrap against written-out formulas, and when a value is the best."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkover.measure.runs import intervals
from inkover.measure.runs.intervals import Interval

NAN = float("nan")


def quantile(chances: list[float], level: float) -> int:
    """Return the smallest count whose chances up to it reach a level."""
    return next(k for k in range(len(chances)) if sum(chances[: k + 1]) >= level)


@pytest.mark.parametrize(("successes", "cases"), [(3, 10), (17, 32), (60, 256), (1, 12)])
def test_a_proportions_interval_is_the_binomial_distributions(successes: int, cases: int) -> None:
    """Resamples of k successes of n have B(n, k / n) successes: its quantiles are known."""
    (found,) = intervals.means(np.array([[1.0]] * successes + [[0.0]] * (cases - successes)))
    p = successes / cases
    chances = [math.comb(cases, k) * p**k * (1 - p) ** (cases - k) for k in range(cases + 1)]
    assert found.value == pytest.approx(p) and found.lower is not None and found.upper is not None
    assert abs(found.lower * cases - quantile(chances, 0.025)) <= 1  # 2,000 resamples
    assert abs(found.upper * cases - quantile(chances, 0.975)) <= 1


def test_a_means_interval_is_nearly_the_normal_one_where_cases_are_many() -> None:
    values = np.random.default_rng(5).gamma(2, 3, (800, 1))
    (found,) = intervals.means(values)
    error = values.std() / math.sqrt(len(values))
    assert found.value == pytest.approx(values.mean())
    assert found.lower == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert found.upper == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_it_is_what_plain_loops_make_of_the_same_draws() -> None:
    values = [[1.0, 4.0], [2.0, NAN], [8.0, 6.0], [3.0, 1.0], [5.0, NAN]]
    means, medians = intervals.means(np.array(values)), intervals.medians(np.array(values)[:, :1])
    draws = np.random.default_rng(intervals.SEED).integers(0, 5, (intervals.RESAMPLES, 5)).tolist()
    for column, found in enumerate(means):
        made = list[float]()
        for drawn in draws:
            known = [values[k][column] for k in drawn if not math.isnan(values[k][column])]
            if known:
                made.append(sum(known) / len(known))
        assert (found.lower, found.upper) == pytest.approx(tuple(np.percentile(made, [2.5, 97.5])))
    assert means[1].value == pytest.approx(11 / 3) and means[1].cases == 3
    middles = [sorted(values[k][0] for k in drawn)[2] for drawn in draws]
    assert (medians[0].value, medians[0].lower) == (3.0, np.percentile(middles, 2.5))


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12))
def test_bounds_hold_the_mean_and_are_the_same_again(values: list[float]) -> None:
    column = np.array(values)[:, None]
    (found,) = intervals.means(column)
    assert found.lower is not None and found.upper is not None and found.value is not None
    slack = 1e-9 * (1 + max(map(abs, values)))
    assert min(values) - slack <= found.lower <= found.upper <= max(values) + slack
    assert intervals.means(column) == [found]


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=(30, 2))
    whole = intervals.means(values)
    monkeypatch.setattr(intervals, "_AT_ONCE", 30 * 7)
    assert intervals.means(values) == whole


def test_one_case_has_no_bounds_and_none_no_value() -> None:
    assert intervals.means(np.array([[2.0, NAN], [NAN, NAN]])) == [
        Interval(2.0, None, None, 1),
        Interval(None, None, None, 0),
    ]
    assert intervals.means(np.zeros((0, 1))) == [Interval(None, None, None, 0)]
    assert intervals.medians(np.array([[4.0]])) == [Interval(4.0, None, None, 1)]


def of(value: float, around: float, cases: int = 32) -> Interval:
    return Interval(value, value - around, value + around, cases)


def test_the_best_is_named_where_its_interval_is_apart_from_all_others() -> None:
    apart = {"a": of(1, 0.4), "b": of(2, 0.4), "c": of(3, 0.4)}
    assert intervals.best(apart, "higher") == "c" and intervals.best(apart, "lower") == "a"
    assert intervals.best(apart, "neither") is None
    assert intervals.best(apart | {"b": of(2, 0.7)}, "higher") is None  # overlaps the next
    none = intervals.Interval(None, None, None, 0)  # equal pictures all over, say
    assert intervals.best(apart | {"a": none}, "higher") is None
    assert intervals.best(apart | {"a": of(1, 2)}, "higher") is None  # overlaps one that is not the next
    assert intervals.best(apart | {"a": of(1, 0.4, 9)}, "higher") is None  # few cases
    assert intervals.best({"c": of(3, 0.4), "d": Interval(None, None, None, 0)}, "higher") is None  # nobody beside it
