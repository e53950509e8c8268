"""The one object of geometry: the photo's frame, the box of it that is worked on, and the working frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from inkover.errors import InkoverError
from inkover.photo.photo import Array, Box, Floats, Photo
from inkover.photo.resample import grown_rows, shrunk_or_grown


@dataclass(frozen=True, slots=True)
class Canvas:
    """Where in a photo the work happens, and at what size; the way there and the way back."""

    size: tuple[int, int]  # of the photo: H, W
    box: Box
    working: tuple[int, int]  # h, w: what the model sees

    @staticmethod
    def whole(size: tuple[int, int], resolution: int, stride: int) -> Canvas:
        """See the whole photo, on about ``resolution`` squared pixels and in its own aspect, up to 4 to 1."""
        height, width = size
        return Canvas(size, (0, 0, height, width), _working((height, width), resolution, stride))

    @staticmethod
    def around(mask: Array, resolution: int, stride: int) -> Canvas:  # mask: (H, W), 1 = edit
        """See a square around the mask, with context, where the photo has room for one.

        The padding is the larger of a sixteenth of the mask's longest side and half its mean side; a side is never
        under ``resolution`` pixels where the photo has as many.
        """
        height, width = mask.shape
        y0, x0, y1, x1 = extent(mask)
        tall, wide = y1 - y0, x1 - x0
        padding = math.ceil(max(max(tall, wide) / 16, (tall + wide) / 4))
        side = max(max(tall, wide) + 2 * padding, resolution)
        top, bottom = _span(y0, y1, side, height)
        left, right = _span(x0, x1, side, width)
        box = (top, left, bottom, right)
        return Canvas((height, width), box, _working((bottom - top, right - left), resolution, stride))

    @property
    def box_size(self) -> tuple[int, int]:
        """Height and width of the box in photo pixels."""
        y0, x0, y1, x1 = self.box
        return y1 - y0, x1 - x0

    def crop(self, picture: Array) -> Array:
        """Return the box's part of anything in the photo's frame (H, W, ...)."""
        if picture.shape[:2] != self.size:
            raise InkoverError(f"a picture of {picture.shape[:2]} (H, W) came, this canvas is for {self.size}")
        y0, x0, y1, x1 = self.box
        return picture[y0:y1, x0:x1]

    def open(self, values: Array) -> Floats:  # (H, W, 3) in [0, 1] -> (h, w, 3) in [0, 1]
        """Bring the photo's values into the working frame."""
        box = np.ascontiguousarray(self.crop(values), dtype=np.float32)
        return np.clip(shrunk_or_grown(box, self.working), 0.0, 1.0)

    def view(self, photo: Photo) -> Floats:  # -> (h, w, 3) in [0, 1]
        """Bring a photo into the working frame: ``open`` of its values, without the memory of those outside."""
        if photo.size != self.size:
            raise InkoverError(f"a photo of {photo.size} (H, W) came, this canvas is for {self.size}")
        return np.clip(shrunk_or_grown(photo.values(self.box), self.working), 0.0, 1.0)

    def shrink(self, mask: Array) -> Floats:  # (H, W) -> (h, w), in [0, 1]
        """Bring a mask into the working frame by area means."""
        box = np.ascontiguousarray(self.crop(mask), dtype=np.float32)
        return np.clip(shrunk_or_grown(box, self.working), 0.0, 1.0)

    def touched(self, mask: Array) -> Floats:  # (H, W) -> (h, w), in [0, 1]
        """Return how much of each working pixel has a mask over 0: its ``shrink``, without the rest of the photo."""
        box = (self.crop(mask) > 0).astype(np.float32)
        return np.clip(shrunk_or_grown(box, self.working), 0.0, 1.0)

    def grow_back(self, picture: Array) -> Floats:  # (h, w[, k]) -> (box_h, box_w[, k])
        """Bring anything in the working frame smoothly to the box's size."""
        return self.grow_rows(picture, 0, self.box_size[0])

    def grow_rows(self, picture: Array, first: int, last: int) -> Floats:
        """Return the rows first..last (the last left out) of ``grow_back``."""
        if picture.shape[:2] != self.working:
            raise InkoverError(f"a picture of {picture.shape[:2]} (h, w) came, the working frame is {self.working}")
        return grown_rows(np.ascontiguousarray(picture, dtype=np.float32), self.box_size, first, last)


def extent(mask: Array) -> Box:
    """Return the smallest box that holds every pixel of (H, W) over 0; an empty mask is an error."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        raise InkoverError("the mask is empty: paint what to edit in white")
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _span(low: int, high: int, side: int, room: int) -> tuple[int, int]:
    """Return a span of ``side`` pixels, or of all the room, with low..high in its middle where that fits."""
    side = min(side, room)
    start = min(max((low + high - side) // 2, 0), room - side)
    return start, start + side


def _working(size: tuple[int, int], resolution: int, stride: int) -> tuple[int, int]:
    """Return a frame of about resolution squared pixels in the aspect of size, its sides multiples of stride."""
    aspect = min(max(size[1] / size[0], 0.25), 4.0)  # no side under half the resolution
    least = math.ceil(resolution / 2 / stride) * stride

    def fitted(side: float) -> int:
        return max(round(side / stride) * stride, least)

    return fitted(resolution / math.sqrt(aspect)), fitted(resolution * math.sqrt(aspect))
