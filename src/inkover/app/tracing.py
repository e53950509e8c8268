"""A photo traced into the model and back: how truly it comes again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from inkover import inversions
from inkover.app import flow, inputs
from inkover.app.flow import View
from inkover.app.meter import Counted
from inkover.attention import emphasis
from inkover.errors import InkoverError
from inkover.inversions.again import again
from inkover.inversions.contract import Inversion, Replay, Retrace, Subject
from inkover.knobs import check, knobs, named
from inkover.methods import parts, tracks
from inkover.methods.contract import TRACK, Task, Tensors, Tracks
from inkover.photo import Photo


@dataclass(frozen=True, slots=True)
class Walk:
    """How far a photo is walked, and how it comes back."""

    steps: int = parts.steps_knob()
    strength: float = parts.strength_knob(1.0)
    guidance: float = parts.guidance_knob(1.0)

    def __post_init__(self) -> None:
        check(self)
        if parts.walked(self.steps, self.strength) == 0:
            least = f"{1 / self.steps:g}"
            raise InkoverError(f"strength {self.strength:g} of {self.steps} steps is no step: give {least} or more")


@dataclass(frozen=True, slots=True)
class Way:
    """A photo's way there and back, checked: everything but the photo and the model."""

    inversion: Inversion
    settings: Any  # an instance of inversion.settings
    walk: Walk
    source: str
    seed: int


@dataclass(frozen=True, slots=True)
class Traced:
    """What a photo's way there and back came to."""

    way: Way
    latent_max_error: float
    psnr: float  # of the photo that comes back, dB; infinite where it is the same to the bit
    psnr_autoencoder: float  # of the photo that was only encoded and decoded, dB
    cached: bool  # the tracing was remembered
    samples: Mapping[str, int]  # network samples by stage
    calls: Mapping[str, int]  # network calls by stage
    seconds: Mapping[str, float]
    warnings: tuple[str, ...] = ()


def way(
    source: str,
    inversion: str,
    steps: int,
    strength: float,
    guidance: float | None,  # None: the scale that the inversion is meant for
    seed: int,
    settings: Mapping[str, Any],
) -> Way:
    """Check all that needs neither the photo nor the model."""
    chosen = inversions.get(inversion)
    owner = f"inversion {chosen.name!r}"
    given = {named(owner, chosen.settings, name).name: value for name, value in settings.items()}
    if guidance is not None:
        _check_guidance(chosen, given)
        if _is_knob("guidance", chosen):
            given["guidance"] = guidance
    idle = sorted({"quantile", "threshold"} & given.keys())
    if idle:
        raise InkoverError(f"{idle[0]} shapes the edit and not the tracing: leave it out, and give it to inkover edit")
    seed, text = inputs.seed(seed), inputs.text("source", source)
    if seed and not isinstance(chosen.use, Replay):
        raise InkoverError(f"{owner} draws no noise: leave --seed out")
    read = emphasis.parse(text)
    if read.weights:
        raise InkoverError(f"the words of {text!r} cannot be weighed: leave the weights out")
    own = chosen.settings(**given)
    walk = Walk(steps, strength, chosen.use.guidance(own) if guidance is None else guidance)
    return Way(chosen, own, walk, read.text, seed)


def _is_knob(name: str, inversion: Inversion) -> bool:
    return any(knob.name == name for knob in knobs(inversion.settings))


def _check_guidance(inversion: Inversion, given: Mapping[str, Any]) -> None:
    """Refuse a guidance that has no effect, or that is given twice."""
    if "guidance" in given:
        raise InkoverError("--guidance and --set guidance are both given: leave one out")
    if isinstance(inversion.use, Retrace) and (inversion.use.pinned or inversion.use.selfless):
        raise InkoverError(f"inversion {inversion.name!r} comes back the same at any guidance: leave --guidance out")


@torch.no_grad()
def there_and_back(model: Counted, photo: Photo, view: View, way: Way, memory: Tracks) -> Traced:
    """Trace what a view shows of a photo and walk back, and compare."""
    meter, noticing = model.meter, _Noticing(memory)
    levels = parts.tail(model.levels(way.walk.steps), way.walk.strength)
    task = Task(model, view.latent, way.source, "", way.seed, meter, tracks=noticing)
    track = tracks.inverted(task, way.inversion, way.settings, levels, way.source)
    with meter.stage("edit", len(levels) - 1):
        subject = Subject(model, view.latent, way.source, levels, way.seed, "", meter.step)
        back = again(way.inversion, way.settings, subject, track, way.walk.guidance)
    seen = view.canvas.view(photo)
    return Traced(
        way,
        float((back - view.latent).abs().max()),
        _psnr(flow.pixels(model, back), seen),
        _psnr(flow.pixels(model, view.latent), seen),
        noticing.hit,
        dict(meter.samples),
        dict(meter.calls),
        dict(meter.seconds),
    )


def _psnr(one: Any, other: Any) -> float:
    error = float(np.square(np.asarray(one, np.float64) - other).mean())
    return math.inf if error == 0 else -10 * math.log10(error)


@dataclass(slots=True)
class _Noticing:
    """Tells whether a track was remembered."""

    memory: Tracks
    hit: bool = field(default=False, init=False)

    def recall(self, inversion: Inversion, knobs: Any, subject: Subject, part: str = TRACK) -> Tensors | None:
        found = self.memory.recall(inversion, knobs, subject, part)
        self.hit = found is not None
        return found

    def keep(self, inversion: Inversion, knobs: Any, subject: Subject, found: Tensors, part: str = TRACK) -> None:
        self.memory.keep(inversion, knobs, subject, found, part)
