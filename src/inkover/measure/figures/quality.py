"""Measures of how near two pictures are, whole or inside a region."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8] | NDArray[np.float64]  # (H, W, 3)
Region = NDArray[np.bool_]  # (H, W)


def mse(one: Picture, other: Picture, region: Region | None = None) -> float:
    """Return the mean squared difference of the values, over a region if given; NaN for no pixels."""
    apart = np.square(one.astype(np.float64) - other.astype(np.float64))
    return float((apart if region is None else apart[region]).mean()) if region is None or region.any() else math.nan


def psnr(one: Picture, other: Picture, region: Region | None = None, top: float = 255) -> float:
    """Return the peak signal-to-noise ratio in dB, over a region if given: infinite for equal, NaN for no pixels.

    ``top`` is the value of full white.
    """
    mean = mse(one, other, region)
    return math.inf if mean == 0 else 10 * math.log10(top**2 / mean) if mean == mean else math.nan


def ssim(one: Picture, other: Picture, region: Region | None = None, top: float = 255) -> float:
    """Return structural similarity (Wang et al. 2004), the mean over a region of its map; NaN for no pixels."""
    from skimage.metrics import structural_similarity

    _, local = structural_similarity(
        one, other, channel_axis=2, data_range=top, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        full=True,
    )  # fmt: skip
    inside = np.asarray(local) if region is None else np.asarray(local)[region]
    return float(inside.mean()) if inside.size else math.nan


def iou(one: Region, other: Region) -> float:
    """Return intersection over union; 1 for two empty regions."""
    union = int((one | other).sum())
    return float((one & other).sum()) / union if union else 1.0
