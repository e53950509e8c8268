"""The straight path of a rectified flow, ``x = (1 - s) x0 + s eps`` (Liu et al. 2023), and the grids over it.

It begins at noise alone, where alpha is 0, and its least noisy level is the clean latent itself.
"""

from __future__ import annotations

import numpy as np

from inkover.diffusion.level import Level, Levels
from inkover.diffusion.schedule import Spacing, Table
from inkover.errors import InkoverError


def stretch(level: Level) -> float:
    """Return how much longer a level's latent is than the same mixture on the straight path; there it is 1.

    So any path is the straight one in other coordinates: ``alpha x0 + sigma eps`` is ``stretch`` times
    ``(1 - share) x0 + share eps``.
    """
    return level.alpha + level.sigma


def share(level: Level) -> float:
    """Return the noise's share in a level's mixture: the time on the straight path."""
    return level.sigma / stretch(level)


def shifted(places: Table, shift: float) -> Table:
    """Return the noise's share at places in [0, 1] of an even grid (Esser et al. 2024, equation 23).

    A shift above 1 moves the grid towards noise: larger pictures need more of it before nothing can be seen.
    """
    return shift * places / (shift * places + (1 - places))  # exactly 1 at 1


def places(steps: int, spacing: Spacing, least: float) -> Table:
    """Return where in (0, 1] the ``steps`` levels of a grid lie before any shift, noisiest first.

    Trailing and linspace begin at noise alone. Trailing ends with a step as long as the others, linspace at ``least``.
    Leading is as even as trailing and begins a step below noise, which is why a photo can be traced up to it.
    """
    if steps < 1:
        raise InkoverError(f"{steps} steps: give 1 or more")
    if spacing.kind == "karras":
        raise InkoverError(
            "spacing karras is even in a root of the noise-to-signal ratio, which a flow begins without end: "
            "give spacing leading, trailing or linspace"
        )
    if spacing.kind == "linspace":
        return np.linspace(1.0, least, steps, dtype=np.float64)
    at = np.arange(steps, 0, -1, dtype=np.float64)
    return at / (steps if spacing.kind == "trailing" else steps + 1)


def levels(shift: float, steps: int, spacing: Spacing, least: float, times: int) -> Levels:
    """Return the steps + 1 levels of a grid, noisiest first; both of a spacing's ends are the clean latent.

    The network is told ``times`` times the noise's share.
    """
    shares = [float(share) for share in shifted(places(steps, spacing, least), shift)]
    return (*(Level(times * share, 1 - share, share) for share in shares), Level(0.0, 1.0, 0.0))
