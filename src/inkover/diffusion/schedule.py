"""Noise schedules: from a table of cumulative alphas to the grid of levels that a sampler walks down.

A step looks its neighbours up by index in one grid that inversion and generation share; nothing subtracts times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inkover.diffusion.level import Level, Levels
from inkover.errors import InkoverError

Table = NDArray[np.float64]
"""Cumulative alphas, one a training time, falling from nearly 1 to nearly 0."""


Timed = Literal["leading", "trailing", "linspace"]
"""The grids that are evenly spaced in training time, by their names in Lin et al. 2023."""

Kind = Literal[Timed, "karras"]
"""The same, and the one that is evenly spaced in the seventh root of the noise-to-signal ratio (Karras et al. 2022)."""

KINDS: tuple[Kind, ...] = ("leading", "trailing", "linspace", "karras")

RHO = 7.0


@dataclass(frozen=True, slots=True)
class Spacing:
    """How a sampler lays its grid over a backbone's schedule.

    ``end="first"`` ends at the schedule's first (least noisy) level, as Stable Diffusion was published, ``end="one"``
    at the clean latent. All kinds but leading reach the first level themselves, so their end is best at one: a step
    from it to itself would be evaluated for nothing.
    """

    kind: Kind = "leading"
    end: Literal["first", "one"] = "first"


def scaled_linear(start: float = 0.00085, end: float = 0.012, count: int = 1000) -> Table:
    """Return Stable Diffusion's betas: evenly spaced in their square roots."""
    return np.square(np.linspace(start**0.5, end**0.5, count, dtype=np.float64))


def cumulative(betas: Table) -> Table:
    """Return the table of cumulative alphas of some betas."""
    return np.cumprod(1.0 - np.asarray(betas, dtype=np.float64), dtype=np.float64)


def times(count: int, steps: int, kind: Timed, offset: int = 1) -> Table:
    """Return the ``steps`` training times of a grid over ``count`` times, noisiest first.

    ``offset`` shifts the leading grid alone: 1 in Stable Diffusion's configuration, because from 0 the last step to an
    end at the first level would go nowhere and still be evaluated. Linspace times are not whole numbers. One linspace
    step starts at the noisiest time (diffusers starts it at the cleanest, where nothing is left to remove).
    """
    _check(steps, count)
    if kind == "trailing":
        # laid by arange, so that halves are rounded as everywhere; it may lay one too many, at time -1
        return np.round(np.arange(count, 0, -count / steps, dtype=np.float64)[:steps]) - 1
    if kind == "linspace":
        return np.linspace(count - 1, 0, steps, dtype=np.float64)
    at = np.arange(steps, dtype=np.float64)[::-1] * (count // steps) + offset
    if at[0] > count - 1:
        raise InkoverError(f"{steps} steps with offset {offset} leave a schedule of {count} times: give fewer steps")
    return at


def levels(table: Table, steps: int, spacing: Spacing = Spacing(), offset: int = 1) -> Levels:
    """Return the steps + 1 levels of a grid over a table of cumulative alphas, noisiest first, end level last.

    Between two training times the ratio sigma / alpha is interpolated, as k-diffusion and diffusers' Euler do.
    """
    table = np.asarray(table, dtype=np.float64)
    ratios = np.sqrt((1.0 - table) / table)
    if spacing.kind == "karras":
        at, height = _karras(ratios, steps)
    else:
        at = times(len(table), steps, spacing.kind, offset)
        height = np.interp(at, np.arange(len(table)), ratios)
    inner = tuple(_level(t, r) for t, r in zip(at, height, strict=True))
    end = _level(0.0, ratios[0]) if spacing.end == "first" else Level(0.0, 1.0, 0.0)
    return (*inner, end)


def _karras(ratios: Table, steps: int) -> tuple[Table, Table]:
    """Return times and ratios of a grid from the noisiest ratio to the least noisy (Karras et al. 2022, equation 5).

    A time is read off the table on the logarithm of its ratios, as in k-diffusion, and is not rounded to a whole one.
    """
    _check(steps, len(ratios))
    most, least = ratios[-1] ** (1 / RHO), ratios[0] ** (1 / RHO)
    height = (most + np.linspace(0, 1, steps) * (least - most)) ** RHO
    return np.interp(np.log(height), np.log(ratios), np.arange(len(ratios), dtype=np.float64)), height


def _check(steps: int, count: int) -> None:
    if not 1 <= steps <= count:
        raise InkoverError(f"{steps} steps on a schedule of {count} times: give 1 to {count} steps")


def _level(time: float, ratio: float) -> Level:
    alpha = 1.0 / float(np.sqrt(1.0 + ratio * ratio))
    return Level(float(time), alpha, float(ratio) * alpha)
