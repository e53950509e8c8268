"""Samplers: the step from one level to the next cleaner one, and the grid it is meant for.

A step is a function of the prediction and the two levels; what a later sampler must remember from one step to the
next, or draw, is for its caller to hold and to pass: a sampler has no state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from inkover.diffusion.level import Level, Prediction
from inkover.diffusion.schedule import Spacing
from inkover.errors import InkoverError, nearest

Step = Callable[[Prediction, Level, Level], Tensor]
"""(what the network says here, here, there) -> the latent there."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """A way to walk down the levels: its grid and its step."""

    name: str
    spacing: Spacing
    step: Step


def deterministic(prediction: Prediction, here: Level, there: Level) -> Tensor:
    """Take the first-order step of the probability-flow equation: the predicted line, at the next level.

    DDIM with eta 0 (Song et al. 2021) and Euler in k-diffusion's variables (Karras et al. 2022) are this same step.
    """
    return there.noised(prediction.x0, prediction.eps)


_SAMPLERS = (
    Sampler("ddim", Spacing("leading", "first"), deterministic),
    Sampler("euler", Spacing("linspace", "one"), deterministic),
)


def names() -> tuple[str, ...]:
    """Return the names of the samplers."""
    return tuple(sampler.name for sampler in _SAMPLERS)


def get(name: str) -> Sampler:
    """Return the sampler of that name."""
    for sampler in _SAMPLERS:
        if sampler.name == name:
            return sampler
    raise InkoverError(f"no sampler {name!r}: {nearest(name, names())}")
