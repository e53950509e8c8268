"""Guidance: from a network and its prompts to one function of latent and level."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from inkover.diffusion.level import Level, Prediction

Denoiser = Callable[[Tensor, Level], Prediction]
"""A guided network: latents (n, c, h, w) at a level -> what it says there."""

Text = TypeVar("Text", contravariant=True)


class Network(Protocol[Text]):
    """Whatever answers for one block of latents a named prompt."""

    def predict(self, x: Tensor, level: Level, rows: Mapping[str, Text]) -> Prediction: ...


def everywhere(level: Level) -> bool:
    """Tell that guidance is wanted at this level: at each."""
    return True


def guided(
    model: Network[Text],
    text: Text,
    null: Text,
    scale: float,
    name: str = "target",
    *,
    rescale: float = 0.0,
    where: Callable[[Level], bool] = everywhere,
) -> Denoiser:
    """Return the network guided towards a text and away from another (Ho and Salimans 2022).

    Scale 1, or a level that ``where`` leaves out (Kynkäänniemi et al. 2024), is the text alone and evaluates one row a
    latent; all else evaluates two, named ``name`` and ``name/null``, in one forward. ``rescale`` as in ``steered``.
    """

    def alone(x: Tensor, level: Level) -> Prediction:
        return model.predict(x, level, {name: text})

    def denoiser(x: Tensor, level: Level) -> Prediction:
        if not where(level):
            return alone(x, level)
        both = model.predict(torch.cat([x, x]), level, {f"{name}/null": null, name: text})
        away, towards = both.split(2)
        return steered(away, towards, level, scale, rescale)

    return alone if scale == 1 else denoiser


def steered(away: Prediction, towards: Prediction, level: Level, scale: float, rescale: float = 0.0) -> Prediction:
    """Return the prediction ``scale`` of the way from one to the other, with ``rescale`` of its contrast taken back.

    Guidance raises the standard deviation of the answer, which burns colours; a rescale of 1 gives each latent that of
    ``towards``, 0 leaves it (Lin et al. 2023, section 3.4, whose phi this is). The deviation is that of v whatever the
    network answers with: a small change of eps near pure noise is a large one of x0.
    """
    return rescaled(away.toward(towards, scale), towards, level, rescale)


def rescaled(far: Prediction, towards: Prediction, level: Level, rescale: float) -> Prediction:
    """Return a guided prediction with ``rescale`` of the contrast taken back that it has over its text's own."""
    if rescale == 0:
        return far
    v, plain = _velocity(far, level), _velocity(towards, level)
    spread = _deviation(v)
    ratio = torch.where(spread > 0, _deviation(plain) / spread.where(spread > 0, 1), 1)
    change = rescale * (ratio - 1) * v / (level.alpha**2 + level.sigma**2)
    return Prediction(far.x0 - level.sigma * change, far.eps + level.alpha * change)  # x stays where it is


def _velocity(prediction: Prediction, level: Level) -> Tensor:
    return level.alpha * prediction.eps - level.sigma * prediction.x0


def _deviation(answer: Tensor) -> Tensor:
    """Return each latent's own standard deviation, (n, 1, 1, 1)."""
    return answer.std((1, 2, 3), correction=0, keepdim=True)
