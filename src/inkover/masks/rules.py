"""Where a map begins to be a mask, and what is tidied up after it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from inkover.masks.difference import Threshold, fixed

BINS = 256


def mean(times: float) -> Threshold:
    """Return the rule: 1 where the map is above so many times its own mean."""
    return lambda found: _above(found, times * _wide(found).mean((1, 2, 3), keepdim=True))


def median(times: float) -> Threshold:
    """Return the rule: 1 where the map is above its own median, and above so many times its own mean.

    The median alone selects half of every map, whatever is in it.
    """

    def rule(found: Tensor) -> Tensor:
        values = _wide(found)
        middle = torch.quantile(values.flatten(1), 0.5, dim=1, interpolation="higher").view(-1, 1, 1, 1)
        return _above(found, torch.maximum(middle, times * values.mean((1, 2, 3), keepdim=True)))

    return rule


def quantile(part: float) -> Threshold:
    """Return the rule: 1 where the map is at or above its own quantile, and above 0."""

    def rule(found: Tensor) -> Tensor:
        cut = torch.quantile(_wide(found).flatten(1), part, dim=1).view(-1, 1, 1, 1)
        return ((_wide(found) >= cut) & (found > 0)).to(found.dtype)

    return rule


def otsu(times: float = 1.0) -> Threshold:
    """Return the rule: 1 above so many times the value that parts the map best into two classes (Otsu 1979).

    Of equally good values the middle one counts; a constant map is no mask.
    """

    def rule(found: Tensor) -> Tensor:
        cuts = [_best_cut(one) for one in found[:, 0].double().cpu()]
        return _above(found, times * torch.tensor(cuts, dtype=torch.float64, device=found.device).view(-1, 1, 1, 1))

    return rule


RULES: Mapping[str, tuple[str, float]] = {
    "fixed": ("part of the cut map at which the mask begins", 0.3),
    "mean": ("times the map's mean", 1.5),
    "median": ("the median, and at least so many times the mean", 1.2),
    "quantile": ("part of the picture that is left out", 0.8),
    "otsu": ("times Otsu's value", 1.0),
}
"""By name: what its number means, and the one that it has unless told otherwise."""

_MADE = {"fixed": fixed, "mean": mean, "median": median, "quantile": quantile, "otsu": otsu}


def rule(name: str, number: float) -> Threshold:
    """Return the rule of a name."""
    return _MADE[name](number)


def tidied(mask: Tensor, closing: int, smallest: int = 0) -> Tensor:  # (n, 1, h, w), values 0 and 1
    """Return hard masks with gaps of ``closing`` cells closed, and without pieces of fewer than ``smallest`` cells."""
    import cv2

    whole = mask.clone()
    for one in whole[:, 0]:  # views
        cells = one.cpu().numpy().astype(np.uint8)
        if closing:
            disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * closing + 1,) * 2)
            wide = np.pad(cells, closing, mode="edge")  # the edge of the picture is no gap
            shut = np.asarray(cv2.morphologyEx(wide, cv2.MORPH_CLOSE, disc), np.uint8)
            cells = cells | shut[closing:-closing, closing:-closing]
        _, pieces, sizes, _ = cv2.connectedComponentsWithStats(cells, connectivity=8)
        areas = np.asarray(sizes)[:, cv2.CC_STAT_AREA]
        kept = np.isin(pieces, np.flatnonzero(areas >= smallest)) & (cells > 0)
        one.copy_(torch.from_numpy(kept).to(one))
    return whole


def _wide(found: Tensor) -> Tensor:
    return found.to(torch.promote_types(found.dtype, torch.float32))


def _above(found: Tensor, cut: Tensor) -> Tensor:
    return (_wide(found) > cut).to(found.dtype)


def _best_cut(found: Tensor) -> float:
    """Return Otsu's value of one map (h, w); infinite for a constant one."""
    low, high = float(found.min()), float(found.max())
    if not high > low:
        return float("inf")
    counts, edges = np.histogram(found.numpy(), BINS, (low, high))
    centres = (edges[:-1] + edges[1:]) / 2
    below, above = np.cumsum(counts)[:-1], found.numel() - np.cumsum(counts)[:-1]
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = below * above * (sums[:-1] / below - (sums[-1] - sums[:-1]) / above) ** 2
    apart = np.nan_to_num(apart)
    best = np.flatnonzero(np.isclose(apart, apart.max(), rtol=1e-12))
    return float((edges[1:-1][best[0]] + edges[1:-1][best[-1]]) / 2)
