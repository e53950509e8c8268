"""Trajectories: the photo's latent at every level of a grid."""

from __future__ import annotations

from torch import Tensor

from inkover.diffusion.guide import Denoiser
from inkover.diffusion.level import Level, Levels
from inkover.errors import InkoverError

Trajectory = tuple[Tensor, ...]
"""One latent a level, index aligned with the levels: the noisiest first, the photo itself last."""


def trace(denoiser: Denoiser, photo: Tensor, levels: Levels, rounds: int = 1) -> Trajectory:
    """Trace a photo's clean latent up to the noisiest level: DDIM inversion (Song et al. 2021).

    The network is asked at the level it arrives at. One round asks it at the latent it comes from, as Prompt-to-Prompt
    and DiffEdit do; each further round asks again at the latent found so far, a fixed point that makes the trace an
    exact inverse of sampling. It costs ``rounds`` evaluations a step.
    """
    if rounds < 1:
        raise InkoverError(f"{rounds} rounds of inversion: give 1 or more")
    latents = [photo]
    for there, here in zip(levels[-2::-1], levels[:0:-1], strict=True):
        latents.append(_risen(denoiser, latents[-1], here, there, rounds))
    return tuple(reversed(latents))


def noised(photo: Tensor, noise: Tensor, levels: Levels) -> Trajectory:
    """Lay a photo's clean latent under one and the same noise at every level; the last is the photo itself."""
    return (*(level.noised(photo, noise) for level in levels[:-1]), photo)


def _risen(denoiser: Denoiser, x: Tensor, here: Level, there: Level, rounds: int) -> Tensor:
    """Return the latent at the noisier level there that a step down would bring to x."""
    y = x
    for _ in range(rounds):
        said = denoiser(y, there)
        if there.alpha:
            y = there.noised(here.from_eps(x, said.eps).x0, said.eps)
        else:  # where no signal is left the noise is the latent itself, and only both ends together say where to
            y = y + (x - here.noised(said.x0, said.eps))
    return y
