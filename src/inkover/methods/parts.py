"""What several methods share: their common knobs and the small steps around their loops."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from inkover.diffusion import samplers
from inkover.diffusion.guide import Denoiser
from inkover.diffusion.level import Level, Levels, Prediction
from inkover.errors import InkoverError
from inkover.methods.contract import Watch, knob


def steps_knob(default: int = 50) -> Any:
    return knob(default, "steps from pure noise to the picture; more is finer and slower", low=1, high=999)


def strength_knob(default: float) -> Any:
    text = "how far the photo is taken towards noise before the change; 0 keeps it, 1 forgets most of it"
    return knob(default, text, low=0, high=1, stage="edit")


def guidance_knob(default: float = 7.5) -> Any:
    return knob(default, "how strongly the words are followed; 1 is plain and costs half", low=1, high=50, stage="edit")


def sampler_knob() -> Any:
    return knob("ddim", "how the steps are laid and taken", choices=samplers.names())


def negative_knob() -> Any:
    return knob("", "what the picture shall not show; needs a guidance above 1", stage="edit")


def check_negative(negative: str, guidance: float) -> None:
    """Refuse a negative prompt that would change nothing, or that no model reads."""
    if negative and not (negative.strip() and negative.isprintable()):
        raise InkoverError(
            f"negative {negative!r} is no text that a model reads: write one line of words, or leave it out"
        )
    if negative and guidance == 1:
        raise InkoverError(f"negative {negative!r} has no effect at guidance 1: raise guidance or leave negative out")


def walked(steps: int, strength: float) -> int:
    """Return how many of the steps a strength walks."""
    return math.floor(strength * steps + 1e-9)  # 0.29 * 100 is 28.999... in floating point, and means 29


def tail(levels: Levels, strength: float) -> Levels:
    """Return the cleaner end of a grid that a strength walks; the end level alone when it walks no step."""
    steps = len(levels) - 1
    return levels[steps - walked(steps, strength) :]


def inside(mask: Tensor | None, edited: Tensor, kept: Tensor) -> Tensor:
    """Return the edited latent where the mask is 1 and the kept one where it is 0, to the bit."""
    return edited if mask is None else mask * edited + (1 - mask) * kept


def watched(denoiser: Denoiser, watch: Watch) -> Denoiser:
    """Return the denoiser, telling the watch of every evaluation once it is done."""

    def told(x: Tensor, level: Level) -> Prediction:
        prediction = denoiser(x, level)
        watch.step()
        return prediction

    return told
