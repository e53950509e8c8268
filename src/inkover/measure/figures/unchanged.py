"""Whether the objects that an edit of the little world leaves alone stayed what they were to its image encoder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inkover.measure.figures.judge import Picture
from inkover.photo.geometry import extent
from inkover.tabletop.edits import Edit
from inkover.tabletop.probe import cut
from inkover.tabletop.scene import render

if TYPE_CHECKING:
    from inkover.tabletop.likeness import Likeness

GREY = 128
"""What stands around an object: the encoder's mean."""


def identity(encoder: Likeness, edit: Edit, before: Picture, result: Picture) -> float | None:
    """Return the mean cosine of each untouched object in a photo and in a result (side, side, 3); None without one.

    Each is cut out by its true box, all else grey, so that what is edited around it does not count; one batch.
    """
    shown = list(untouched(edit, len(before)))
    if not shown:
        return None
    pieces = [_piece(picture, mask, encoder.side) for picture in (before, result) for mask in shown]
    one, other = encoder.seen(np.stack(pieces)).chunk(2)
    return float((one * other).sum(1).mean())


def untouched(edit: Edit, side: int) -> Iterator[NDArray[np.bool_]]:
    """Yield where each object that is the same before and after is seen in both true photos, (side, side)."""
    before, after = (render(scene, side, samples=1) for scene in (edit.before, edit.after))
    for number, thing in enumerate(edit.after.things):
        if thing in edit.before.things:
            mask = after.mask(number) & before.mask(edit.before.things.index(thing))
            if mask.any():
                yield mask


def _piece(picture: Picture, mask: NDArray[np.bool_], side: int) -> Picture:
    """Return the square around an object, grey where the picture does not show it, (side, side, 3)."""
    return cut(np.where(mask[..., None], picture, np.uint8(GREY)), extent(mask), side=side)
