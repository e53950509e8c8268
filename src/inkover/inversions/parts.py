"""What several inversions share: a photo's trajectory with its own words, and their common knobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from inkover.diffusion.guide import Denoiser
from inkover.diffusion.level import Level, Prediction
from inkover.diffusion.trajectory import trace
from inkover.inversions.contract import Subject
from inkover.inversions.track import Track
from inkover.knobs import knob


def rounds_knob() -> Any:
    return knob(1, "how often each step of the tracing is refined; more is truer and slower", low=1, high=20)


def source_guidance_knob() -> Any:
    return knob(3.5, "how strongly the words for the photo are followed; 1 is plain and costs half", low=1, high=50)


def traced(subject: Subject, rounds: int = 1) -> Track:
    """Trace a photo with its own words and no guidance, which would lead off the noise that the model knows."""
    source = subject.model.text(subject.source)

    def denoiser(x: Tensor, level: Level) -> Prediction:
        return subject.model.predict(x, level, {"source": source})

    latents = trace(told(denoiser, subject.tell), subject.photo, subject.levels, rounds)
    return Track(subject.levels, latents, samples=rounds * (len(latents) - 1))


def told(denoiser: Denoiser, tell: Callable[[], None]) -> Denoiser:
    """Return the denoiser, telling of every evaluation once it is done."""

    def telling(x: Tensor, level: Level) -> Prediction:
        prediction = denoiser(x, level)
        tell()
        return prediction

    return telling


def unguided(settings: Any) -> float:
    """Return the scale of the words alone."""
    return 1.0
