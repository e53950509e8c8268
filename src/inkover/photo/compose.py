"""Laying a change over the original pixels: nothing moves where the mask is 0, nothing moves without a change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from inkover.errors import InkoverError
from inkover.photo.geometry import Canvas, extent
from inkover.photo.photo import Array, Box, Floats, Photo, sealed

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_BAND = 64  # rows at a time, so that a large photo costs no memory, and what is worked on stays in the cache


def lay(
    photo: Photo,
    canvas: Canvas,
    before: Array,  # (h, w, 3) in [0, 1]: the working picture as the model gives it back unedited
    after: Array,  # (h, w, 3) in [0, 1]: the same, edited
    mask: Array,  # (H, W) in [0, 1]
) -> Photo:
    """Lay the change from before to after over the photo, as strongly as the mask says.

    Where mask is 0, and where before equals after all around, pixels stay the same to the bit. The photo's fine detail
    stays under a small change and under a change that keeps its structure; elsewhere the edit replaces it.
    """
    _check(photo, canvas, before, after, mask)
    change = np.asarray(after, np.float32) - np.asarray(before, np.float32)
    inside = canvas.crop(mask)
    if not change.any() or not inside.any():
        return photo
    lost = replaced(np.asarray(before, np.float32), np.asarray(after, np.float32))
    after = np.asarray(after, np.float32)
    if photo.grey:
        change, after = _grey(change), _grey(after)
    pictures = change, after, _thrice(lost)
    pixels = photo.pixels.copy()
    top, left = canvas.box[:2]
    for rows, columns in _bands(inside):
        old = pixels[top + rows.start : top + rows.stop, left + columns.start : left + columns.stop]
        grown = (canvas.grow_rows(one, rows.start, rows.stop)[:, columns] for one in pictures)
        old[...] = _laid(old, inside[rows, columns], photo.top, *grown)
    return replace(photo, pixels=sealed(pixels))


def replaced(before: Floats, after: Floats) -> Floats:  # (h, w, 3) twice -> (h, w) in [0, 1]
    """Say where the old detail must go: under a large change, unless its structure goes on, and under a new structure.

    Size is the root mean square change around a pixel; structure is compared as in SSIM (Wang et al. 2004).
    """
    change = after - before
    size = np.sqrt(_around(np.square(change)).mean(axis=2))
    mean_before, mean_after = _around(before), _around(after)
    spread_before = np.maximum(_around(before * before) - mean_before**2, 0).sum(axis=2)
    spread_after = np.maximum(_around(after * after) - mean_after**2, 0).sum(axis=2)
    shared = (_around(before * after) - mean_before * mean_after).sum(axis=2)
    flat = np.float32(3e-4)  # three channels of noise too small to see, 0.01 each
    likeness = (2 * shared + flat) / (spread_before + spread_after + flat)
    evidence = spread_before / (spread_before + 4 * flat)
    goes_on = evidence * _ramp(shared / np.sqrt(spread_before * spread_after + flat * flat), 0.8, 0.97)
    large = _ramp(size, 0.06, 0.22) * (1 - goes_on)
    strange = _ramp(1 - likeness, 0.4, 0.9) * (1 - goes_on)
    lost: Floats = 1 - (1 - large) * (1 - strange)
    return lost.astype(np.float32)


def laid_inside(photo: Photo, box: Box, change: Floats, mask: Array) -> Array:
    """Return the photo's pixels with a change (H, W, 3) in units of white added inside a box, as the mask says."""
    y0, x0, y1, x1 = box
    pixels = photo.pixels.copy()
    old = pixels[y0:y1, x0:x1]
    change = _grey(change) if photo.grey else change
    nothing = np.zeros(change.shape, np.float32)
    old[...] = _laid(old, mask, photo.top, change, nothing, nothing)
    return sealed(pixels)


def _laid(old: Array, mask: Array, top: int, change: Floats, after: Floats, lost: Floats) -> Array:
    """Blend one band, (h, w, 3) all but the mask: change added where detail stays, the edit itself where it goes."""
    lost, weight = np.clip(lost, 0, 1), _thrice(np.clip(mask, 0, 1).astype(np.float32))
    was = old.astype(np.float32)
    new = np.clip(after, 0, 1) * top
    new -= was
    new *= lost
    new += (1 - lost) * (change * top)
    new *= weight
    new += was
    rounded = np.rint(np.clip(new, 0, top, out=new), out=new).astype(old.dtype)
    return np.where(weight > 0, rounded, old)


def _thrice(plane: Floats) -> Floats:  # (h, w) -> (h, w, 3): numpy is slow where it has to spread one over three
    return np.repeat(plane, 3, axis=1).reshape(*plane.shape, 3)


def _bands(inside: Array) -> Iterator[tuple[slice, slice]]:
    """Yield the rows and columns to work on, band by band, inside the mask's extent."""
    y0, x0, y1, x1 = extent(inside)
    for first in range(y0, y1, _BAND):
        yield slice(first, min(first + _BAND, y1)), slice(x0, x1)


def _around(picture: Floats) -> Floats:
    """Return the Gaussian mean around each pixel of (h, w, k)."""
    import cv2

    return cv2.GaussianBlur(picture, (0, 0), 1.5, borderType=cv2.BORDER_REFLECT_101).astype(np.float32, copy=False)


def _ramp(value: Array, low: float, high: float) -> Floats:
    t = np.clip((value - low) / (high - low), 0, 1).astype(np.float32)
    smooth: Floats = t * t * (3 - 2 * t)
    return smooth


def _grey(picture: Floats) -> Floats:
    return _thrice(picture @ _LUMA)


def _check(photo: Photo, canvas: Canvas, before: Array, after: Array, mask: Array) -> None:
    if photo.size != canvas.size or mask.shape != canvas.size:
        raise InkoverError(f"photo {photo.size}, mask {mask.shape} and canvas {canvas.size} (H, W) must be the same")
    for picture in (before, after):
        if picture.shape != (*canvas.working, 3):
            raise InkoverError(f"a picture of {picture.shape} came, expected {(*canvas.working, 3)} (h, w, 3)")
        if not np.isfinite(picture).all():
            raise InkoverError("the model's picture holds values that are not numbers: try --dtype float32")
