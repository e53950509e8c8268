"""DDIM inversion: walk the sampler's own path upwards, from the photo to noise (Song et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass

from inkover.inversions import parts
from inkover.inversions.contract import Cost, Inversion, Retrace, Subject
from inkover.inversions.track import Track
from inkover.knobs import check


@dataclass(frozen=True, slots=True)
class Settings:
    """The knobs of DDIM inversion."""

    rounds: int = parts.rounds_knob()

    def __post_init__(self) -> None:
        check(self)


def run(subject: Subject, knobs: Settings) -> Track:
    """Return the trajectory; with many rounds, sampling without guidance leads back to the photo exactly."""
    return parts.traced(subject, knobs.rounds)


def cost(knobs: Settings, steps: int) -> Cost:
    """Return one sample a round and step."""
    return Cost(samples=knobs.rounds * steps, steps=knobs.rounds * steps)


INVERSION = Inversion(
    name="ddim",
    summary="Follows the photo back to the noise it could have come from: quick, and true only without guidance.",
    paper="Song et al. 2021, Denoising Diffusion Implicit Models, arXiv:2010.02502",
    settings=Settings,
    run=run,
    cost=cost,
    use=Retrace(guidance=parts.unguided),
    plain=True,
)
