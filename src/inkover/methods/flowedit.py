"""FlowEdit: walk from the photo to the target by the difference of two velocities, without noise (Kulikov et al. 2024).

On a path that is not straight the same walk is made in the coordinates of the straight one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from inkover.diffusion import samplers
from inkover.diffusion.guide import Denoiser, guided
from inkover.diffusion.level import Level, Levels
from inkover.diffusion.straight import share, stretch
from inkover.diffusion.trajectory import noised
from inkover.errors import InkoverError
from inkover.inversions.parts import told
from inkover.methods import parts
from inkover.methods.contract import Method, Task, knob
from inkover.methods.settings import check

SOURCE_GUIDANCE = 3.5
CLEAN = Level(0.0, 1.0, 0.0)
"""Where the walk ends, whatever the grid's own end: what walks is a clean latent."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The knobs of FlowEdit."""

    steps: int = parts.steps_knob()
    strength: float = parts.strength_knob(0.66)
    guidance: float = parts.guidance_knob(13.5)
    source_guidance: float = knob(
        SOURCE_GUIDANCE, "how strongly the words for the photo are followed; 1 is plain and costs less", low=1, high=50
    )
    sampler: str = parts.sampler_knob(parts.TRACEABLE)
    negative: str = parts.negative_knob()
    noises: int = knob(1, "how many noises each step is averaged over; more is steadier and slower", low=1, high=100)
    finish: float = knob(
        0.0, "part of the walked steps, the last ones, that paint freely; for another style", low=0, high=1
    )
    spacing: str = parts.spacing_knob()
    guidance_from: float = parts.guidance_from_knob()
    guidance_to: float = parts.guidance_to_knob()
    rescale: float = parts.rescale_knob()

    def __post_init__(self) -> None:
        check(self)
        parts.check_guidance(self)
        _check_effects(self)


def _check_effects(knobs: Settings) -> None:
    """Refuse knobs that would change nothing."""
    walked = parts.walked(knobs.steps, knobs.strength)
    if walked and knobs.finish and not _finishing(knobs):
        least = f"{1 / walked:.4g}"
        raise InkoverError(f"finish {knobs.finish:g} of {walked} walked steps is no step: give {least} or more")
    if walked and knobs.noises > 1 and not _moving(knobs):
        raise InkoverError("noises has no effect where all steps are the finish: lower finish or leave noises out")
    if walked and knobs.source_guidance != SOURCE_GUIDANCE and not _guided_moves(knobs):
        why = "at guidance 1" if knobs.guidance == 1 else "where no step before the finish is guided"
        raise InkoverError(f"source_guidance has no effect {why}: change that or leave source_guidance out")


def edit(task: Task, knobs: Settings) -> Tensor:
    """Return the clean latent of the changed photo; outside the mask it is the photo's, to the bit.

    Equal texts with equal guidance return the photo, to the bit.
    """
    levels = (*parts.tail(parts.laid(task.model, knobs), knobs.strength)[:-1], CLEAN)
    moving, finishing = _moving(knobs), _finishing(knobs)
    source, target = _source(task, knobs, levels), _target(task, knobs, levels)
    with task.watch.stage("edit", 2 * knobs.noises * moving + finishing):
        edited = _moved(task, knobs, source, target, levels[: moving + 1])
        return _finished(task, knobs, target, edited, levels[moving:]) if finishing else edited


def _moved(task: Task, knobs: Settings, source: Denoiser, target: Denoiser, levels: Levels) -> Tensor:
    """Move the photo along the difference of the two velocities, each seen under the same noise."""
    edited = task.photo
    for k, (here, there) in enumerate(pairwise(levels)):
        apart = torch.zeros_like(edited)
        for noise in (task.noise("flowedit", knobs.noises * k + j) for j in range(knobs.noises)):
            before = here.noised(task.photo, noise)
            after = before + stretch(here) * (edited - task.photo)  # in this order, equal stays equal to the bit
            apart = apart + (_velocity(target, after, here) - _velocity(source, before, here))
        edited = edited + (share(there) - share(here)) * (apart / knobs.noises)
        edited = parts.inside(task.mask, edited, task.photo)
    return edited


def _finished(task: Task, knobs: Settings, target: Denoiser, edited: Tensor, levels: Levels) -> Tensor:
    """Lay what was edited under noise and sample the rest of the way with the target's words alone."""
    sampler, noise = samplers.get(knobs.sampler), task.noise("flowedit", knobs.noises * _moving(knobs))
    photo = noised(task.photo, noise, levels)
    x = photo[0] + stretch(levels[0]) * (edited - task.photo)
    for (here, there), kept in zip(pairwise(levels), photo[1:], strict=True):
        x, _ = sampler.step(target(x, here), here, there)
        x = parts.inside(task.mask, x, kept)
    return x


def _target(task: Task, knobs: Settings, levels: Levels) -> Denoiser:
    text, null = task.model.text(task.target), task.model.text(knobs.negative)
    return parts.towards(task, text, null, knobs, levels)


def _source(task: Task, knobs: Settings, levels: Levels) -> Denoiser:
    """Return the network guided towards the source text, where and how the target's is.

    It is asked in forwards of its own, because a row's bits may depend on where in a batch it stands. The negative
    prompt is not its own: in both it would cancel where both are guided alike.
    """
    if knobs.source_guidance != SOURCE_GUIDANCE and not task.source:
        raise InkoverError("source_guidance has no effect without a source text: leave it out, or give the text")
    text = task.model.text(task.source if _moving(knobs) else "")  # it has no part in the finish
    null, where = task.model.text(""), frozenset(levels[k] for k in parts.guided_steps(knobs))
    how = guided(
        task.model, text, null, knobs.source_guidance, "source", rescale=knobs.rescale, where=where.__contains__
    )
    return told(how, task.watch.step)


def _velocity(denoiser: Denoiser, x: Tensor, level: Level) -> Tensor:
    said = denoiser(x, level)
    return said.eps - said.x0


def _finishing(knobs: Settings) -> int:
    """Return how many steps sample freely: the paper's n_min."""
    return parts.walked(parts.walked(knobs.steps, knobs.strength), knobs.finish)


def _moving(knobs: Settings) -> int:
    """Return how many steps move the photo: the paper's n_max - n_min."""
    return parts.walked(knobs.steps, knobs.strength) - _finishing(knobs)


def _guided_moves(knobs: Settings) -> int:
    """Return how many of the steps that move the photo are guided."""
    return sum(k < _moving(knobs) for k in parts.guided_steps(knobs))


def cost(knobs: Settings) -> Mapping[str, int]:
    """Return the network samples of each stage; a guided step asks one row more for each text not followed plainly."""
    nulls = 1 + (knobs.source_guidance != 1)
    moving = knobs.noises * (2 * _moving(knobs) + nulls * _guided_moves(knobs))
    finishing = _finishing(knobs) + len(parts.guided_steps(knobs)) - _guided_moves(knobs)
    return {"mask": 0, "inversion": 0, "edit": moving + finishing}


METHOD = Method(
    name="flowedit",
    summary="Walks from the photo straight to what your words say, by the difference from what it shows now.",
    paper="Kulikov et al. 2024, FlowEdit: Inversion-Free Text-Based Editing Using Pre-Trained Flow Models, "
    "arXiv:2412.08629",
    settings=Settings,
    edit=edit,
    cost=cost,
    draws=("edit",),
    reading=("source_guidance",),
)
