"""What several methods share: their common knobs and the small steps around their loops."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from inkover.attention import emphasis
from inkover.attention.control import Control
from inkover.diffusion import samplers
from inkover.diffusion.guide import Denoiser, guided, steered
from inkover.diffusion.level import Level, Levels, Prediction
from inkover.diffusion.schedule import KINDS, Spacing
from inkover.errors import InkoverError
from inkover.inversions.parts import told
from inkover.knobs import defaults, turned
from inkover.methods.contract import Task, knob
from inkover.models.contract import Model, Text

EachDenoiser = Callable[[Sequence[Tensor], Level], tuple[Prediction, ...]]
"""Latents (1, c, h, w) at a level -> what the network says there of each of several texts."""

TRACEABLE = ("ddim", "euler")
"""The samplers whose steps an ordinary tracing takes back: of first order, and without fresh noise."""

OWN = "own"
"""The spacing that a sampler brings with it."""


class Grid(Protocol):
    """The knobs that lay the levels."""

    @property
    def steps(self) -> int: ...
    @property
    def sampler(self) -> str: ...
    @property
    def spacing(self) -> str: ...


class Guidance(Protocol):
    """The knobs that say how the words are followed, and how many steps are walked."""

    @property
    def steps(self) -> int: ...
    @property
    def strength(self) -> float: ...
    @property
    def guidance(self) -> float: ...
    @property
    def negative(self) -> str: ...
    @property
    def guidance_from(self) -> float: ...
    @property
    def guidance_to(self) -> float: ...
    @property
    def rescale(self) -> float: ...


def steps_knob(default: int = 50) -> Any:
    return knob(default, "steps from pure noise to the picture; more is finer and slower", low=1, high=999)


def strength_knob(default: float) -> Any:
    text = "how far the photo is taken towards noise before the change; 0 keeps it, 1 forgets most of it"
    return knob(default, text, low=0, high=1, stage="edit")


def guidance_knob(default: float = 7.5) -> Any:
    return knob(default, "how strongly the words are followed; 1 is plain and costs half", low=1, high=50, stage="edit")


def guidance_from_knob() -> Any:
    text = "part of the walked steps after which guidance begins; the steps before it are plain and cost half"
    return knob(0.0, text, low=0, high=1, stage="edit")


def guidance_to_knob() -> Any:
    text = "part of the walked steps after which guidance ends; the steps after it are plain and cost half"
    return knob(1.0, text, low=0, high=1, stage="edit")


def rescale_knob(default: float = 0.0) -> Any:
    text = "how much of the contrast that guidance adds is taken back; 0 is none, 0.7 is usual at high guidance"
    return knob(default, text, low=0, high=1, stage="edit")


def sampler_knob(choices: tuple[str, ...]) -> Any:
    return knob("ddim", "how the steps are laid and taken", choices=choices)


def spacing_knob() -> Any:
    text = "where the steps lie; own is what the sampler brings, karras lays most of them near the picture"
    return knob(OWN, text, choices=(OWN, *KINDS))


def negative_knob() -> Any:
    return knob("", "what the picture shall not show; needs a guidance above 1", stage="edit")


class Traced(Protocol):
    """The knob that says which text the photo is traced with."""

    @property
    def inversion_prompt(self) -> str: ...


EMPTY = "empty"


def inversion_prompt_knob(default: str) -> Any:
    text = "text the photo is traced with: its own, or none"
    return knob(default, text, choices=("source", EMPTY), stage="edit")


def traced_with(source: str, knobs: Traced) -> str:
    """Return the text that a photo is traced with; a choice that is not the usual one needs a source text."""
    if not source and turned(knobs, ["inversion_prompt"]):
        raise InkoverError(
            f"inversion_prompt {knobs.inversion_prompt} has no effect without a source text: "
            "leave it out, or give the text"
        )
    return "" if knobs.inversion_prompt == EMPTY else source


def check_traceable(sampler: object) -> None:
    """Refuse a sampler that a traced photo cannot be walked back with, and say why."""
    if sampler in TRACEABLE or sampler not in samplers.names():
        return  # a name that is none is refused by the knob
    found = samplers.get(str(sampler))
    why = "draws fresh noise, which no tracing knows" if found.stochastic else "looks a step back, which tracing cannot"
    raise InkoverError(
        f"sampler {found.name!r} {why}, so it would not lead back to the photo: give {' or '.join(TRACEABLE)}, "
        "or method sdedit"
    )


def check_negative(negative: str, guidance: float) -> None:
    """Refuse a negative prompt that would change nothing, or that no model reads."""
    check_readable(negative)
    if negative and guidance == 1:
        raise InkoverError(f"negative {negative!r} has no effect at guidance 1: raise guidance or leave negative out")


def check_readable(negative: str) -> None:
    """Refuse a negative prompt that no model reads."""
    if negative and not (negative.strip() and negative.isprintable()):
        raise InkoverError(
            f"negative {negative!r} is no text that a model reads: write one line of words, or leave it out"
        )
    if negative and emphasis.parse(negative).weights:
        raise InkoverError(f"the words of negative {negative!r} cannot be weighed: leave the weights out")


NULL = "null"
"""What the rows are named that guidance leads away from."""

AROUND = {"guidance_from": 0.0, "guidance_to": 1.0, "rescale": 0.0}
"""The knobs around guidance, and where they change nothing."""


def check_guidance(knobs: Guidance) -> None:
    """Refuse knobs around guidance that would change nothing."""
    check_negative(knobs.negative, knobs.guidance)
    usual = defaults(type(knobs))
    idle = [name for name in AROUND if getattr(knobs, name) not in (AROUND[name], usual[name])]
    if knobs.guidance == 1 and idle:
        raise InkoverError(f"{idle[0]} has no effect at guidance 1: raise guidance or leave {idle[0]} out")
    if knobs.guidance != 1:
        _check_interval(knobs, walked(knobs.steps, knobs.strength))


def _check_interval(knobs: Guidance, steps: int) -> None:
    start, end, least = knobs.guidance_from, knobs.guidance_to, f"{1 / max(steps, 1):.4g}"
    if start >= end:
        raise InkoverError(f"guidance_from {start:g} is not below guidance_to {end:g}: leave a part between them")
    if steps and start and walked(steps, start) == 0:
        raise InkoverError(f"guidance_from {start:g} of {steps} walked steps is no step: give {least} or more")
    if steps and not guided_steps(knobs):
        span = f"guidance_from {start:g} and guidance_to {end:g}"
        raise InkoverError(f"{span} leave none of {steps} walked steps between them: set them {least} or more apart")


def walked(steps: int, strength: float) -> int:
    """Return how many of the steps a strength walks."""
    return math.floor(strength * steps + 1e-9)  # 0.29 * 100 is 28.999... in floating point, and means 29


def guided_steps(knobs: Guidance) -> range:
    """Return the indices of the walked steps that are guided, the noisiest being 0; at guidance 1 none is."""
    steps = walked(knobs.steps, knobs.strength)
    return range(walked(steps, knobs.guidance_from), walked(steps, knobs.guidance_to) if knobs.guidance != 1 else 0)


def guided_samples(knobs: Guidance) -> int:
    """Return the network samples of one latent's guided walk: a row a step, and one more where it is guided."""
    return walked(knobs.steps, knobs.strength) + len(guided_steps(knobs))


def towards(task: Task, text: Text, null: Text, knobs: Guidance, levels: Levels) -> Denoiser:
    """Return the network guided as the knobs say over the walked levels, telling the task's watch."""
    where = frozenset(levels[k] for k in guided_steps(knobs))
    denoiser = guided(task.model, text, null, knobs.guidance, rescale=knobs.rescale, where=where.__contains__)
    return told(denoiser, task.watch.step)


def answers(
    model: Model,
    shown: Sequence[Tensor],  # a latent (1, c, h, w) for each row
    level: Level,
    rows: Mapping[str, Text],
    control: Callable[[Sequence[str]], Control | None] = lambda rows: None,
) -> dict[str, Prediction]:
    """Ask about any number of rows, as many in a forward as it should hold; ``control`` is asked for each forward."""
    names, found = list(rows), dict[str, Prediction]()
    for start in range(0, len(names), model.batch):
        some = names[start : start + model.batch]
        x = torch.cat([*shown[start : start + model.batch]])
        said = model.predict(x, level, {name: rows[name] for name in some}, control(some))
        found |= zip(some, said.split(len(some)), strict=True)
    return found


def towards_each(task: Task, texts: Sequence[Text], null: Text, knobs: Guidance, levels: Levels) -> EachDenoiser:
    """Return the network guided as ``towards`` does, to several texts at once.

    Given one latent, they share the null row; given one each, each has its own.
    """
    guided_at = frozenset(levels[k] for k in guided_steps(knobs))
    named = {str(k): text for k, text in enumerate(texts)}

    def denoiser(x: Sequence[Tensor], level: Level) -> tuple[Prediction, ...]:
        led = knobs.guidance != 1 and level in guided_at
        nulls = {f"{NULL}{k}": null for k in range(len(x))} if led else {}
        shown = [*x] * (len(texts) // len(x))
        rows = nulls | named
        answer = (*answers(task.model, [*x, *shown] if led else shown, level, rows).values(),)
        task.watch.step()
        if not led:
            return answer
        aways, towards = answer[: len(x)], answer[len(x) :]
        both = zip([*aways] * (len(texts) // len(x)), towards, strict=True)
        return tuple(steered(away, one, level, knobs.guidance, knobs.rescale) for away, one in both)

    return denoiser


def laid(model: Model, knobs: Grid) -> Levels:
    """Return the whole grid: the sampler's own, or one of another spacing."""
    own = samplers.get(knobs.sampler).spacing
    if knobs.spacing == OWN:
        return model.levels(knobs.steps, own)
    (kind,) = (kind for kind in KINDS if kind == knobs.spacing)
    # all but leading reach the first level by themselves: ending there would evaluate a step of no length
    return model.levels(knobs.steps, Spacing(kind, own.end if kind == "leading" else "one"))


def tail(levels: Levels, strength: float) -> Levels:
    """Return the cleaner end of a grid that a strength walks; the end level alone when it walks no step."""
    steps = len(levels) - 1
    return levels[steps - walked(steps, strength) :]


def size(latent: Tensor) -> tuple[int, int]:
    """Return a latent's height and width."""
    return latent.shape[-2], latent.shape[-1]


def inside(mask: Tensor | None, edited: Tensor, kept: Tensor) -> Tensor:
    """Return the edited latent where the mask is 1 and the kept one where it is 0, to the bit."""
    return edited if mask is None else mask * edited + (1 - mask) * kept
