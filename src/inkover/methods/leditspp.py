"""LEDITS++: any number of concepts at once, each where the network itself says that it belongs (Brack et al. 2024)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d

from inkover import inversions
from inkover.attention import words
from inkover.attention.blend import Looks, looking
from inkover.attention.control import Control
from inkover.attention.maps import Maps, Seen, of_words
from inkover.diffusion.level import Prediction
from inkover.diffusion.samplers import Sampler
from inkover.errors import InkoverError
from inkover.inversions.contract import Inversion, Replay
from inkover.masks.implicit import enlarged, smoothed, top
from inkover.methods import parts, tracks
from inkover.methods.contract import Concept, Method, Task, knob
from inkover.methods.settings import check
from inkover.models.contract import Text

SOURCE_GUIDANCE = 3.5
ORDERS = ("sde-dpmpp", "ddpm")
"""The inversions to walk, by the order of their steps: second, as published, and first."""
MASKS = ("both", "words", "noise", "none")


@dataclass(frozen=True, slots=True)
class Settings:
    """The knobs of LEDITS++; each concept may have its own guidance, threshold, warmup and cooldown."""

    steps: int = parts.steps_knob(35)
    strength: float = parts.strength_knob(0.86)
    guidance: float = knob(5.0, "how strongly a concept is followed; 0 leaves it out", low=0, high=100, stage="edit")
    sampler: str = parts.sampler_knob(parts.TRACEABLE)
    negative: str = parts.negative_knob()
    source_guidance: float = knob(
        SOURCE_GUIDANCE, "how strongly the words for the photo are followed in tracing", low=1, high=50
    )
    threshold: float = knob(0.9, "part of the picture that a mask leaves out; 0 is none of it", low=0, high=0.999)
    warmup: int = knob(0, "steps at the beginning that leave a concept out", low=0, high=999)
    cooldown: int = knob(999, "step from which on a concept is left out again", low=1, high=999)
    masks: str = knob(
        "both", "a concept acts where its words are looked at, where it moves the noise, or where both", choices=MASKS
    )
    inversion: str = tracks.inversion_knob(ORDERS)
    spacing: str = parts.spacing_knob()

    def __post_init__(self) -> None:
        parts.check_traceable(self.sampler)
        check(self)
        parts.check_readable(self.negative)
        if self.masks == "none" and self.threshold != 0.9:
            raise InkoverError("threshold has no effect at masks none: leave it out, or give masks=both")
        if self.cooldown <= self.warmup:
            raise InkoverError(f"cooldown {self.cooldown} is not above warmup {self.warmup}: leave steps between them")


def edit(task: Task, knobs: Settings) -> Tensor:
    """Return the clean latent of the changed photo; without a concept that acts it is the photo's again."""
    inversion, own, sampler = _traced(knobs)
    levels = parts.tail(parts.laid(task.model, knobs), knobs.strength)
    if not (task.source or knobs.negative) and knobs.source_guidance != SOURCE_GUIDANCE:
        raise InkoverError("source_guidance has no effect without a text for the photo: leave it out, or give --from")
    concepts = _concepts(task)
    texts = [task.model.text(concept.text) for concept in concepts]
    listened = [_own_tokens(text) for text in texts]
    base = _base(task, knobs)
    track = tracks.maps(task, inversion, own, levels, *_followed(task, knobs))
    x, memory = track.latents[0], None
    with task.watch.stage("edit", len(levels) - 1):
        for step, (noise, residual) in enumerate(zip(track.noises, track.residuals, strict=True)):
            acting = [k for k, concept in enumerate(concepts) if acts(concept, knobs, step)]
            rows, seen = base | {str(k): texts[k] for k in acting}, list[Seen]()
            listening = partial(_listening, seen, [str(k) for k in acting], knobs)
            said = parts.answers(task.model, [x] * len(rows), levels[step], rows, listening)
            looks = _looks(seen)
            away = said.get("source/null", said["source"])
            guided = away.toward(said["source"], knobs.source_guidance) if "source/null" in said else away
            for k in acting:
                push = pushed(concepts[k], knobs, away, said[str(k)])
                looked = of_words(looks[str(k)], listened[k]) if looks else None
                mask = implicit(concepts[k], knobs, push.eps, looked)
                guided = added(guided, push, mask)
                task.watch.acted(k, mask)
            x, memory = sampler.step(guided, levels[step], levels[step + 1], memory, noise)
            x = parts.inside(task.mask, x + residual, track.latents[step + 1])
            task.watch.step()
    return x


def _traced(knobs: Settings) -> tuple[Inversion, Any, Sampler]:
    """Return the inversion, its own knobs, and the step that its noise maps are for."""
    inversion = inversions.get(knobs.inversion)
    own = inversion.settings(source_guidance=knobs.source_guidance)
    assert isinstance(inversion.use, Replay)
    return inversion, own, inversion.use.sampler(own)


def _concepts(task: Task) -> tuple[Concept, ...]:
    """Return what comes and goes; a target text alone is one concept that comes."""
    return task.concepts or (Concept(task.target),)


def acts(concept: Concept, knobs: Settings, step: int) -> bool:
    """Tell whether a concept has a part in a step: only then is it evaluated."""
    shown = concept.mask is None or bool(concept.mask.any())
    within = value_of(concept, knobs, "warmup") <= step < value_of(concept, knobs, "cooldown")
    return shown and within and value_of(concept, knobs, "guidance") != 0


def value_of(concept: Concept, knobs: Settings, name: str) -> float:
    """Return a concept's own value of a knob, or that of all."""
    value: float = concept.knobs.get(name, getattr(knobs, name))
    return value


def pushed(concept: Concept, knobs: Settings, away: Prediction, towards: Prediction) -> Prediction:
    """Return where a concept would lead the prediction, everywhere."""
    scale = value_of(concept, knobs, "guidance") * (-1 if concept.away else 1)
    return Prediction(scale * (towards.x0 - away.x0), scale * (towards.eps - away.eps))


def added(guided: Prediction, push: Prediction, mask: Tensor) -> Prediction:
    """Return a prediction led by a concept inside its mask, and as it was, to the bit, outside."""
    return Prediction(
        torch.where(mask > 0, guided.x0 + mask * push.x0, guided.x0),
        torch.where(mask > 0, guided.eps + mask * push.eps, guided.eps),
    )


def implicit(concept: Concept, knobs: Settings, push: Tensor, looked: Tensor | None) -> Tensor:  # (1, 1, h, w)
    """Return where a concept acts: where its words are looked at and where it moves the noise, inside its own mask.

    Both quantiles are taken inside that mask (the published code takes them of all, so that a small one is selected
    whole), and of this step's maps alone.
    """
    size, left_out = parts.size(push), value_of(concept, knobs, "threshold")
    mask = torch.ones_like(push[:, :1])
    if looked is not None:
        within = None if concept.mask is None else adaptive_max_pool2d(concept.mask, parts.size(looked))
        mask = mask * enlarged(top(smoothed(looked), left_out, within), size).to(mask)
    if knobs.masks in ("both", "noise"):
        mask = mask * top(push.abs().sum(1, keepdim=True), left_out, concept.mask)
    return mask if concept.mask is None else mask * concept.mask


def _followed(task: Task, knobs: Settings) -> tuple[str, str]:
    """Return what the photo is traced with, and what guidance leads away from: without words for it, one and the same.

    The walk down must follow the same, or the photo is lost.
    """
    return task.source or knobs.negative, knobs.negative


def _base(task: Task, knobs: Settings) -> dict[str, Text]:
    source, negative = _followed(task, knobs)
    if task.source and negative and knobs.source_guidance == 1:
        raise InkoverError("negative has no effect at source_guidance 1: raise it, or leave negative out")
    if source == negative or knobs.source_guidance == 1:
        return {"source": task.model.text(source)}
    return {"source/null": task.model.text(negative), "source": task.model.text(source)}


def _listening(seen: list[Seen], acting: Sequence[str], knobs: Settings, rows: Sequence[str]) -> Control | None:
    """Return what notes where the concepts among a forward's rows look."""
    here = [name for name in rows if name in acting]
    return looking(seen, here) if here and knobs.masks in ("both", "words") else None


def _looks(seen: Sequence[Seen]) -> Maps:
    """Return where each concept looked in one step, of one forward or of several."""
    forwards = dict.fromkeys(tuple(one.maps) for one in seen)
    looks = [Looks().added([one for one in seen if tuple(one.maps) == rows]).maps for rows in forwards]
    return {name: found for one in looks for name, found in one.items()}


def _own_tokens(text: Text) -> tuple[int, ...]:
    """Return a concept's own tokens: those that stand for its characters, without beginning, end and padding."""
    return words.at(text.tokens, (0, len(text.tokens.prompt)))


def cost(knobs: Settings) -> Mapping[str, int]:
    """Return the network samples of each stage for one concept, with words for the photo: each other is T more.

    Without words for the photo, or with the negative's, both walks take T less.
    """
    steps = parts.walked(knobs.steps, knobs.strength)
    acting = sum(acts(Concept("a"), knobs, step) for step in range(steps))
    inversion, own, _ = _traced(knobs)
    samples = inversion.cost(own, steps).samples
    return {"mask": 0, "inversion": samples, "edit": samples + acting}


METHOD = Method(
    name="ledits++",
    summary="Lets any number of things come and go at once, each where the network itself says that it belongs.",
    paper="Brack et al. 2024, LEDITS++: Limitless Image Editing using Text-to-Image Models, arXiv:2311.16711",
    settings=Settings,
    edit=edit,
    cost=cost,
    draws=("inversion",),
    steers=lambda knobs: knobs.masks in ("both", "words"),
    several=("guidance", "threshold", "warmup", "cooldown"),
)
