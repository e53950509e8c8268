"""The shape of a mask: its extent, grown or shrunk, and with a soft edge. Masks are (H, W) float32 in [0, 1]."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.float32]


def bounds(mask: npt.NDArray[Any]) -> tuple[int, int, int, int]:
    """Return the box (y0, x0, y1, x1), ends left out, of every pixel over 0; four zeros for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return 0, 0, 0, 0
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def grow(mask: npt.NDArray[Any], px: float) -> Mask:
    """Grow what is at least half masked by a disc of ``px`` pixels; a negative number shrinks it."""
    result, part = _copied(mask, max(px, 0) + 1)
    if px > 0:
        part[_distance(part >= 0.5) <= px] = 1
    elif px < 0:
        part[_distance(part < 0.5) <= -px] = 0
    return result


def feather(mask: npt.NDArray[Any], px: float) -> tuple[Mask, float]:
    """Give the mask an edge that falls to 0 within ``px`` pixels outside it; return it and the pixels used.

    At most an eighth of the mask's shorter side is used; under one pixel there is no edge to give.
    """
    y0, x0, y1, x1 = bounds(mask)
    used = float(min(px, min(y1 - y0, x1 - x0) / 8))
    result, part = _copied(mask, used + 1)
    if used < 1:
        return result, 0.0
    distance = _distance(part >= 0.5)
    fade = np.clip(1 - distance / (np.floor(used) + 1), 0, 1)
    fade[distance > used] = 0
    np.maximum(part, fade * fade * (3 - 2 * fade), out=part)
    return result, used


def _copied(mask: npt.NDArray[Any], margin: float) -> tuple[Mask, Mask]:
    """Return a copy of the mask, and its part (a view) that holds all that is masked, with a margin around."""
    y0, x0, y1, x1 = bounds(mask)
    wide = int(np.ceil(margin))
    here = slice(max(y0 - wide, 0), y1 + wide), slice(max(x0 - wide, 0), x1 + wide)
    result = np.zeros(mask.shape, np.float32)  # costs nothing where nobody writes
    result[here] = mask[here]
    return result, result[here]


def _distance(inside: npt.NDArray[np.bool_]) -> Mask:
    """Return each pixel's distance to the nearest one inside; infinite where there is none."""
    import cv2

    if not inside.any():
        return np.full(inside.shape, np.inf, np.float32)
    distance = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # OpenCV's last bit depends on where the array lies in memory; the squares are whole numbers, so (up to distances
    # of a thousand pixels and more) rounding them makes it exact
    return np.sqrt(np.rint(np.square(np.asarray(distance, np.float64)))).astype(np.float32)
