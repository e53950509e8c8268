"""Noise maps: latents of a photo under independent noises, and the noise that a sampler needs between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from inkover.diffusion.guide import Denoiser
from inkover.diffusion.level import At, Levels, Prediction
from inkover.diffusion.noise import gaussian
from inkover.diffusion.samplers import Memory, Sampler
from inkover.diffusion.trajectory import Trajectory
from inkover.inversions.contract import Subject
from inkover.inversions.track import NoiseTrack
from inkover.models.contract import Model

Network = Callable[[Tensor, At], Prediction]
"""Latents (n, c, h, w), all at one level or each at its own -> what the guided network says there."""


def mapped(subject: Subject, sampler: Sampler, scale: float, name: str) -> NoiseTrack:
    """Draw a photo's latents and solve for the noise maps with which the sampler walks through them."""
    latents = drawn(subject.photo, subject.levels, subject.seed, name)
    rows = rows_of(subject, scale)
    # a step of second order multiplies the rounding of another batch, beyond what an inversion may be off
    most = together(subject.model, rows) if sampler.order == 1 else 1
    said = list[Prediction]()
    for answers in asked(followed(subject, scale), latents[:-1], subject.levels[:-1], most):
        for answer in answers:
            said.append(answer)
            subject.tell()
    noises, residuals = solved(latents, said, subject.levels, sampler)
    return NoiseTrack(subject.levels, latents, noises, residuals, samples=rows * len(said))


def together(model: Model, rows: int) -> int:
    """Return about how many latents of so many rows a forward asks, all being known beforehand.

    A network in half precision rounds otherwise in another batch, by more than an inversion may be off: the walk down
    will ask it about one latent at a time, and so does the inversion.
    """
    return max(1, model.batch // rows) if model.exact else 1


def drawn(photo: Tensor, levels: Levels, seed: int, name: str) -> Trajectory:
    """Return the photo under noise of its own at each level (Huberman-Spiegelglas et al. 2024); the last is the photo.

    A level's noise is named by its distance from the end: a shorter walk over the same levels sees the same latents.
    """
    steps = len(levels) - 1
    return (
        *(level.noised(photo, gaussian(photo, seed, name, steps - k)) for k, level in enumerate(levels[:-1])),
        photo,
    )


def rows_of(subject: Subject, scale: float) -> int:
    """Return how many rows a latent takes: a text that guidance leads both to and away from is asked once."""
    return 1 if scale == 1 or subject.source == subject.negative else 2


def followed(subject: Subject, scale: float) -> Network:
    """Return the network guided towards the source text."""
    model = subject.model
    source, null = model.text(subject.source), model.text(subject.negative)

    def alone(x: Tensor, at: At) -> Prediction:
        return model.predict(x, at, {"source": source})

    def led(x: Tensor, at: At) -> Prediction:
        away, towards = model.predict(torch.cat([x, x]), at, {"source/null": null, "source": source}).split(2)
        return away.toward(towards, scale)

    return led if rows_of(subject, scale) == 2 else alone


def asked(network: Network, latents: Sequence[Tensor], levels: Levels, most: int) -> Iterator[tuple[Prediction, ...]]:
    """Ask about latents that are all known beforehand, ``most`` at a time; an answer each."""
    for start in range(0, len(levels), most):
        part = levels[start : start + most]
        at = part if len(part) > 1 else part[0]
        yield network(torch.cat(list(latents[start : start + most])), at).split(len(part))


def solved(
    latents: Trajectory, said: Sequence[Prediction], levels: Levels, sampler: Sampler
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Return the noises that take a stochastic sampler from each latent to the next, and what each step leaves of it.

    What is left is the rounding: with it the network is asked again about the very same latents, and answers the same.
    Where a step draws no noise, as the one to a level without any, the noise is zero and all is left.
    """
    memory: Memory | None = None
    noises, residuals = list[Tensor](), list[Tensor]()
    for (here, there), one, aim in zip(pairwise(levels), said, latents[1:], strict=True):
        still = torch.zeros_like(aim)
        mean, after = sampler.step(one, here, there, memory, still)
        spread = sampler.spread(here, there) if sampler.spread else 0.0
        noises.append((aim - mean) / spread if spread else still)
        residuals.append(aim - sampler.step(one, here, there, memory, noises[-1])[0])
        memory = after
    return tuple(noises), tuple(residuals)


def replayed(denoiser: Denoiser, track: NoiseTrack, sampler: Sampler) -> Tensor:
    """Walk down again with the noise maps; with the text and the scale they were solved for, that gives the photo."""
    x, memory = track.latents[0], None
    for (here, there), noise, residual in zip(pairwise(track.levels), track.noises, track.residuals, strict=True):
        x, memory = sampler.step(denoiser(x, here), here, there, memory, noise)
        x = x + residual
    return x
