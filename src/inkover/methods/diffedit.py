"""DiffEdit: find where two texts disagree about the photo, and change it there alone (Couairon et al. 2023)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from inkover.diffusion import samplers
from inkover.inversions.ddim import INVERSION
from inkover.methods import maps, parts, tracks
from inkover.methods.contract import Method, Task, knob
from inkover.methods.settings import check


@dataclass(frozen=True, slots=True)
class Settings:
    """The knobs of DiffEdit."""

    steps: int = parts.steps_knob(40)
    strength: float = parts.strength_knob(1.0)
    guidance: float = parts.guidance_knob(3.0)
    sampler: str = parts.sampler_knob(parts.TRACEABLE)
    negative: str = parts.negative_knob()
    inversion_prompt: str = parts.inversion_prompt_knob("source")
    noises: int = maps.noises_knob("mask is")
    mask_strength: float = maps.mask_strength_knob("mask is")
    clamp: float = knob(
        maps.CLAMP, "part of the map that is no extreme; the rest is cut", low=0.5, high=1, stage="mask"
    )
    threshold: float = knob(maps.THRESHOLD, "part of the cut at which the mask begins", low=0.01, high=1, stage="mask")
    closing: int = maps.closing_knob("the mask")
    spacing: str = parts.spacing_knob()
    guidance_from: float = parts.guidance_from_knob()
    guidance_to: float = parts.guidance_to_knob()
    rescale: float = parts.rescale_knob(0.7)

    def __post_init__(self) -> None:
        parts.check_traceable(self.sampler)
        check(self)
        parts.check_guidance(self)
        maps.check_mask_strength(self)


def find_mask(task: Task, knobs: Settings) -> Tensor:
    """Return step 1 of the paper: the hard mask (1, 1, h, w) of where the two texts disagree."""
    source, target = task.model.text(task.source), task.model.text(task.target)
    at, noises = maps.level(task, knobs), maps.noises(task, knobs.noises)
    with task.watch.stage("mask", knobs.noises):
        found = maps.averaged(task, at, source, target, noises)
    cut = maps.cut(found, knobs.clamp, knobs.threshold, knobs.closing)
    task.watch.compared(0, cut)
    return cut.mask


def edit(task: Task, knobs: Settings) -> Tensor:
    """Return steps 2 and 3: encode the photo, decode the target's text; outside the mask the photo, to the bit."""
    sampler = samplers.get(knobs.sampler)
    model, levels = task.model, parts.tail(parts.laid(task.model, knobs), knobs.strength)
    source, target, null = parts.traced_with(task.source, knobs), model.text(task.target), model.text(knobs.negative)
    photo = tracks.path(task, INVERSION, INVERSION.settings(), levels, source).latents
    x = photo[0]
    with task.watch.stage("edit", len(levels) - 1):
        decode = parts.towards(task, target, null, knobs, levels)
        for (here, there), kept in zip(pairwise(levels), photo[1:], strict=True):
            x, _ = sampler.step(decode(x, here), here, there)
            x = parts.inside(task.mask, x, kept)
    return x


def cost(knobs: Settings) -> Mapping[str, int]:
    """Return the network samples of each stage, with an automatic mask."""
    steps = parts.walked(knobs.steps, knobs.strength)
    return {"mask": 2 * knobs.noises, "inversion": steps, "edit": parts.guided_samples(knobs)}


METHOD = Method(
    name="diffedit",
    summary="Finds by itself where your words differ from the photo and changes only that place.",
    paper="Couairon et al. 2023, DiffEdit: Diffusion-based Semantic Image Editing with Mask Guidance, arXiv:2210.11427",
    settings=Settings,
    edit=edit,
    cost=cost,
    find_mask=find_mask,
    draws=("mask",),
    reading=("inversion_prompt",),
)
