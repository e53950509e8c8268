"""Resizing without surprises: area means on the way down, cubic on the way up, equal sizes untouched."""

from __future__ import annotations

import numpy as np

from inkover.photo.photo import Floats


def shrunk_or_grown(picture: Floats, size: tuple[int, int]) -> Floats:
    """Resize (H, W[, k]) float32 to (h, w[, k]): each axis by area means where it shrinks, by cubic where it grows."""
    if picture.ndim == 3 and picture.shape[2] > 4:  # OpenCV takes four channels at a time
        parts = [shrunk_or_grown(picture[..., i : i + 4], size) for i in range(0, picture.shape[2], 4)]
        return np.concatenate(parts, axis=2)
    for axis in (0, 1):
        if picture.shape[axis] != size[axis]:
            picture = _along(picture, axis, size[axis])
    return picture


def _along(picture: Floats, axis: int, want: int) -> Floats:
    import cv2

    shape = (want, picture.shape[1]) if axis == 0 else (picture.shape[0], want)
    how = cv2.INTER_AREA if want < picture.shape[axis] else cv2.INTER_CUBIC
    resized = cv2.resize(np.ascontiguousarray(picture), (shape[1], shape[0]), interpolation=how)
    return resized.reshape(*shape, *picture.shape[2:]).astype(np.float32, copy=False)


def grown_rows(picture: Floats, size: tuple[int, int], first: int, last: int) -> Floats:
    """Return rows first..last (the last left out) of ``shrunk_or_grown``, without the memory of the others."""
    height = picture.shape[0]
    if size[0] <= height:  # an axis that shrinks ends up small: no need to save memory
        return shrunk_or_grown(picture, size)[first:last]
    indices, weights = _cubic(height, size[0], first, last)
    rows = sum(
        (picture[indices[:, tap]] * weights[:, tap].reshape(-1, *[1] * (picture.ndim - 1)) for tap in range(4)),
        start=np.zeros((last - first, *picture.shape[1:]), np.float32),
    )
    return shrunk_or_grown(rows.astype(np.float32, copy=False), (last - first, size[1]))


def _cubic(have: int, want: int, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the four source rows and weights of each output row; the kernel is OpenCV's, a = -0.75."""
    centre = (np.arange(first, last) + 0.5) * (have / want) - 0.5
    base = np.floor(centre).astype(np.int64)
    taps = base[:, None] + np.arange(-1, 3)
    t = np.abs(centre[:, None] - taps)
    near = (1.25 * t - 2.25) * t * t + 1
    far = ((-0.75 * t + 3.75) * t - 6.0) * t + 3.0
    weights = np.where(t <= 1, near, np.where(t < 2, far, 0.0))
    return np.clip(taps, 0, have - 1), weights.astype(np.float32)
