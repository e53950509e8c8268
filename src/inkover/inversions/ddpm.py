"""Edit-friendly DDPM inversion: noise maps that hold the photo's layout (Huberman-Spiegelglas et al. 2024)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from inkover.diffusion.level import Level, Prediction
from inkover.diffusion.samplers import Memory, Sampler, fresh
from inkover.diffusion.schedule import Spacing
from inkover.inversions import noise_maps, parts
from inkover.inversions.contract import Cost, Inversion, Replay, Subject
from inkover.inversions.track import NoiseTrack
from inkover.knobs import check, knob


@dataclass(frozen=True, slots=True)
class Settings:
    """The knobs of edit-friendly DDPM inversion."""

    source_guidance: float = parts.source_guidance_knob()
    eta: float = knob(1.0, "how much of each step is noise; less holds less of the photo in it", low=0.1, high=1)

    def __post_init__(self) -> None:
        check(self)


def run(subject: Subject, knobs: Settings) -> NoiseTrack:
    """Return the photo under independent noises, and the noise maps that lead through them, the last one too."""
    return noise_maps.mapped(subject, sampler(knobs), knobs.source_guidance, "ddpm")


def sampler(knobs: Settings) -> Sampler:
    """Return DDIM's stochastic step, eta 1 of which is DDPM's (Song et al. 2021, equation 12)."""

    def spread(here: Level, there: Level) -> float:
        return knobs.eta * fresh(here, there)

    def mean(prediction: Prediction, here: Level, there: Level, memory: Memory | None = None) -> Tensor:
        left = math.sqrt(max(there.sigma**2 - spread(here, there) ** 2, 0.0))
        return there.alpha * prediction.x0 + left * prediction.eps

    return Sampler("ddpm", Spacing("leading", "first"), 1, mean, spread)


def guidance(knobs: Settings) -> float:
    """Return the scale that the source text was followed with."""
    return knobs.source_guidance


def cost(knobs: Settings, steps: int) -> Cost:
    """Return a sample a step, or two with guidance, which a photo without words does not need."""
    return Cost(samples=steps * (1 if knobs.source_guidance == 1 else 2), steps=steps)


INVERSION = Inversion(
    name="ddpm",
    summary="Finds the noise of each step that leads exactly to the photo, and that keeps its layout in an edit.",
    paper="Huberman-Spiegelglas et al. 2024, An Edit Friendly DDPM Noise Space, arXiv:2304.06140",
    settings=Settings,
    run=run,
    cost=cost,
    use=Replay(guidance=guidance, sampler=sampler),
)
