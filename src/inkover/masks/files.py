"""Masks as files: 8-bit grey pictures of the photo's upright size, white = edit."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkover.errors import InkoverError
from inkover.masks.shape import bounds
from inkover.photo import Photo, read, write_whole

_NOISE = 16.25
"""How far, of 255, a lossy encoder of fair quality (JPEG from about 85) takes black and white beside an edge."""


def read_mask(path: str | Path, size: tuple[int, int]) -> npt.NDArray[np.float32]:  # size, result: (H, W)
    """Read a mask as values in [0, 1]; a transparent pixel counts as black.

    A lossy file (JPEG, HEIC, AVIF, lossy WebP) is noisy around its edges: in it the values up to 16 and from 239 of 255
    count as 0 and as 255. A lossless file is read as it is.
    """
    picture = read(path, max_pixels=max(size[0] * size[1], 100_000_000))
    if picture.size != tuple(size):
        (height, width), (tall, wide) = picture.size, size
        raise InkoverError(f"{path}: the mask is {width} x {height} px, the photo {wide} x {tall}: resize the mask")
    mask = _lightness(picture) if picture.lossless else _without_noise(_lightness(picture))
    if not mask.any():
        raise InkoverError(f"{path}: the mask is empty (all black): paint what to edit in white")
    return mask


def write_mask(mask: npt.NDArray[Any], path: str | Path) -> None:  # mask: (H, W) in [0, 1]
    """Write a mask as an 8-bit grey PNG; only where it is 0 is the file 0."""
    from PIL import Image

    top, left, bottom, right = bounds(mask)
    part = mask[top:bottom, left:right]
    rounded = np.rint(np.clip(part, 0, 1) * 255)
    values = np.zeros(mask.shape, np.uint8)
    values[top:bottom, left:right] = np.where((part > 0) & (rounded == 0), 1, rounded)
    file = BytesIO()
    Image.fromarray(values).save(file, "PNG")
    write_whole(Path(path), file.getvalue())


def _without_noise(mask: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Take values within a lossy file's noise of black and white for black and white."""
    low, high = np.float32(_NOISE / 255), np.float32(1 - _NOISE / 255)
    return np.where(mask <= low, np.float32(0), np.where(mask >= high, np.float32(1), mask))


def _lightness(picture: Photo) -> npt.NDArray[np.float32]:
    if picture.grey:  # three equal channels: a third of the work
        values = picture.pixels[..., 0].astype(np.float32) / np.float32(picture.top)
    else:
        values = picture.values().mean(axis=2, dtype=np.float32)
    if picture.alpha is not None:
        values = values * (picture.alpha.astype(np.float32) / np.float32(picture.top))
    return values
