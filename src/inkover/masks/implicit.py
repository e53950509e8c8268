"""Masks that a network gives away at work: where a concept is looked at, and where it moves the noise (LEDITS++)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SIDE, CORNER, EDGE = 3, 0.0449, 0.1221
"""The smoothing of Brack et al. 2024: a Gaussian of 0.707 cells."""


def smoothed(attention: Tensor) -> Tensor:  # (n, 1, h, w), of the same shape
    """Spread a map by the 3 x 3 kernel of the published code; edges are mirrored."""
    row = [CORNER, EDGE, CORNER]
    middle = [EDGE, 1 - 4 * (CORNER + EDGE), EDGE]
    kernel = torch.tensor([row, middle, row], dtype=attention.dtype, device=attention.device)
    padded = functional.pad(attention, (1, 1, 1, 1), mode="reflect" if min(attention.shape[-2:]) > 1 else "replicate")
    return functional.conv2d(padded, kernel.view(1, 1, SIDE, SIDE))


def top(found: Tensor, left_out: float, inside: Tensor | None = None) -> Tensor:  # (n, 1, h, w), 0 or 1
    """Return where a map is at or above its own quantile ``left_out``, which is 0 for all of it.

    ``inside`` (1, 1, h, w) restricts both the quantile and the mask to where it is over 0: without that, a small part
    of the picture would hold no value below the quantile, and be selected whole.
    """
    part = torch.ones_like(found[:1, :1]) if inside is None else inside
    chosen = part[0, 0] > 0
    if not chosen.any():
        return torch.zeros_like(found)
    # float32 at least: torch knows no quantile of half precision
    values = found.to(torch.promote_types(found.dtype, torch.float32))
    cut = torch.quantile(values[:, 0, chosen], left_out, dim=1).view(-1, 1, 1, 1)
    return ((values >= cut) & chosen).to(found.dtype)


def enlarged(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring a hard mask to the latents' size; each cell is taken over as it is."""
    return mask if mask.shape[-2:] == size else functional.interpolate(mask, size, mode="nearest")
