"""Where two prompts disagree about a photo: DiffEdit's map (Couairon et al. 2023, step 1) and its threshold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from inkover.diffusion.guide import Network
from inkover.diffusion.level import Level

Text = TypeVar("Text")
Contra = TypeVar("Contra", contravariant=True)

Threshold = Callable[[Tensor], Tensor]
"""A rule from a map (n, 1, h, w) in [0, 1] to a hard mask of its shape: 1 = edit."""

ROUNDING = 1e-4
"""Below this part of the prediction a difference is the network's rounding, not a disagreement."""


class Batched(Network[Contra], Protocol[Contra]):
    """A network that says how many rows a forward should hold at most."""

    @property
    def batch(self) -> int: ...


def differences(
    model: Batched[Text],
    photo: Tensor,  # clean latent (1, c, h, w)
    level: Level,
    source: Text,
    target: Text,
    noises: Sequence[Tensor],  # each like photo
) -> Iterator[Tensor]:  # one map (1, 1, h, w) a noise, not negative
    """Yield how far two prompts' predictions are apart, noise by noise: the mean over channels of the absolute.

    No null rows: guidance would scale the map as a whole, and the map's scale is divided out. A difference within the
    network's rounding is none, so equal prompts yield zeros.
    """
    block = max(1, model.batch // 2)
    for start in range(0, len(noises), block):
        x = torch.cat([level.noised(photo, noise) for noise in noises[start : start + block]])
        before, after = _both(model, x, level, source, target)
        apart = (after - before).abs().mean(1, keepdim=True)
        scale = before.abs().mean((1, 2, 3), keepdim=True)
        heard = apart.mean((1, 2, 3), keepdim=True) > ROUNDING * scale
        yield from torch.where(heard, apart, torch.zeros_like(apart)).chunk(len(x))


def _both(model: Batched[Text], x: Tensor, level: Level, source: Text, target: Text) -> tuple[Tensor, Tensor]:
    """Return the noise predictions for both prompts, in one forward unless the model takes one row at a time."""
    if model.batch < 2:
        alone = (model.predict(x, level, {name: text}).eps for name, text in (("source", source), ("target", target)))
        return next(alone), next(alone)
    answer = model.predict(torch.cat([x, x]), level, {"source": source, "target": target})
    before, after = answer.split(2)
    return before.eps, after.eps


def rescaled(
    difference: Tensor,  # (n, 1, h, w), not negative
    part: float,  # in (0, 1]
) -> Tensor:  # (n, 1, h, w) in [0, 1]
    """Cut each image's extremes, all above its own quantile ``part``, and divide by that; a map of zeros stays zero.

    Scale-free: a value k means k times what the quantile is. At 1 nothing is cut.
    """
    values = difference.flatten(1).to(torch.promote_types(difference.dtype, torch.float32))
    top = torch.quantile(values, part, dim=1).to(difference.dtype).view(-1, 1, 1, 1)
    return torch.where(top > 0, torch.minimum(difference, top) / top.where(top > 0, 1), 0)


def fixed(at: float) -> Threshold:
    """Return the rule of the paper: 1 where the map is at least ``at``, which is above 0."""
    return lambda difference: (difference >= at).to(difference.dtype)


def filled(mask: Tensor) -> Tensor:  # (n, 1, h, w), values 0 and 1
    """Return hard masks without holes: what a mask surrounds belongs to it."""
    import cv2

    whole = mask.clone()
    for one in whole[:, 0]:  # views
        open_ = np.pad((one == 0).cpu().numpy().astype(np.uint8), 1, constant_values=1)  # the outside is one piece
        count, pieces = cv2.connectedComponents(open_, connectivity=4)
        if count > 2:
            one[torch.from_numpy((open_ == 1) & (pieces != pieces[0, 0]))[1:-1, 1:-1].to(one.device)] = 1
    return whole
