"""A light clean-up of an edit, inside the mask only: colours at the seam, sharpness, noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from inkover.errors import InkoverError
from inkover.photo.compose import laid_inside
from inkover.photo.geometry import extent
from inkover.photo.photo import Array, Box, Floats, Photo

_DRIFT = 0.12
"""A difference this large, in [0, 1], is the edit itself and no drift of colour."""


def cleanup(
    photo_before: Photo,
    photo_after: Photo,
    mask: Array,  # (H, W) in [0, 1]
    color: bool = False,
    sharpen: float = 0.0,
    denoise: float = 0.0,
) -> Photo:
    """Match the colours to the surroundings at the seam, denoise and sharpen, in that order, as asked.

    Amounts are in [0, 1]; with all of them off the photo comes back as it is, and pixels where mask is 0 never change.
    """
    for name, amount in (("sharpen", sharpen), ("denoise", denoise)):
        if not 0 <= amount <= 1:
            raise InkoverError(f"cleanup {name}={amount:g}: expected 0 (off) to 1, for instance {name}=0.3")
    if mask.shape != photo_after.size or photo_before.size != photo_after.size:
        raise InkoverError(f"photos {photo_before.size}, {photo_after.size} and mask {mask.shape} differ in (H, W)")
    if not (color or sharpen or denoise) or not mask.any():
        return photo_after
    box = _margin(extent(mask), photo_after.size)
    y0, x0, y1, x1 = box
    inside = mask[y0:y1, x0:x1].astype(np.float32)
    picture = start = photo_after.values(box)
    if color:
        picture = _matched(photo_before.values(box), picture, inside)
    if denoise:
        picture = picture + denoise * (_smooth(picture) - picture)
    if sharpen:
        picture = _sharp(picture, sharpen)
    return replace(photo_after, pixels=laid_inside(photo_after, box, picture - start, inside))


def _margin(box: Box, size: tuple[int, int]) -> Box:
    """Return the box with eight pixels around it, for the filters to look at."""
    y0, x0, y1, x1 = box
    return max(y0 - 8, 0), max(x0 - 8, 0), min(y1 + 8, size[0]), min(x1 + 8, size[1])


def _matched(before: Floats, after: Floats, mask: Floats) -> Floats:
    """Take away the drift of colour found along the seam, fading with the distance from where it was found.

    Evidence is the outer part of the mask where little changed: what differs there is drift, not edit.
    """
    import cv2

    y0, x0, y1, x1 = extent(mask)
    reach = max(min(y1 - y0, x1 - x0) / 8, 2.0)
    depth = cv2.distanceTransform(np.pad((mask > 0).astype(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    drift = after - before
    evidence = ((depth > 0) & (depth <= reach) & (np.abs(drift).max(axis=2) < _DRIFT)).astype(np.float32) * mask
    both = np.concatenate([drift * evidence[..., None], evidence[..., None]], axis=2)
    spread = cv2.GaussianBlur(both, (0, 0), reach, borderType=cv2.BORDER_CONSTANT)
    known = spread[..., 3:]
    field = spread[..., :3] / (known + np.float32(0.02))  # where little is known, little is taken away
    matched: Floats = after - field.astype(np.float32)
    return matched


def _smooth(picture: Floats) -> Floats:
    import cv2

    return np.asarray(cv2.bilateralFilter(np.ascontiguousarray(picture), 7, 0.08, 2.0), np.float32)


def _sharp(picture: Floats, amount: float) -> Floats:
    """Sharpen by an unsharp mask of one pixel."""
    import cv2

    soft = cv2.GaussianBlur(picture, (0, 0), 1.0, borderType=cv2.BORDER_REFLECT_101)
    sharp: Floats = picture + np.float32(2 * amount) * (picture - soft)
    return sharp
