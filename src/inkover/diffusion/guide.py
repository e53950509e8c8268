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


def guided(model: Network[Text], text: Text, null: Text, scale: float, name: str = "target") -> Denoiser:
    """Return the network guided towards a text and away from another (Ho and Salimans 2022).

    Scale 1 is the text alone and evaluates one row a latent; any other evaluates two, named ``name`` and
    ``name/null``, in one forward.
    """
    if scale == 1:
        return lambda x, level: model.predict(x, level, {name: text})

    def denoiser(x: Tensor, level: Level) -> Prediction:
        both = model.predict(torch.cat([x, x]), level, {f"{name}/null": null, name: text})
        away, towards = both.split(2)
        return away.toward(towards, scale)

    return denoiser
