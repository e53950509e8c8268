"""One photo's way through the house: photo, canvas, latent, method, latent, change, photo."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from inkover import photo as photos
from inkover.app.cleanup import Cleanup
from inkover.app.meter import Counted, Meter, SourceText
from inkover.app.recipe import Change
from inkover.attention.words import Span
from inkover.masks import overlap, shape
from inkover.masks.algebra import NOISE, WORDS, Place
from inkover.methods.contract import Concept, Forgetful, Method, Task, Tracks
from inkover.models.windowed import windowed
from inkover.photo import Canvas, Photo

if TYPE_CHECKING:
    from inkover.app.where import Where

Mask = NDArray[np.float32]
"""(H, W) in [0, 1] in the upright photo's frame, 1 = edit."""


FORGETFUL = Forgetful()
RIPPLE = 1e-3  # less of a mask is what resampling leaves


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done to a photo, checked: everything but the model."""

    photo: Photo
    method: Method
    settings: Any  # an instance of method.settings
    source: str
    target: str  # without its weights
    weights: tuple[tuple[Span, float], ...]  # of the target's words
    written: tuple[str, str]  # source and target as they were typed
    seed: int
    grow: float  # photo pixels
    feather: float | None  # photo pixels; None: chosen from the mask
    cleanup: Cleanup = Cleanup()
    edits: tuple[Wanted, ...] = ()  # in place of the target
    windows: bool = False  # worked on whole, at its own size, through windows of the model's
    where: Where | None = None  # the mask, in words

    def has_masks(self, given: bool) -> bool:
        """Tell whether no mask is looked for, ``given`` telling of one for all of it."""
        if self.where is not None and self.where.asks:
            return False
        if self.edits and self.method.find_masks is not None:
            return all(wanted.mask is not None for wanted in self.edits)
        return given

    def mask_files(self) -> list[Path]:
        """Return the files of the edits' own masks, and of a mask in words."""
        masks = [*(wanted.change.mask for wanted in self.edits), *(self.where.files if self.where else ())]
        return [Path(mask.file) for mask in masks if mask is not None and mask.file is not None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One of several edits, checked: what a recipe says of it, and its mask."""

    change: Change
    mask: Mask | None


@dataclass(frozen=True, slots=True)
class View:
    """A part of the photo as the model sees it."""

    canvas: Canvas
    latent: Tensor  # (1, c, h, w)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the model drew: the view of the photo through the autoencoder, unedited and edited."""

    canvas: Canvas
    before: NDArray[np.float32]  # (h, w, 3) in [0, 1]
    after: NDArray[np.float32]


def whole(model: Counted, photo: Photo, windows: bool = False) -> View:
    """Look at all of the photo, at the model's own resolution, or for windows at the photo's own."""
    own = round(math.sqrt(photo.size[0] * photo.size[1])) if windows else 0
    return _view(model, photo, Canvas.whole(photo.size, max(own, model.resolution), model.stride))


def close_up(model: Counted, photo: Photo, mask: Mask, seen: View | None) -> View:
    """Look at the masked part and what is around it; a view that was seen already is not encoded again."""
    canvas = Canvas.around(mask, model.resolution, model.stride)
    if seen is not None and seen.canvas == canvas:
        return seen
    return _view(model, photo, canvas)


def _view(model: Counted, photo: Photo, canvas: Canvas) -> View:
    with model.meter.timed("photo"):
        pixels = torch.from_numpy(canvas.view(photo)).permute(2, 0, 1)[None]
    return View(canvas, model.encode(pixels * 2 - 1))


def found(model: Counted, wish: Wish, find: Callable[[Task, Any], Tensor], view: View) -> Mask:
    """Let the method find where to edit, on a view of the whole photo; a hard mask."""
    return _enlarged(find(_task(model, wish, view, None), wish.settings), wish)


def placed(model: Counted, wish: Wish, place: Place, view: View) -> Mask:
    """Ask the model for a place that a mask in words names; a hard mask."""
    from inkover.methods import places

    task = _task(model, replace(wish, edits=(), windows=False), view, None)
    if place.kind == WORDS:
        return _enlarged(places.looked_at(task, *place.texts), wish)
    return _enlarged(places.disagreed(task, *(("", *place.texts) if place.kind == NOISE else place.texts)), wish)


def found_each(
    model: Counted, wish: Wish, find: Callable[[Task, Any], tuple[Tensor, ...]], view: View
) -> tuple[Wanted, ...]:
    """Let the method find where each of several edits is to be; those that have a mask keep it. Hard masks."""
    found = find(_task(model, wish, view, None), wish.settings)
    return tuple(
        wanted if wanted.mask is not None else replace(wanted, mask=_enlarged(hard, wish))
        for wanted, hard in zip(wish.edits, found, strict=True)
    )


def _enlarged(hard: Tensor, wish: Wish) -> Mask:
    smooth = functional.interpolate(hard.float(), size=wish.photo.size, mode="bilinear", align_corners=False)
    mask: Mask = (smooth[0, 0] >= 0.5).cpu().numpy().astype(np.float32)
    return mask


def shaped(mask: Mask, grow: float, feather: float | None) -> tuple[Mask, float]:
    """Grow the mask and soften its edge; return it with the feather that was used, in pixels."""
    grown = shape.grow(mask, grow) if grow else mask
    if not grown.any():
        return grown, 0.0
    return shape.feather(grown, usual_feather(grown) if feather is None else feather)


def usual_feather(mask: Mask) -> float:
    """Return a tenth of the mask's shorter side, at most 32 pixels."""
    top, left, bottom, right = shape.bounds(mask)
    return min(min(bottom - top, right - left) / 10, 32.0)


def drawn(model: Counted, wish: Wish, mask: Mask | None, view: View, tracks: Tracks) -> Drawn:
    """Let the method edit what a view shows, inside the mask or everywhere."""
    inside = None if mask is None else _latent_mask(mask, view).to(view.latent.device)
    latent = wish.method.edit(_task(model, wish, view, inside, tracks), wish.settings)
    before = pixels(model, view.latent)
    return Drawn(view.canvas, before, before if torch.equal(latent, view.latent) else pixels(model, latent))


def laid(meter: Meter, wish: Wish, mask: Mask, drawing: Drawn) -> Photo:
    """Lay the change that was drawn over the photo, and clean it up as asked."""
    chosen = wish.cleanup
    with meter.timed("photo"):
        photo = photos.lay(wish.photo, drawing.canvas, drawing.before, drawing.after, mask)
        photo = photos.cleanup(wish.photo, photo, mask, chosen.color, chosen.sharpen, chosen.denoise)
    return photo if photo is wish.photo else replace(photo, edited=True)


def _latent_mask(mask: Mask, view: View) -> Tensor:
    """Return 1 for every latent cell that the mask touches: how much of it shows is decided on the photo's pixels."""
    return (_touched(mask, view) > RIPPLE).float()


def _touched(mask: Mask, view: View) -> Tensor:  # (1, 1, h, w) of cells, in [0, 1]
    touched = torch.from_numpy(view.canvas.touched(mask))[None, None]
    return functional.adaptive_max_pool2d(touched, view.latent.shape[-2:])


def pixels(model: Counted, latent: Tensor) -> NDArray[np.float32]:
    """Decode to a picture (h, w, 3) in [0, 1]."""
    pixels = (model.decode(latent)[0].permute(1, 2, 0) + 1) / 2
    picture: NDArray[np.float32] = pixels.clamp(0, 1).float().cpu().numpy()
    return picture


def _task(model: Counted, wish: Wish, view: View, mask: Tensor | None, tracks: Tracks = FORGETFUL) -> Task:
    source, latent = SourceText(wish.source), view.latent
    masks = _own_masks(wish, view)
    concepts = tuple(_concept(wanted.change, mask) for wanted, mask in zip(wish.edits, masks, strict=True))
    cell = view.canvas.working[0] // latent.shape[-2]
    seen = windowed(model, cell) if wish.windows else model
    return Task(seen, latent, source, wish.target, wish.seed, model.meter, mask, tracks, wish.weights, concepts)


def _concept(change: Change, mask: Tensor | None) -> Concept:
    return Concept(change.text, change.away, change.source, change.settings, mask)


def _own_masks(wish: Wish, view: View) -> list[Tensor | None]:
    """Return each edit's mask on the view's cells; where masks share no place, their soft edges share none either."""
    soft = [None if one.mask is None else _touched(one.mask, view).to(view.latent.device) for one in wish.edits]
    there = [mask for mask in soft if mask is not None]
    if len(there) == len(soft) > 1 and getattr(wish.settings, "overlap", "") == "owner":
        return [*overlap.parted(there, RIPPLE)]
    return [None if mask is None else (mask > RIPPLE).float() for mask in soft]
