"""SDE-DPM-Solver++ inversion: the noise maps of a sampler of second order, which needs fewer steps (Brack et al. 2024).

The paper prints the step with a ratio of logarithms and eps for x0; this is its published code, and Lu et al. 2022.
"""

from __future__ import annotations

from dataclasses import dataclass

from inkover.diffusion.samplers import Sampler, ancestral_multistep, fresh
from inkover.diffusion.schedule import Spacing
from inkover.inversions import noise_maps, parts
from inkover.inversions.contract import Cost, Inversion, Replay, Subject
from inkover.inversions.track import NoiseTrack
from inkover.knobs import check


@dataclass(frozen=True, slots=True)
class Settings:
    """The knobs of SDE-DPM-Solver++ inversion."""

    source_guidance: float = parts.source_guidance_knob()

    def __post_init__(self) -> None:
        check(self)


def run(subject: Subject, knobs: Settings) -> NoiseTrack:
    """Return the photo under independent noises, and the noise maps that lead through them.

    The first step of the levels is of first order, all others are of second, down to the last: an edit that takes the
    sampler's own steps from the first level on does the same.
    """
    return noise_maps.mapped(subject, sampler(knobs), knobs.source_guidance, "sde-dpmpp")


def sampler(knobs: Settings) -> Sampler:
    """Return SDE-DPM-Solver++(2M)."""
    return Sampler("sde-dpmpp", Spacing("leading", "first"), 2, ancestral_multistep, fresh)


def guidance(knobs: Settings) -> float:
    """Return the scale that the source text was followed with."""
    return knobs.source_guidance


def cost(knobs: Settings, steps: int) -> Cost:
    """Return a sample a step, or two with guidance, which a photo without words does not need."""
    return Cost(samples=steps * (1 if knobs.source_guidance == 1 else 2), steps=steps)


INVERSION = Inversion(
    name="sde-dpmpp",
    summary="Finds the noise of each step as ddpm does, for a sampler that needs fewer steps.",
    paper="Brack et al. 2024, LEDITS++: Limitless Image Editing using Text-to-Image Models, arXiv:2311.16711",
    settings=Settings,
    run=run,
    cost=cost,
    use=Replay(guidance=guidance, sampler=sampler),
)
