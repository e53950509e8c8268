"""Proximal guidance: guidance where two texts differ much, and none where they differ little (Han et al. 2024)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from inkover.diffusion.level import Prediction

Keep = Callable[[Tensor], Tensor]
"""Sizes (n, c, h, w) of a difference -> the part of each that is kept, in [0, 1]."""


def proximal(away: Prediction, towards: Prediction, scale: float, keep: Keep) -> Prediction:
    """Return the prediction ``scale`` of the way from one to the other, along the kept part of their difference."""
    # of x0 and not of eps, which says nothing at a level of pure noise; elsewhere the two are in proportion
    part = keep((towards.x0 - away.x0).abs())
    kept = Prediction(away.x0 + part * (towards.x0 - away.x0), away.eps + part * (towards.eps - away.eps))
    return away.toward(kept, scale)


def hard(quantile: float) -> Keep:
    """Keep what reaches the quantile of its latent as it is, and nothing below it."""
    return lambda size: (size >= threshold(size, quantile)).to(size.dtype)


def soft(quantile: float) -> Keep:
    """Draw everything nearer to zero by the quantile of its latent, and keep nothing below it."""

    def keep(size: Tensor) -> Tensor:
        return (1 - threshold(size, quantile) / size).nan_to_num(0.0).clamp(0, 1)  # 0 / 0 keeps nothing of nothing

    return keep


def threshold(size: Tensor, quantile: float) -> Tensor:
    """Return each latent's own quantile, (n, 1, 1, 1): no size is below that of 0, and none reaches that of 1."""
    if quantile in (0, 1):
        return torch.full_like(size[:, :1, :1, :1], torch.inf if quantile else 0.0)
    wide = size.flatten(1).to(torch.promote_types(size.dtype, torch.float32))  # half precision has no quantile
    return torch.quantile(wide, quantile, dim=1).to(size.dtype).view(-1, 1, 1, 1)
