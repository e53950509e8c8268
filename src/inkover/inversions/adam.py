"""Adam, as a function of the value, the gradient and what it remembers of the gradients before."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

FIRST, SECOND, LEAST = 0.9, 0.999, 1e-8  # the paper's beta 1, beta 2 and epsilon


@dataclass(frozen=True, slots=True)
class Moments:
    """The running means of the gradient and of its square, after some steps."""

    mean: Tensor
    square: Tensor
    steps: int


def fresh(value: Tensor) -> Moments:
    """Return the memory of no steps."""
    return Moments(torch.zeros_like(value), torch.zeros_like(value), 0)


def adam(value: Tensor, gradient: Tensor, moments: Moments, rate: float) -> tuple[Tensor, Moments]:
    """Take one step down (Kingma and Ba 2015, algorithm 1)."""
    steps = moments.steps + 1
    mean = FIRST * moments.mean + (1 - FIRST) * gradient
    square = SECOND * moments.square + (1 - SECOND) * gradient**2
    down = (mean / (1 - FIRST**steps)) / ((square / (1 - SECOND**steps)).sqrt() + LEAST)
    return value - rate * down, Moments(mean, square, steps)
