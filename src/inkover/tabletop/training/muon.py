"""Muon: momentum whose matrices are made orthogonal before the step (Jordan et al. 2024)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn


def orthogonal(matrix: Tensor, rounds: int = 5) -> Tensor:
    """Return a matrix (m, n) with its singular values moved near 1, by Newton and Schulz's iteration in bfloat16."""
    x = matrix.bfloat16()
    tall = x.shape[0] > x.shape[1]
    x = x.mT if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(rounds):  # the quintic whose slope at 0 is steepest; 1 is not a fixed point, nearness is enough
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * (gram @ gram)) @ x
    whole: Tensor = (x.mT if tall else x).float()
    return whole


class Muon(torch.optim.Optimizer):
    """Steps for weights of two dimensions and more, convolutions as matrices of (out, in * height * width).

    A step is as long as one of Adam at the same rate (Liu et al. 2025), so that one schedule drives both.
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float, momentum: float = 0.95, decay: float = 0.01) -> None:
        super().__init__(list(params), {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Take one step; ``closure`` is not used."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                gradient = p.grad.reshape(p.shape[0], -1).float()
                memory = self.state[p].setdefault("momentum", torch.zeros_like(gradient))
                memory.lerp_(gradient, 1 - group["momentum"])
                way = orthogonal(gradient.lerp(memory, group["momentum"]))  # a look ahead, as Nesterov's
                length = group["lr"] * 0.2 * max(way.shape) ** 0.5
                p.mul_(1 - group["lr"] * group["decay"]).add_(way.view_as(p), alpha=-length)
