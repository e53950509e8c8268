"""Samplers: the step from one level to the next cleaner one, and the grid it is meant for.

A sampler has no state. What a step of second order must remember is handed back to the caller and passed in again, and
so is the noise of a stochastic one. All steps are written in the two ends of the predicted line (x0, eps), where the
level without noise is a level like any other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from inkover.diffusion.level import Level, Prediction
from inkover.diffusion.schedule import Spacing
from inkover.errors import InkoverError, nearest


@dataclass(frozen=True, slots=True)
class Memory:
    """What a step of second order keeps for the next one: the clean latent that was predicted, and where."""

    x0: Tensor
    level: Level


Mean = Callable[[Prediction, Level, Level, Memory | None], Tensor]
"""(what the network says here, here, there, memory) -> the latent there, before any noise is added."""

Spread = Callable[[Level, Level], float]
"""(here, there) -> the standard deviation of the noise that is added there."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """A way to walk down the levels: its grid, where a step leads, and how much noise it draws."""

    name: str
    spacing: Spacing
    order: int  # 1 needs no memory
    mean: Mean
    spread: Spread | None = None  # None where nothing is drawn

    @property
    def stochastic(self) -> bool:
        """Whether each step wants standard normal noise of the latent's shape."""
        return self.spread is not None

    def step(
        self,
        prediction: Prediction,
        here: Level,
        there: Level,
        memory: Memory | None = None,
        noise: Tensor | None = None,
    ) -> tuple[Tensor, Memory | None]:
        """Return the latent there, and what the next step must be given.

        Without memory a step is of first order: so is the first of a walk, and any other that its caller wants so
        (diffusers' ``lower_order_final`` is a last step without memory). ValueError when noise is given to a
        deterministic sampler, or not given to a stochastic one.
        """
        if (noise is not None) != self.stochastic:
            raise ValueError(f"sampler {self.name} draws {'noise: pass it' if self.stochastic else 'no noise'}")
        latent = self.mean(prediction, here, there, memory)
        if self.spread is not None and noise is not None:
            latent = latent + self.spread(here, there) * noise
        return latent, Memory(prediction.x0, here) if self.order > 1 else None


def deterministic(prediction: Prediction, here: Level, there: Level, memory: Memory | None = None) -> Tensor:
    """Take the first-order step of the probability-flow equation: the predicted line, at the next level.

    DDIM with eta 0 (Song et al. 2021), Euler in k-diffusion's variables (Karras et al. 2022) and DPM-Solver++ of first
    order (Lu et al. 2022) are this same step.
    """
    return there.noised(prediction.x0, prediction.eps)


def ancestral(prediction: Prediction, here: Level, there: Level, memory: Memory | None = None) -> Tensor:
    """Take the first-order step that leaves room for fresh noise of ``fresh``.

    DDIM with eta 1, which is strided DDPM, Euler ancestral, and SDE-DPM-Solver++ of first order are this same step.
    """
    return there.alpha * prediction.x0 + (there.sigma * fall(here, there)) * prediction.eps


def multistep(prediction: Prediction, here: Level, there: Level, memory: Memory | None = None) -> Tensor:
    """Take the step of DPM-Solver++(2M) (Lu et al. 2022, algorithm 2)."""
    first = deterministic(prediction, here, there)
    return _bent(first, 1 - fall(here, there), prediction, here, there, memory)


def ancestral_multistep(prediction: Prediction, here: Level, there: Level, memory: Memory | None = None) -> Tensor:
    """Take the step of SDE-DPM-Solver++(2M) (Lu et al. 2022, section 6.3), of which ``fresh`` is the noise."""
    first = ancestral(prediction, here, there)
    return _bent(first, 1 - fall(here, there) ** 2, prediction, here, there, memory)


def fresh(here: Level, there: Level) -> float:
    """Return the standard deviation of the noise that keeps the marginal distribution after an ancestral step."""
    return there.sigma * math.sqrt(1 - min(fall(here, there), 1.0) ** 2)  # a step of no length may round above 1


def fall(here: Level, there: Level) -> float:
    """Return the noise-to-signal ratio there as a part of the one here: exp(-h), h the step in half log-SNR."""
    return (here.alpha * there.sigma) / (here.sigma * there.alpha)


def _bent(
    first: Tensor, reach: float, prediction: Prediction, here: Level, there: Level, memory: Memory | None
) -> Tensor:
    """Return a first-order step, bent along the line through the last two predictions of the clean latent.

    The step to no noise is infinitely long in log-SNR, where that line leads nowhere: it stays of first order.
    """
    if memory is None or there.sigma == 0:
        return first
    before = -math.log(fall(memory.level, here)) if memory.level.alpha else math.inf  # a flow starts at no signal
    weight = 0.5 * -math.log(fall(here, there)) / before
    return first + (there.alpha * reach * weight) * (prediction.x0 - memory.x0)


_SAMPLERS = (
    Sampler("ddim", Spacing("leading", "first"), 1, deterministic),
    Sampler("euler", Spacing("linspace", "one"), 1, deterministic),
    Sampler("euler-ancestral", Spacing("linspace", "one"), 1, ancestral, fresh),
    Sampler("dpmpp-2m", Spacing("karras", "one"), 2, multistep),
    Sampler("dpmpp-sde", Spacing("karras", "one"), 1, ancestral, fresh),
    Sampler("dpmpp-2m-sde", Spacing("karras", "one"), 2, ancestral_multistep, fresh),
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
