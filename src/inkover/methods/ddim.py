"""DDIM encode and decode: trace the photo to its noise with one text, come back with another (Song et al. 2021)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from inkover.diffusion import samplers
from inkover.inversions.ddim import INVERSION
from inkover.inversions.ddim import Settings as Tracing
from inkover.inversions.parts import rounds_knob
from inkover.methods import parts, tracks
from inkover.methods.contract import Method, Task
from inkover.methods.settings import check


@dataclass(frozen=True, slots=True)
class Settings:
    """The knobs of DDIM encode and decode."""

    steps: int = parts.steps_knob()
    strength: float = parts.strength_knob(0.8)
    guidance: float = parts.guidance_knob()
    sampler: str = parts.sampler_knob(parts.TRACEABLE)
    negative: str = parts.negative_knob()
    rounds: int = rounds_knob()
    inversion_prompt: str = parts.inversion_prompt_knob("source")
    spacing: str = parts.spacing_knob()
    guidance_from: float = parts.guidance_from_knob()
    guidance_to: float = parts.guidance_to_knob()
    rescale: float = parts.rescale_knob()

    def __post_init__(self) -> None:
        parts.check_traceable(self.sampler)
        check(self)
        parts.check_guidance(self)


def edit(task: Task, knobs: Settings) -> Tensor:
    """Return the clean latent of the changed photo; outside the mask it is the photo's, to the bit."""
    sampler = samplers.get(knobs.sampler)
    model, levels = task.model, parts.tail(parts.laid(task.model, knobs), knobs.strength)
    source, target, null = parts.traced_with(task.source, knobs), model.text(task.target), model.text(knobs.negative)
    photo = tracks.path(task, INVERSION, Tracing(knobs.rounds), levels, source).latents
    x = photo[0]
    with task.watch.stage("edit", len(levels) - 1):
        decode = parts.towards(task, target, null, knobs, levels)
        for (here, there), kept in zip(pairwise(levels), photo[1:], strict=True):
            x, _ = sampler.step(decode(x, here), here, there)
            x = parts.inside(task.mask, x, kept)
    return x


def cost(knobs: Settings) -> Mapping[str, int]:
    """Return the network samples of each stage."""
    steps = parts.walked(knobs.steps, knobs.strength)
    return {"mask": 0, "inversion": knobs.rounds * steps, "edit": parts.guided_samples(knobs)}


METHOD = Method(
    name="ddim",
    summary="Traces the photo back to the noise it could have come from and paints it again with your words.",
    paper="Song et al. 2021, Denoising Diffusion Implicit Models, arXiv:2010.02502",
    settings=Settings,
    edit=edit,
    cost=cost,
    reading=("inversion_prompt",),
)
