"""What an edit shows of itself: figures of the photo, the edited photo, the recipe's texts and its model."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from inkover import inversions, methods
from inkover.app import asked, flow, tracing
from inkover.app.meter import Counted, Meter
from inkover.diffusion.noise import gaussian
from inkover.inversions.contract import Retrace
from inkover.measure import clip
from inkover.measure.phrasing import Phrasing
from inkover.measure.scores import Mask, in_bytes, values
from inkover.methods.settings import build, knobs

if TYPE_CHECKING:
    from inkover.app.editor import Editor
    from inkover.app.recipe import Recipe
    from inkover.measure.clip import Encoder
    from inkover.photo import Photo

Region = NDArray[np.bool_]  # (H, W)
Values = NDArray[np.float64]  # (H, W, 3) in [0, 1]

VISIBLE = 12 / 255
"""A smaller change, in every channel, is not seen."""
MARGIN = 0.04
"""Of the photo's shorter side: as near to its place a change is no spill, an edge is soft and a shadow falls."""
LEVELS, NOISES = (0.4, 0.6), 3
"""How noisy the pictures are when the model is asked what they show, as parts of the way to noise, and how often."""


@dataclass(frozen=True, slots=True)
class Signs:
    """The figures of one edit; None where there is none. Shares are of 1, changes of values from 0 to 1."""

    area: float  # share of the photo where the texts say that it is to change, or the mask that was given
    covered: float | None  # share of that place that visibly changed
    spilled: float | None  # share of what is clear of it that visibly changed
    change_inside: float | None  # mean absolute change of its pixels
    change_outside: float | None  # the same clear of it
    psnr_outside: float | None  # dB, clear of it; 99 for equal
    reach: float  # share of the photo that changed at all
    grain: float | None  # fine detail where it changed, over the photo's there: a log to base 2
    clipped: float | None  # share of what changed that is at the ends of the scale, less the photo's there
    vivid: float | None  # mean distance of the strongest and the weakest channel, less the photo's
    harsh: float | None  # share of the changed pixels that are nearly pure colours, less the photo's
    turned: float | None  # how far the model takes the place for what the target says: 0 the photo's, 1 as far the other way
    strange: float | None  # how much worse the model foresees the edited photo than the photo, inside: a log to base 2
    strange_outside: float | None
    clip_turned: float | None  # the same as turned, by CLIP: along the way from the source text to the target
    clip_turned_near: float | None  # the same of what is around the place
    clip_direction: float | None
    clip_direction_near: float | None
    clip_gain: float | None
    clip_gain_near: float | None
    lost: float | None  # dB by which the photo's way into the model and back is worse than the autoencoder alone
    came_back: float | None
    tokens: int
    window: int
    samples: int  # what the network was asked for all of it


def observed(
    editor: Editor, recipe: Recipe, before: Photo, after: Photo, given: Mask | None, encoder: Encoder | None, phrasing: Phrasing
) -> Signs:
    """Measure an edit; ``given`` is the mask of where it was to be, in place of where the texts say."""
    meter = Meter()
    model = Counted(editor.model, meter)
    source, target = recipe.source, recipe.target
    place, spent = (given > 0, 0) if given is not None else _place(editor, before, source, target)
    one, other = values(before), values(after)
    found: dict[str, Any] = _pixels(one, other, place) | _look(one, other, place)
    found |= _read(model, before, after, place, source, target)
    found |= _clip(encoder, before, after, place, source, target)
    lost, came, walked = _round_trip(editor, recipe, before)
    return Signs(
        **found, lost=lost, came_back=came, tokens=phrasing.tokens, window=phrasing.window,
        samples=spent + walked + sum(meter.samples.values()),
    )


def _place(editor: Editor, photo: Photo, source: str, target: str) -> tuple[Region, int]:
    found = editor.mask(photo, source=source, target=target, method="diffedit")
    return found.mask > 0, sum(found.samples.values())


def _clear(place: Region) -> Region:
    reach = max(1, round(MARGIN * min(place.shape)))
    return cv2.dilate(place.astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) == 0


def _mean(picture: NDArray[Any], region: Region) -> float | None:
    return float(picture[region].mean()) if region.any() else None


def _pixels(one: Values, other: Values, place: Region) -> dict[str, float | None]:
    apart = np.abs(other - one)
    seen, clear = apart.max(-1) > VISIBLE, _clear(place)
    mse = _mean(apart**2, clear)
    return {
        "area": float(place.mean()),
        "covered": _mean(seen, place),
        "spilled": _mean(seen, clear),
        "change_inside": _mean(apart, place),
        "change_outside": _mean(apart, clear),
        "psnr_outside": None if mse is None else min(99.0, -10 * math.log10(max(mse, 1e-12))),
        "reach": float((apart.max(-1) > 0).mean()),
    }


def _look(one: Values, other: Values, place: Region) -> dict[str, float | None]:
    changed = (np.abs(other - one).max(-1) > VISIBLE) & ~_clear(place)
    if not changed.any():
        return dict.fromkeys(("grain", "clipped", "vivid", "harsh"))

    def detail(picture: Values) -> float:
        return float(np.abs(cv2.Laplacian(picture.mean(-1), cv2.CV_64F))[changed].mean())

    def ends(picture: Values) -> float:
        return float(((picture > 0.985) | (picture < 0.015)).any(-1)[changed].mean())

    def colour(picture: Values) -> NDArray[np.float64]:
        return np.asarray((picture.max(-1) - picture.min(-1))[changed])

    return {
        "grain": math.log2((detail(other) + 1e-3) / (detail(one) + 1e-3)),
        "clipped": ends(other) - ends(one),
        "vivid": float(colour(other).mean() - colour(one).mean()),
        "harsh": float((colour(other) > 0.8).mean() - (colour(one) > 0.8).mean()),
    }


@torch.no_grad()
def _read(model: Counted, before: Photo, after: Photo, place: Region, source: str, target: str) -> dict[str, float | None]:
    """Ask the model which text foresees the noise in each picture better."""
    texts = {"source": model.text(source), "target": model.text(target)}
    levels = model.levels(50)
    errors: dict[str, list[Tensor]] = {"before": [], "after": []}
    for name, photo in (("before", before), ("after", after)):
        latent = flow.whole(model, photo).latent
        for share in LEVELS:
            at = levels[round((1 - share) * (len(levels) - 1))]
            for k in range(NOISES):
                noise = gaussian(latent, 0, "advice", k)
                said = model.predict(torch.cat([at.noised(latent, noise)] * 2), at, texts)
                errors[name].append(((said.eps - noise) ** 2).mean(1, keepdim=True))  # (2, 1, h, w)
    size = errors["before"][0].shape[-2:]
    inside = functional.adaptive_max_pool2d(torch.from_numpy(place.astype(np.float32))[None, None], size)[0, 0] > 0
    mean = {name: torch.stack(found).mean(0)[:, 0].double() for name, found in errors.items()}  # (2, h, w)
    if not inside.any():
        return dict.fromkeys(("turned", "strange", "strange_outside"))
    lead = {name: float((m[0] - m[1])[inside].mean()) for name, m in mean.items()}  # above 0: the target's foresees it
    scale = max(-lead["before"], 1e-6)
    outside = ~inside

    def ratio(region: Tensor) -> float | None:
        if not region.any():
            return None
        return math.log2(float(mean["after"][1][region].mean()) / float(mean["before"][0][region].mean()))

    return {"turned": (lead["after"] - lead["before"]) / (2 * scale), "strange": ratio(inside), "strange_outside": ratio(outside)}


def _clip(encoder: Encoder | None, before: Photo, after: Photo, place: Region, source: str, target: str) -> dict[str, float | None]:
    names = ("clip_turned", "clip_turned_near", "clip_direction", "clip_direction_near", "clip_gain", "clip_gain_near")
    if encoder is None or not source or not place.any():
        return dict.fromkeys(names)
    was, shall = encoder.read([source])[0], encoder.read([target])[0]
    way = shall - was
    found = dict[str, float | None]()
    for end, box in (("", (0, 0, *place.shape)), ("_near", _around(place))):
        y0, x0, y1, x1 = box
        one, other = (encoder.seen(in_bytes(photo)[None, y0:y1, x0:x1])[0] for photo in (before, after))
        length = float(way @ way)
        found[f"clip_turned{end}"] = float((other - one) @ way) / length if length > 1e-9 else None
        direction = clip.cosine(other - one, way)
        found[f"clip_direction{end}"] = None if math.isnan(direction) else direction
        found[f"clip_gain{end}"] = float((other - one) @ shall)
    return found


def _around(place: Region) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(place)
    y0, x0, y1, x1 = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
    pad = max(y1 - y0, x1 - x0) // 4 + 2
    return max(0, y0 - pad), max(0, x0 - pad), min(place.shape[0], y1 + pad), min(place.shape[1], x1 + pad)


def _round_trip(editor: Editor, recipe: Recipe, photo: Photo) -> tuple[float | None, float | None, int]:
    """Return what the recipe's inversion loses of the photo, in dB, what it comes back at, and what that cost."""
    method = methods.get(recipe.method)
    settings = build(method, recipe.settings)
    named = getattr(settings, "inversion", "ddim" if method.cost(settings)["inversion"] else "")
    if not named:
        return None, None, 0
    inversion = inversions.get(named)
    if not isinstance(inversion.use, Retrace) or inversion.use.pinned:
        return 0.0, None, 0  # the photo comes back by its making
    own = {knob.name: getattr(settings, knob.name) for knob in knobs_of(inversion) if hasattr(settings, knob.name)}
    own = {name: value for name, value in own.items() if name not in ("quantile", "threshold", "guidance")}
    free = not inversion.use.selfless
    guidance = settings.guidance if free and hasattr(settings, "inversion") else None
    way = tracing.way(recipe.source, named, settings.steps, settings.strength, guidance, 0, own)
    traced = editor.trace(way, photo, Meter())
    back, alone = min(traced.psnr, 99.0), min(traced.psnr_autoencoder, 99.0)
    return alone - back, back, sum(traced.samples.values())


def knobs_of(inversion: Any) -> Any:
    return knobs(inversion.settings)
