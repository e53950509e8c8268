"""What an edit shows of itself: figures of the photo, the edited photo and the recipe's texts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from inkover import methods
from inkover.app.meter import Counted, Meter
from inkover.attention import emphasis
from inkover.measure.advice import asking
from inkover.measure.figures.scores import Mask, in_bytes, values

if TYPE_CHECKING:
    from inkover.app.editor import Editor
    from inkover.app.recipe import Recipe
    from inkover.measure.figures.clip import Encoder
    from inkover.photo import Photo

Region = NDArray[np.bool_]  # (H, W)
Values = NDArray[np.float64]  # (H, W, 3) in [0, 1]

VISIBLE = 12 / 255
"""A smaller change, in every channel, is not seen."""
SAME = 2 / 255
"""What a lossy file alone may do to a pixel that an edit left as it was."""
MARGIN = 0.04
"""Of the photo's shorter side: so near to its place a change is no spill, where an edge is soft and a shadow falls."""
ENDS = (0.015, 0.985)
"""Values beyond these are at the ends of the scale."""
PURE = 0.8
"""A pixel whose strongest and weakest channel are so far apart is nearly of a pure colour."""


@dataclass(frozen=True, slots=True)
class Signs:
    """The figures of one edit; None where there is none. Shares are of 1, values of pixels from 0 to 1."""

    area: float  # share of the photo that is the edit's place: where the texts disagree, or the mask that was given
    covered: float | None  # share of the place that visibly changed
    missed: float | None  # share of the place that did not change at all
    spilled: float | None  # share of what is clear of the place that visibly changed
    change_inside: float | None  # mean absolute change of the place's pixels
    change_outside: float | None  # the same clear of it
    clipped: float | None  # share of what changed with a channel at the ends of the scale, less the photo's there
    harsh: float | None  # share of what changed that is of nearly pure colours, less the photo's there
    bounded: bool  # a mask, given or found, or a blend holds the change
    turned: float | None  # how far the model takes the place for the target's: 0 as the photo, 1 as far the other way
    strange: float | None  # how much worse the model foresees the edited place than the photo's: a log to base 2
    clip_turned_near: float | None  # what is around the place, by CLIP: 0 as the photo, 1 moved as the texts do
    clip_direction_near: float | None  # the cosine of that way and the texts'
    lost: float | None  # dB by which the photo's way into the model and back is worse than the autoencoder alone
    samples: int  # of the network, for all of it


def observed(
    editor: Editor, recipe: Recipe, before: Photo, after: Photo, given: Mask | None, encoder: Encoder | None
) -> Signs:
    """Measure an edit; ``given`` (H, W) is where it was to be, in place of where the texts disagree about the photo."""
    meter, source, target = Meter(), recipe.source, emphasis.parse(recipe.target).text
    place, spent = (given > 0, 0) if given is not None else asking.place(editor, before, source, target)
    seen = asking.likely(Counted(editor.model, meter), before, after, place, source, target)
    back, near = asking.back(editor, recipe, before), _near(encoder, before, after, place, source, target)
    one, other = values(before), values(after)
    apart = np.abs(other - one)
    visible, clear, most = apart.max(-1) > VISIBLE, clear_of(place), apart.max(-1)
    changed = visible & ~clear
    return Signs(
        area=float(place.mean()),
        covered=_mean(visible, place),
        missed=_mean(most <= SAME, place),
        spilled=_mean(visible, clear),
        change_inside=_mean(apart, place),
        change_outside=_mean(apart, clear),
        clipped=_more(_at_ends(one), _at_ends(other), changed),
        harsh=_more(_pure(one), _pure(other), changed),
        bounded=is_bounded(recipe),
        turned=seen.turned,
        strange=seen.strange,
        clip_turned_near=near[0],
        clip_direction_near=near[1],
        lost=back.lost,
        samples=spent + sum(meter.samples.values()) + back.samples,
    )


def is_bounded(recipe: Recipe) -> bool:
    """Tell whether something holds the change: a mask that was given or is found, or words that it is blended by."""
    given = recipe.mask is not None or bool(recipe.where)
    return given or methods.get(recipe.method).find_mask is not None or bool(recipe.settings.get("blend"))


def clear_of(place: Region) -> Region:
    """Return what is clear of a place: no soft edge and no shadow of it reaches there."""
    reach = max(1, round(MARGIN * min(place.shape)))
    grown = cv2.dilate(place.astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    clear: Region = grown == 0
    return clear


def _mean(picture: NDArray[np.float64] | Region, region: Region) -> float | None:
    return float(picture[region].mean()) if region.any() else None


def _more(before: Region, after: Region, region: Region) -> float | None:
    """Return by how much a share of a region grew."""
    return float(after[region].mean() - before[region].mean()) if region.any() else None


def _at_ends(picture: Values) -> Region:
    low, high = ENDS
    return np.asarray(((picture < low) | (picture > high)).any(-1), bool)


def _pure(picture: Values) -> Region:
    pure: Region = picture.max(-1) - picture.min(-1) > PURE
    return pure


def _near(
    encoder: Encoder | None, before: Photo, after: Photo, place: Region, source: str, target: str
) -> tuple[float | None, float | None]:
    """Return how far what is around the place moved in CLIP's space along the texts' way, and the cosine of both."""
    if encoder is None or not source or not place.any():
        return None, None
    from inkover.measure.figures import clip

    way = encoder.read([target])[0] - encoder.read([source])[0]
    y0, x0, y1, x1 = _around(place)
    one, other = (encoder.seen(in_bytes(photo)[None, y0:y1, x0:x1])[0] for photo in (before, after))
    length, direction = float(way @ way), clip.cosine(other - one, way)
    moved = float((other - one) @ way) / length if length > 1e-9 else None
    return moved, None if math.isnan(direction) else direction


def _around(place: Region) -> tuple[int, int, int, int]:
    """Return the box of a place with a quarter of its longer side around it: top, left, bottom, right."""
    rows, columns = np.nonzero(place)
    top, left, bottom, right = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
    more = int(max(bottom - top, right - left)) // 4 + 2
    height, width = place.shape
    return max(0, top - more), max(0, left - more), min(height, bottom + more), min(width, right + more)
