"""SDEdit: noise the photo and denoise it with other words (Meng et al. 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from inkover.diffusion import samplers
from inkover.diffusion.trajectory import noised
from inkover.methods import parts
from inkover.methods.contract import Method, Task
from inkover.methods.settings import check


@dataclass(frozen=True, slots=True)
class Settings:
    """The knobs of SDEdit."""

    steps: int = parts.steps_knob()
    strength: float = parts.strength_knob(0.8)
    guidance: float = parts.guidance_knob()
    sampler: str = parts.sampler_knob(samplers.names())
    negative: str = parts.negative_knob()
    spacing: str = parts.spacing_knob()
    guidance_from: float = parts.guidance_from_knob()
    guidance_to: float = parts.guidance_to_knob()
    rescale: float = parts.rescale_knob()

    def __post_init__(self) -> None:
        check(self)
        parts.check_guidance(self)


def edit(task: Task, knobs: Settings) -> Tensor:
    """Return the clean latent of the changed photo; outside the mask it is the photo's, to the bit."""
    sampler = samplers.get(knobs.sampler)
    model, levels = task.model, parts.tail(parts.laid(task.model, knobs), knobs.strength)
    target, null = model.text(task.target), model.text(knobs.negative)
    photo = noised(task.photo, task.noise("sdedit"), levels)
    x, memory = photo[0], None
    with task.watch.stage("edit", len(levels) - 1):
        denoise = parts.towards(task, target, null, knobs, levels)
        for k, ((here, there), kept) in enumerate(zip(pairwise(levels), photo[1:], strict=True)):
            noise = task.noise("step", k) if sampler.stochastic else None
            x, memory = sampler.step(denoise(x, here), here, there, memory, noise)
            x = parts.inside(task.mask, x, kept)
    return x


def cost(knobs: Settings) -> Mapping[str, int]:
    """Return the network samples of each stage."""
    return {"mask": 0, "inversion": 0, "edit": parts.guided_samples(knobs)}


METHOD = Method(
    name="sdedit",
    summary="Noises the photo part of the way and paints it anew with your words: free, and the least faithful.",
    paper="Meng et al. 2022, SDEdit: Guided Image Synthesis and Editing with SDEs, arXiv:2108.01073",
    settings=Settings,
    edit=edit,
    cost=cost,
    draws=("edit",),
)
