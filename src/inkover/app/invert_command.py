"""``inkover invert``: a photo traced into the model and back."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inkover import inversions
from inkover import photo as photos
from inkover.app import config, flow, loading, progress
from inkover.app.cache import Cache
from inkover.app.editor import Editor
from inkover.app.meter import Counted, Meter
from inkover.app.remembered import Remembered
from inkover.app.request import Engine, Manner
from inkover.attention import emphasis
from inkover.errors import InkoverError
from inkover.inversions.again import again
from inkover.inversions.contract import Inversion, Replay, Retrace, Subject
from inkover.knobs import knobs as shown
from inkover.knobs import parse
from inkover.methods import parts, tracks
from inkover.methods.contract import STAGES, TRACK, Task, Tensors, Tracks


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be done."""

    photo: Path
    source: str
    inversion: str
    steps: int
    strength: float
    guidance: float | None  # None: the scale that the inversion is meant for
    knobs: tuple[str, ...]  # NAME=VALUE
    seed: int
    max_pixels: int


@dataclass(frozen=True, slots=True)
class Round:
    """What a photo's way there and back came to."""

    inversion: Inversion
    knobs: Any
    guidance: float
    latent_max_error: float
    psnr: float  # of the photo that comes back, dB
    psnr_autoencoder: float  # of the photo that was only encoded and decoded, dB
    cached: bool


@dataclass(slots=True)
class Noticing:
    """Tells whether a track was remembered."""

    memory: Tracks
    hit: bool = field(default=False, init=False)

    def recall(self, inversion: Inversion, knobs: Any, subject: Subject, part: str = TRACK) -> Tensors | None:
        """Recall, and notice it."""
        found = self.memory.recall(inversion, knobs, subject, part)
        self.hit = found is not None
        return found

    def keep(self, inversion: Inversion, knobs: Any, subject: Subject, found: Tensors, part: str = TRACK) -> None:
        """Keep as asked."""
        self.memory.keep(inversion, knobs, subject, found, part)


def run(ask: Ask, engine: Engine, manner: Manner) -> None:
    """Do the whole command."""
    defaults = config.defaults()
    inversion, knobs = checked(ask)
    photo = photos.read(ask.photo, ask.max_pixels)
    with progress.shown(manner.quiet) as show:
        meter = Meter(show)
        editor = loading.editor(engine, defaults, None, show)
        loading.say_small_world(editor, manner)
        meter.seconds["load"] += editor.load_seconds
        start = time.perf_counter()
        found = there_and_back(editor, meter, photo, ask, inversion, knobs, manner)
        spent = time.perf_counter() - start
    _say(found, ask, meter, spent, manner)


def checked(ask: Ask) -> tuple[Inversion, Any]:
    """Check all that needs no model, and return the inversion with its knobs."""
    inversion = inversions.get(ask.inversion)
    use = inversion.use
    given = parse(f"inversion {inversion.name!r}", inversion.settings, ask.knobs)
    if ask.guidance is not None and "guidance" in {knob.name for knob in shown(inversion.settings)}:
        if "guidance" in given:
            raise InkoverError("--guidance and --set guidance are both given: leave one out")
        given["guidance"] = ask.guidance
    elif ask.guidance is not None and isinstance(use, Retrace) and (use.pinned or use.selfless):
        raise InkoverError(f"inversion {inversion.name!r} comes back the same at any guidance: leave --guidance out")
    idle = sorted({"quantile", "threshold"} & given.keys())
    if idle:
        raise InkoverError(f"{idle[0]} shapes the edit and not the tracing: leave it out, and give it to inkover edit")
    if ask.seed and not isinstance(use, Replay):
        raise InkoverError(f"inversion {inversion.name!r} draws no noise: leave --seed out")
    if emphasis.parse(ask.source).weights:
        raise InkoverError(f"the words of {ask.source!r} cannot be weighed: leave the weights out")
    if not 1 <= ask.steps <= 999:
        raise InkoverError(f"steps {ask.steps} is out of range: give a whole number from 1 up to 999")
    if not (math.isfinite(ask.strength) and 0 < ask.strength <= 1):
        raise InkoverError(f"strength {ask.strength} is out of range: give a number above 0, up to 1")
    if parts.walked(ask.steps, ask.strength) == 0:
        raise InkoverError(f"strength {ask.strength:g} of {ask.steps} steps is no step: give {1 / ask.steps:g} or more")
    if ask.guidance is not None and not (math.isfinite(ask.guidance) and 1 <= ask.guidance <= 50):
        raise InkoverError(f"guidance {ask.guidance} is out of range: give a number from 1 up to 50")
    if not ask.source.strip().isprintable():
        raise InkoverError(f"{ask.source!r} holds characters that no model reads: write it as one line of plain text")
    if ask.seed < 0:
        raise InkoverError(f"the seed is {ask.seed}, expected a whole number from 0 on")
    return inversion, inversion.settings(**given)


@torch.no_grad()
def there_and_back(
    editor: Editor, meter: Meter, photo: photos.Photo, ask: Ask, inversion: Inversion, knobs: Any, manner: Manner
) -> Round:
    """Trace the photo and walk back, and compare."""
    model = Counted(editor.model, meter)
    view = flow.whole(model, photo)
    memory = Noticing(
        Remembered(Cache(warn=manner.warn), view.canvas, editor.weights.dtype) if editor.remember else flow.FORGETFUL
    )
    levels = parts.tail(model.levels(ask.steps), ask.strength)
    task = Task(model, view.latent, emphasis.parse(ask.source.strip()).text, "", ask.seed, meter, tracks=memory)
    track = tracks.inverted(task, inversion, knobs, levels, task.source)
    scale = inversion.use.guidance(knobs) if ask.guidance is None else ask.guidance
    with meter.stage("edit", len(levels) - 1):
        subject = Subject(model, view.latent, task.source, levels, ask.seed, "", meter.step)
        back = again(inversion, knobs, subject, track, scale)
    seen = view.canvas.view(photo)
    return Round(
        inversion,
        knobs,
        scale,
        float((back - view.latent).abs().max()),
        _psnr(flow.pixels(model, back), seen),
        _psnr(flow.pixels(model, view.latent), seen),
        memory.hit,
    )


def _psnr(one: Any, other: Any) -> float:
    error = float(np.square(np.asarray(one, np.float64) - other).mean())
    return math.inf if error == 0 else -10 * math.log10(error)


def _say(found: Round, ask: Ask, meter: Meter, spent: float, manner: Manner) -> None:
    """Print one JSON object, or two lines."""
    if manner.json:
        print(json.dumps(_row(found, ask, meter)))
        return
    traced = "remembered" if found.cached else f"{meter.samples['inversion']} network samples"
    print(f"{ask.photo}  {found.inversion.name}, {ask.steps} steps  ({traced}, {spent:.1f} s)")
    print(
        f"comes back at {found.psnr:.2f} dB (the autoencoder alone {found.psnr_autoencoder:.2f} dB), "
        f"its latent within {found.latent_max_error:.2g}, at guidance {found.guidance:g}"
    )


def _row(found: Round, ask: Ask, meter: Meter) -> dict[str, Any]:
    from dataclasses import asdict

    settings = {**asdict(found.knobs), "steps": ask.steps, "strength": ask.strength}
    return {
        "inversion": found.inversion.name,
        "guidance": found.guidance,
        "settings": settings,
        "latent_max_error": found.latent_max_error,
        "psnr": None if math.isinf(found.psnr) else found.psnr,
        "psnr_autoencoder": None if math.isinf(found.psnr_autoencoder) else found.psnr_autoencoder,
        "samples": {stage: meter.samples[stage] for stage in STAGES},
        "calls": {stage: meter.calls[stage] for stage in STAGES},
        "seconds": {name: round(value, 4) for name, value in meter.seconds.items()},
        "cached": found.cached,
    }
