"""A photo as the rest of the house sees it: upright pixels, and all that has to come back with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from inkover.errors import InkoverError

if TYPE_CHECKING:
    from PIL import Image

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Box = tuple[int, int, int, int]  # y0, x0, y1, x1 in photo pixels, the ends left out


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a file says about its pixels; every part as the bytes found in the file."""

    exif: bytes | None = field(default=None, repr=False)  # a TIFF structure, without the leading "Exif\0\0"
    xmp: bytes | None = field(default=None, repr=False)
    icc: bytes | None = field(default=None, repr=False)
    orientation: int = 1  # EXIF orientation of the stored pixels, 1..8
    dpi: tuple[float, float] | None = None  # x, y


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A photo in memory, upright whatever its file says; nothing in it can be written to."""

    pixels: Array = field(repr=False)  # (H, W, 3) uint8 or uint16, RGB; three equal channels where grey
    alpha: Array | None = field(default=None, repr=False)  # (H, W), dtype of pixels
    grey: bool = False  # goes back into the file as one channel
    format: str = "PNG"  # JPEG, PNG, WEBP, TIFF, HEIF or AVIF
    lossless: bool = True  # the file keeps every pixel as it is
    metadata: Metadata = Metadata()
    path: Path | None = None
    content: bytes | None = field(default=None, repr=False)  # the whole file as it was read, also after an edit
    edited: bool = False  # the pixels are no longer those of the content

    @staticmethod
    def from_array(array: Array | Image.Image, format: str = "PNG") -> Photo:
        """Make a photo of (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) uint8 or uint16 values, or of a Pillow image."""
        from inkover.photo.reading import from_array  # reading builds photos, so it can only be imported late

        return from_array(array, format)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.pixels.shape[:2]
        return height, width

    @property
    def top(self) -> int:
        """The value of full white: 255 or 65535."""
        return int(np.iinfo(self.pixels.dtype).max)

    def values(self, box: Box | None = None) -> Floats:
        """Return the pixels, or those inside a box, as float32 (H, W, 3) in [0, 1]."""
        y0, x0, y1, x1 = box or (0, 0, *self.size)
        return self.pixels[y0:y1, x0:x1].astype(np.float32) / np.float32(self.top)


def sealed(array: Array) -> Array:
    """Return a view nobody can write through."""
    view = array.view()
    view.flags.writeable = False
    return view


LONGEST = 12_000
"""Pixels of a photo's side, at most."""


def check_size(size: tuple[int, int], name: str) -> None:
    """Raise unless both sides are between 64 and 12,000 pixels."""
    height, width = size
    if min(size) < 64 or max(size) > LONGEST:
        raise InkoverError(f"{name}: {width} x {height} px, sides must be 64 to 12000 px: crop or resize it first")
