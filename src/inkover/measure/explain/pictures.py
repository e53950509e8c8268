"""The pictures of a page: a view of the photo, heat laid over it, colour laid over it, and the change amplified."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from inkover.measure.explain.contents import Picture
from inkover.measure.figures.scores import in_bytes
from inkover.measure.grid.cells import small
from inkover.photo import Canvas, Photo

LARGE, MIDDLE, SMALL = 768, 384, 208
"""Pixels of a picture's longest side, as it is shown."""
FAINT, STRONG = 0.25, 0.85  # how far heat covers the photo where it is least, and where it is most
LARGEST_FACTOR = 64
NEARLY_ALL = 99.5  # percent of the values that shall not be cut when the change is amplified


def view(photo: Photo, canvas: Canvas, longest: int) -> Picture:
    """Return the part of a photo that a canvas shows."""
    return small(np.ascontiguousarray(canvas.crop(in_bytes(photo))), longest)


def in_view(values: Tensor, picture: Picture) -> NDArray[np.float32]:
    """Bring a map (1, 1, h, w) to a picture's size, smoothly."""
    found = values[0, 0].detach().float().cpu().numpy()
    return cv2.resize(found, (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_CUBIC).astype(np.float32)


def stretched(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring a map to [0, 1], its least place 0 and its most 1; a flat one is 0."""
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def heat(picture: Picture, values: NDArray[np.float32]) -> Picture:
    """Lay a map (h, w) in [0, 1] over a picture as heat: dark is least, bright is most."""
    part = np.clip(values, 0, 1)
    colours = cv2.applyColorMap(np.rint(255 * part).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    cover = (FAINT + (STRONG - FAINT) * part)[..., None]
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    return np.rint((1 - cover) * grey + cover * colours).astype(np.uint8)


def decoded(pixels: NDArray[np.float32], longest: int) -> Picture:
    """Return a picture (h, w, 3) in [0, 1] as it is shown."""
    return small(np.rint(255 * pixels).astype(np.uint8), longest)


def amplified(before: Photo, after: Photo, longest: int) -> tuple[Picture, int]:
    """Return how far two photos are apart, as it is shown, and the power of 2 by which it is made stronger.

    The factor is the largest at which nearly all of the pixels that differ are not cut.
    """
    apart = small(np.asarray(cv2.absdiff(in_bytes(before), in_bytes(after)), np.uint8), longest)
    differing: NDArray[Any] = apart[apart > 0]
    top = float(np.percentile(differing, NEARLY_ALL)) if differing.size else 255.0
    factor = 1
    while factor < LARGEST_FACTOR and 2 * factor * top <= 255:
        factor *= 2
    return np.minimum(apart.astype(np.int32) * factor, 255).astype(np.uint8), factor
