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


@dataclass(frozen=True, slots=True)
class Spacing:
    """How a sampler lays its grid over a backbone's schedule.

    ``kind`` as in Lin et al. 2023; ``end="first"`` ends at the schedule's first (least noisy) level, as Stable
    Diffusion was published, ``end="one"`` at the clean latent.
    """

    kind: Literal["leading", "trailing", "linspace"] = "leading"
    end: Literal["first", "one"] = "first"


def scaled_linear(start: float = 0.00085, end: float = 0.012, count: int = 1000) -> Table:
    """Return Stable Diffusion's betas: evenly spaced in their square roots."""
    return np.square(np.linspace(start**0.5, end**0.5, count, dtype=np.float64))


def cumulative(betas: Table) -> Table:
    """Return the table of cumulative alphas of some betas."""
    return np.cumprod(1.0 - np.asarray(betas, dtype=np.float64), dtype=np.float64)


def times(count: int, steps: int, kind: Literal["leading", "trailing", "linspace"], offset: int = 1) -> Table:
    """Return the ``steps`` training times of a grid over ``count`` times, noisiest first.

    ``offset`` shifts the leading grid alone: 1 in Stable Diffusion's configuration, because from 0 the last step to an
    end at the first level would go nowhere and still be evaluated. Linspace times are not whole numbers. One linspace
    step starts at the noisiest time (diffusers starts it at the cleanest, where nothing is left to remove).
    """
    if not 1 <= steps <= count:
        raise InkoverError(f"{steps} steps on a schedule of {count} times: give 1 to {count} steps")
    k = np.arange(steps, dtype=np.float64)
    if kind == "trailing":
        return np.round(count - k * (count / steps)) - 1
    if kind == "linspace":
        return np.linspace(count - 1, 0, steps, dtype=np.float64)
    at = k[::-1] * (count // steps) + offset
    if at[0] > count - 1:
        raise InkoverError(f"{steps} steps with offset {offset} leave a schedule of {count} times: give fewer steps")
    return at


def levels(table: Table, steps: int, spacing: Spacing = Spacing(), offset: int = 1) -> Levels:
    """Return the steps + 1 levels of a grid over a table of cumulative alphas, noisiest first, end level last.

    Between two training times the ratio sigma / alpha is interpolated, as k-diffusion and diffusers' Euler do.
    """
    table = np.asarray(table, dtype=np.float64)
    ratios = np.sqrt((1.0 - table) / table)
    at = times(len(table), steps, spacing.kind, offset)
    inner = tuple(_level(t, r) for t, r in zip(at, np.interp(at, np.arange(len(table)), ratios), strict=True))
    end = _level(0.0, ratios[0]) if spacing.end == "first" else Level(0.0, 1.0, 0.0)
    return (*inner, end)


def _level(time: float, ratio: float) -> Level:
    alpha = 1.0 / float(np.sqrt(1.0 + ratio * ratio))
    return Level(float(time), alpha, float(ratio) * alpha)
