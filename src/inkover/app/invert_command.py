"""``inkover invert``: a photo traced into the model and back."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inkover import inversions
from inkover import photo as photos
from inkover.app import config, loading, progress, tracing
from inkover.app.meter import Meter
from inkover.app.request import Engine, Manner
from inkover.app.tracing import Traced
from inkover.knobs import parse


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


def run(ask: Ask, engine: Engine, manner: Manner) -> None:
    """Do the whole command."""
    defaults = config.defaults()
    settings = parse(f"inversion {ask.inversion!r}", inversions.get(ask.inversion).settings, ask.knobs)
    way = tracing.way(ask.source, ask.inversion, ask.steps, ask.strength, ask.guidance, ask.seed, settings)
    photo = photos.read(ask.photo, ask.max_pixels)
    with progress.shown(manner.quiet) as show:
        editor = loading.editor(engine, defaults, None, show)
        loading.say_small_world(editor, manner)
        start = time.perf_counter()
        found = editor.trace(way, photo, Meter(show))
        spent = time.perf_counter() - start
    for warning in found.warnings:
        manner.warn(warning)
    if manner.json:
        print(json.dumps(_row(found)))
    else:
        _say(found, ask.photo, spent)


def _say(found: Traced, photo: Path, spent: float) -> None:
    """Print two lines."""
    walk = found.way.walk
    traced = "remembered" if found.cached else f"{found.samples['inversion']} network samples"
    print(f"{photo}  {found.way.inversion.name}, {walk.steps} steps  ({traced}, {spent:.1f} s)")
    print(
        f"comes back at {found.psnr:.2f} dB (the autoencoder alone {found.psnr_autoencoder:.2f} dB), "
        f"its latent within {found.latent_max_error:.2g}, at guidance {walk.guidance:g}"
    )


def _row(found: Traced) -> dict[str, Any]:
    walk = found.way.walk
    return {
        "inversion": found.way.inversion.name,
        "guidance": walk.guidance,
        "settings": {**asdict(found.way.settings), "steps": walk.steps, "strength": walk.strength},
        "latent_max_error": found.latent_max_error,
        "psnr": None if math.isinf(found.psnr) else found.psnr,
        "psnr_autoencoder": None if math.isinf(found.psnr_autoencoder) else found.psnr_autoencoder,
        "samples": dict(found.samples),
        "calls": dict(found.calls),
        "seconds": {name: round(value, 4) for name, value in found.seconds.items()},
        "cached": found.cached,
    }
