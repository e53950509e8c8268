"""Masks shown over the photo they are of: each in a colour of its own, with its words."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from inkover.photo import Photo, write_whole

if TYPE_CHECKING:
    from PIL import Image

LONGEST = 2048  # pixels of a side: it is looked at, not worked with
COLOURS = ((230, 60, 60), (60, 130, 240), (50, 180, 80), (240, 180, 40), (170, 80, 220), (40, 190, 200))
VEIL = 0.5


def overlay(photo: Photo, masks: Sequence[npt.NDArray[Any]], words: Sequence[str]) -> Image.Image:
    """Return the photo, at most ``LONGEST`` pixels a side, under a veil of colour a mask (H, W), and a legend."""
    import cv2
    from PIL import Image, ImageDraw

    height, width = photo.size
    scale = min(1.0, LONGEST / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    shown = veiled(cv2.resize((255 * photo.values()).astype(np.uint8), size, interpolation=cv2.INTER_AREA), masks)
    line = max(14, size[1] // 40)
    page = Image.new("RGB", (size[0], size[1] + (line + 6) * len(words) + 6), "white")
    page.paste(Image.fromarray(shown), (0, 0))
    pen = ImageDraw.Draw(page)
    for k, text in enumerate(words):
        top = size[1] + 6 + k * (line + 6)
        pen.rectangle((6, top, 6 + line, top + line), fill=colour(k))
        pen.text((12 + line, top), f"{k + 1}. {text}", fill=(0, 0, 0), font_size=line)
    return page


def veiled(picture: npt.NDArray[Any], masks: Sequence[npt.NDArray[Any]], first: int = 0) -> npt.NDArray[np.uint8]:
    """Return a picture (h, w, 3), 0 to 255, under a veil of colour a mask (H, W), which is brought to its size.

    ``first`` is the number of the first mask's colour.
    """
    import cv2

    shown, size = picture.astype(np.float32), (picture.shape[1], picture.shape[0])
    for k, mask in enumerate(masks, first):
        part = VEIL * cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)[..., None]
        shown = (1 - part) * shown + part * np.array(colour(k), np.float32)
    return np.rint(shown).astype(np.uint8)


def write_overlay(photo: Photo, masks: Sequence[npt.NDArray[Any]], words: Sequence[str], path: Path) -> None:
    """Write the overlay as PNG, whole or not at all."""
    file = BytesIO()
    overlay(photo, masks, words).save(file, "PNG")
    write_whole(path, file.getvalue())


def colour(number: int) -> tuple[int, int, int]:
    """Return the colour of a mask by its number, from 0, each from 0 to 255."""
    return COLOURS[number % len(COLOURS)]
