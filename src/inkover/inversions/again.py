"""The photo again from its track: what an edit that changes nothing would give, and what an inversion is judged by."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from inkover.diffusion.guide import Denoiser
from inkover.diffusion.level import Level, Prediction
from inkover.inversions import noise_maps, parts
from inkover.inversions.contract import Inversion, Retrace, Subject
from inkover.inversions.track import NoiseTrack, Track


def again(
    inversion: Inversion, knobs: Any, subject: Subject, track: Track | NoiseTrack, scale: float | None = None
) -> Tensor:
    """Return the photo's clean latent as its track gives it back, with the source text.

    ``scale`` is the guidance on the way; without it, the one that the inversion is meant to be exact at.
    """
    scale = inversion.use.guidance(knobs) if scale is None else scale
    if isinstance(inversion.use, Retrace) and isinstance(track, Track):
        return retraced(inversion.use, knobs, subject, track, scale)
    if not isinstance(inversion.use, Retrace) and isinstance(track, NoiseTrack):
        denoiser = parts.told(noise_maps.followed(subject, scale), subject.tell)
        return noise_maps.replayed(denoiser, track, inversion.use.sampler(knobs))
    raise TypeError(f"inversion {inversion.name} does not run to a {type(track).__name__}")


def retraced(use: Retrace, knobs: Any, subject: Subject, track: Track, scale: float) -> Tensor:
    """Walk down a trajectory with the source text guided by a scale."""
    if use.pinned:
        return track.latents[-1]
    x = track.latents[0]
    for step, (here, there) in enumerate(pairwise(track.levels)):
        said = parts.told(_source_row(use, knobs, subject, track, step, scale), subject.tell)(x, here)
        x = there.noised(said.x0, said.eps)
    return x


def _source_row(use: Retrace, knobs: Any, subject: Subject, track: Track, step: int, scale: float) -> Denoiser:
    """Return the source row's denoiser in a step: the text alone where guidance leads from it to itself."""
    model = subject.model
    source = model.text(subject.source)
    null = use.null(track, step, source, model.text(subject.negative))
    combine = use.combine(knobs)

    def denoiser(x: Tensor, level: Level) -> Prediction:
        if scale == 1 or torch.equal(null.hidden, source.hidden):
            return model.predict(x, level, {"source": source})
        away, towards = model.predict(x.repeat(2, 1, 1, 1), level, {"source/null": null, "source": source}).split(2)
        return combine(away, towards, scale)

    return denoiser
