"""What a model says of an edit by itself: where it would be, whether it was made, and whether the photo comes back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from inkover import inversions, methods
from inkover.app import flow, tracing
from inkover.app.meter import Counted, Meter
from inkover.diffusion.noise import gaussian
from inkover.inversions.contract import Retrace
from inkover.methods.settings import build, knobs

if TYPE_CHECKING:
    from inkover.app.editor import Editor
    from inkover.app.recipe import Recipe
    from inkover.photo import Photo

Region = NDArray[np.bool_]  # (H, W)

LEVELS, NOISES, STEPS = (0.4, 0.6), 3, 50
"""How noisy the pictures are when the model is asked what they show, as parts of the way to noise, and how often."""
EDGES = ("quantile", "threshold", "guidance")
"""Knobs of an inversion's name that shape the edit and not the tracing, or that the way back says itself."""
BEST = 99.0
"""dB: in place of an infinite PSNR."""


@dataclass(frozen=True, slots=True)
class Likely:
    """How well the model foresees the noise in the photo and in the edited photo."""

    turned: float | None
    strange: float | None


@dataclass(frozen=True, slots=True)
class Back:
    """How a photo comes back, in dB; None where nothing is traced, or where it comes back by its making."""

    lost: float | None  # less than the autoencoder alone
    samples: int = 0


def place(editor: Editor, photo: Photo, source: str, target: str) -> tuple[Region, int]:
    """Return where two texts disagree about a photo, as DiffEdit finds it, and the network samples that it took."""
    if source.split() == target.split():  # they differ by weights alone
        return np.ones(photo.size, bool), 0
    found = editor.mask(photo, source=source, target=target, method="diffedit")
    return found.mask > 0, sum(found.samples.values())


@torch.no_grad()
def likely(
    model: Counted, before: Photo, after: Photo, region: Region, source: str, target: str
) -> Likely:  # region: (H, W), where it is to change
    """Ask the model which of two texts foresees the noise in each picture better (Li et al. 2023, arXiv:2303.16203)."""
    one, other = (_errors(model, photo, source, target) for photo in (before, after))
    small = functional.adaptive_max_pool2d(torch.from_numpy(region.astype(np.float32))[None, None], one.shape[-2:])
    inside = (small[0, 0] > 0).to(one.device)
    if not inside.any():
        return Likely(None, None)
    was, now = (errors[:, inside].mean(1) for errors in (one, other))  # (2,): by source, by target
    lead_before, lead_after = float(was[0] - was[1]), float(now[0] - now[1])  # above 0: the target's foresees it
    turned = (lead_after - lead_before) / (-2 * lead_before) if lead_before < 0 else None
    return Likely(turned, math.log2(float(now[1]) / max(float(was[0]), 1e-12)))


def _errors(model: Counted, photo: Photo, source: str, target: str) -> Tensor:  # (2, h, w), by source, by target
    """Return the mean squared error of the noise that is foreseen, over levels and noises."""
    texts = {"source": model.text(source), "target": model.text(target)}
    levels, latent = model.levels(STEPS), flow.whole(model, photo).latent
    total = torch.zeros((2, *latent.shape[-2:]), device=latent.device)
    for share in LEVELS:
        at = levels[round((1 - share) * STEPS)]
        for k in range(NOISES):
            noise = gaussian(latent, 0, "advice", k)
            noisy = at.noised(latent, noise)
            for row, text in enumerate(texts.values()):
                total[row] += ((model.predict(noisy, at, {"text": text}).eps - noise) ** 2)[0].mean(0)
    return total / (len(LEVELS) * NOISES)


def back(editor: Editor, recipe: Recipe, photo: Photo) -> Back:
    """Trace a photo as the recipe does and come back, at the guidance at which the method needs it back."""
    method = methods.get(recipe.method)
    settings = build(method, recipe.settings)
    own_choice = hasattr(settings, "inversion")
    name = settings.inversion if own_choice else "ddim" if method.cost(settings)["inversion"] else ""
    if not name:
        return Back(None)
    inversion = inversions.get(name)
    if not isinstance(inversion.use, Retrace) or inversion.use.pinned:
        return Back(0.0)
    known = [knob.name for knob in knobs(inversion.settings) if knob.name not in EDGES]
    own: dict[str, Any] = {knob: getattr(settings, knob) for knob in known if hasattr(settings, knob)}
    guidance = settings.guidance if own_choice and not inversion.use.selfless else None
    source = recipe.source if getattr(settings, "inversion_prompt", "source") == "source" else ""
    way = tracing.way(source, name, settings.steps, settings.strength, guidance, 0, own)
    traced = editor.trace(way, photo, Meter())
    return Back(min(traced.psnr_autoencoder, BEST) - min(traced.psnr, BEST), sum(traced.samples.values()))
