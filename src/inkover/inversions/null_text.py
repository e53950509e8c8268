"""Null-text inversion: bend the null text until guided sampling follows the photo's trajectory (Mokady et al. 2023)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from inkover.diffusion.level import Level
from inkover.errors import InkoverError
from inkover.inversions import parts
from inkover.inversions.adam import adam, fresh
from inkover.inversions.contract import Cost, Inversion, Retrace, Subject
from inkover.inversions.track import Track
from inkover.knobs import check, knob
from inkover.models.contract import Text

Landing = Callable[[Tensor], Tensor]
"""Hidden states of the null text -> the latent that the guided step leads to."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The knobs of null-text inversion."""

    guidance: float = knob(7.5, "how strongly the edit will follow its words; the two must be the same", low=1, high=50)
    iterations: int = knob(10, "how often each step is improved at most; more is truer and slower", low=1, high=100)
    tolerance: float = knob(1e-5, "how near the path is near enough, at the first step", low=0, high=1)

    def __post_init__(self) -> None:
        check(self)
        if self.guidance == 1:
            raise InkoverError("null-text has nothing to mend at guidance 1: raise guidance, or take inversion ddim")


def run(subject: Subject, knobs: Settings) -> Track:
    """Return the trajectory, and for each step the null text with which guidance stays on it.

    Each step starts where the step before led, and from its null text. The network's weights get no gradient.
    """
    with torch.inference_mode(False):  # whose tensors no gradient goes through
        return _mended(replace(subject, photo=subject.photo.clone()), knobs)


def _mended(subject: Subject, knobs: Settings) -> Track:
    track, steps = parts.traced(subject), len(subject.levels) - 1
    x, hidden, samples = track.latents[0], subject.model.text(subject.negative).hidden.clone(), track.samples
    nulls: list[Tensor] = []
    for step, (here, there) in enumerate(pairwise(subject.levels)):
        done = step / steps  # of the published 50 steps: the rate is 0.01 (1 - step / 100), the tolerance grows by 2e-5
        found = settled(
            landing(subject, knobs.guidance, x, here, there),
            hidden,
            track.latents[step + 1],
            iterations=knobs.iterations,
            rate=1e-2 * (1 - done / 2),
            enough=knobs.tolerance + 1e-3 * done,
        )
        x, hidden, samples = found.latent, found.hidden, samples + 1 + found.samples
        nulls.append(hidden)
        subject.tell()
    return replace(track, nulls=tuple(nulls), samples=samples)


def landing(subject: Subject, scale: float, x: Tensor, here: Level, there: Level) -> Landing:
    """Return where a guided step from x leads, by the null text's hidden states. The source row is asked once."""
    model, null = subject.model, subject.model.text(subject.negative)
    with torch.no_grad():
        towards = model.predict(x, here, {"source": model.text(subject.source)})

    def landed(hidden: Tensor) -> Tensor:
        away = model.predict(x, here, {"source/null": replace(null, hidden=hidden)})
        guided = away.toward(towards, scale)
        return there.noised(guided.x0, guided.eps)

    return landed


@dataclass(frozen=True, slots=True)
class Settled:
    """The best hidden states that were tried, where they lead, their mean squared error, and what all took."""

    hidden: Tensor
    latent: Tensor
    loss: float
    samples: int


def settled(landed: Landing, start: Tensor, pivot: Tensor, *, iterations: int, rate: float, enough: float) -> Settled:
    """Improve hidden states until they lead near enough to the pivot; each that is asked about is asked once.

    The published code updates before it looks whether that is needed, asks again where the last update leads, and takes
    it even when it is worse than one before.
    """
    hidden, moments, best = start.detach(), fresh(start), None
    for done in range(iterations + 1):
        hidden = hidden.detach().requires_grad_(done < iterations)
        with torch.set_grad_enabled(done < iterations):
            latent = landed(hidden)
            loss = functional.mse_loss(latent, pivot)
        off = float(loss.detach())
        if best is None or off < best.loss:
            best = Settled(hidden.detach(), latent.detach(), off, 0)
        if done == iterations or off < enough:
            return replace(best, samples=done + 1)
        (gradient,) = torch.autograd.grad(loss, hidden)
        hidden, moments = adam(hidden.detach(), gradient, moments, rate)
    raise AssertionError("the last iteration returns")


def null(track: Track, step: int, source: Text, null: Text) -> Text:
    """Return the null text that was found for the step."""
    return replace(null, hidden=track.nulls[step])


def guidance(knobs: Settings) -> float:
    """Return the scale that the null texts were found for."""
    return knobs.guidance


def cost(knobs: Settings, steps: int) -> Cost:
    """Return the most it can take: the trajectory, and for each step its words once and every null text tried."""
    return Cost(samples=steps * (1 + 1 + knobs.iterations + 1), steps=2 * steps)


INVERSION = Inversion(
    name="null-text",
    summary="Bends the empty text, step by step, until guided steps return to the photo: true, and by far the slowest.",
    paper="Mokady et al. 2023, Null-text Inversion for Editing Real Images, arXiv:2211.09794",
    settings=Settings,
    run=run,
    cost=cost,
    use=Retrace(guidance=guidance, null=null),
)
