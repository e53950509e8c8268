"""Photos to try things on: smooth, sharp and noisy parts in one picture, and edits of a part of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from inkover.photo import Canvas, Photo, lay
from inkover.photo.photo import Array


def scene(height: int, width: int, channels: int = 3, dtype: type = np.uint8, seed: int = 0) -> Array:
    y, x = np.mgrid[:height, :width].astype(np.float64)
    planes = [0.5 + 0.4 * np.sin(x / 17 + y / 29), 0.5 + 0.4 * np.cos(y / 13), (x * y % 97) / 97, x / width]
    noisy = np.stack(planes[:channels], -1) + np.random.default_rng(seed).normal(0, 0.02, (height, width, channels))
    top = np.iinfo(dtype).max
    return np.rint(np.clip(noisy, 0, 1) * top).astype(dtype)


@pytest.fixture
def picture() -> Callable[..., Array]:
    return scene


@pytest.fixture
def image() -> Callable[..., Image.Image]:
    def made(height: int = 96, width: int = 136, mode: str = "RGB") -> Image.Image:
        return Image.fromarray(scene(height, width)).convert(mode)

    return made


def square(photo: Photo) -> Array:
    """A soft-edged mask of the middle of a photo."""
    height, width = photo.size
    mask = np.zeros(photo.size, np.float32)
    mask[height // 3 : height // 2, width // 3 : width // 2] = 0.5
    mask[height // 3 + 2 : height // 2 - 2, width // 3 + 2 : width // 2 - 2] = 1
    return mask


@pytest.fixture
def mask_of() -> Callable[[Photo], Array]:
    return square


@pytest.fixture
def edited() -> Callable[..., Photo]:
    """An edit of the middle of a photo, by way of a canvas."""

    def made(photo: Photo, shade: float = 0.8) -> Photo:
        mask = square(photo)
        canvas = Canvas.around(mask, 64, 8)
        before = canvas.view(photo)
        after = before.copy()
        after[..., 0] = shade
        after[..., 1] *= 0.5
        return lay(photo, canvas, before, after, mask)

    return made


@pytest.fixture
def repainted() -> Callable[..., Photo]:
    """A photo with a rectangle of other pixels."""

    def made(photo: Photo, rows: slice, columns: slice, seed: int = 3) -> Photo:
        pixels = photo.pixels.copy()
        shape = pixels[rows, columns].shape
        pixels[rows, columns] = (
            np.random.default_rng(seed).integers(0, photo.top + 1, shape[:2] + (1,)).astype(pixels.dtype)
        )
        return replace(photo, pixels=pixels)

    return made
