"""One noise level, and what a network says there: the two nouns that all of the mathematics shares.

Every backbone noises a latent along ``x = alpha * x0 + sigma * eps``. A network may answer with eps, x0, v or a
velocity; its answer is turned into both ends of that line at once, and nothing after that asks which it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a network says at x: both ends of the line, each (rows, channels, height, width)."""

    x0: Tensor
    eps: Tensor

    def toward(self, other: Prediction, weight: float) -> Prediction:
        """Return the point ``weight`` of the way from this prediction to the other; past 1 is guidance."""
        return Prediction(self.x0 + weight * (other.x0 - self.x0), self.eps + weight * (other.eps - self.eps))

    def split(self, parts: int) -> tuple[Prediction, ...]:
        """Cut the rows into equal blocks, in order."""
        pairs = zip(self.x0.chunk(parts), self.eps.chunk(parts), strict=True)
        return tuple(Prediction(x0, eps) for x0, eps in pairs)


@dataclass(frozen=True, slots=True)
class Level:
    """One noise level: the time the network is told, and the amplitudes of signal and noise (float64 scalars)."""

    time: float
    alpha: float
    sigma: float

    def noised(self, x0: Tensor, eps: Tensor) -> Tensor:
        """Return the latent on the line from x0 to eps at this level."""
        return self.alpha * x0 + self.sigma * eps

    def from_eps(self, x: Tensor, eps: Tensor) -> Prediction:
        """Read an answer that is the noise."""
        return Prediction((x - self.sigma * eps) / self.alpha, eps)

    def from_x0(self, x: Tensor, x0: Tensor) -> Prediction:
        """Read an answer that is the clean latent."""
        return Prediction(x0, (x - self.alpha * x0) / self.sigma)

    def from_v(self, x: Tensor, v: Tensor) -> Prediction:
        """Read an answer that is ``v = alpha * eps - sigma * x0`` (Salimans and Ho 2022)."""
        return Prediction(self.alpha * x - self.sigma * v, self.alpha * v + self.sigma * x)

    def from_velocity(self, x: Tensor, velocity: Tensor) -> Prediction:
        """Read an answer that is ``velocity = eps - x0``, the direction of a straight path; finite at every level."""
        total = self.alpha + self.sigma
        return Prediction((x - self.sigma * velocity) / total, (x + self.alpha * velocity) / total)


Levels = tuple[Level, ...]
"""A grid: from the noisiest level to the end level. A step k goes from ``levels[k]`` to ``levels[k + 1]``."""

At = Level | Levels
"""Where a forward asks: at one level for all of its latents, or at one for each latent of a block, in order."""


def times(at: At, x: Tensor) -> Tensor:
    """Return the time that a network is told for each latent of x, (rows * n,), float32."""
    told = [at.time] if isinstance(at, Level) else [level.time for level in at]
    return torch.tensor(told, dtype=torch.float32, device=x.device).repeat(len(x) // len(told))


def answered(read: Callable[[Level, Tensor, Tensor], Prediction], at: At, x: Tensor, raw: Tensor) -> Prediction:
    """Read a network's raw answer about x, each latent's at its own level."""
    if isinstance(at, Level):
        return read(at, x, raw)
    each = zip(at * (len(x) // len(at)), x.chunk(len(x)), raw.chunk(len(x)), strict=True)
    said = [read(level, *pair) for level, *pair in each]
    return Prediction(torch.cat([one.x0 for one in said]), torch.cat([one.eps for one in said]))
