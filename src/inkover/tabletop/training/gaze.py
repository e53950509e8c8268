"""Where the words of an object ought to be looked at: in its own pixels, which the renderer knows.

Supervised so (Wang et al. 2024, TokenCompose), a small network learns which colour belongs to which object from far
fewer photos, and its attention maps are masks worth having.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from inkover.attention.control import Control
from inkover.attention.maps import Seen, observed

ROW = "photo"


def targets(
    spans: Sequence[Sequence[tuple[int, int]]],  # by text: the characters of each token
    things: Sequence[dict[int, tuple[int, int]]],  # by text: the characters of each object's words
    masks: Tensor,  # (texts, objects, h, w) bool, by text and object: its pixels
) -> Tensor:  # (texts, tokens, h, w): each token's object, zero for the other tokens
    """Return where each token ought to be looked at."""
    wanted = torch.zeros(len(spans), len(spans[0]), *masks.shape[-2:])
    for row, (tokens, named) in enumerate(zip(spans, things, strict=True)):
        for thing, (start, end) in named.items():
            inside = [k for k, (a, b) in enumerate(tokens) if a < b and start <= a and b <= end]
            wanted[row, inside[1:]] = masks[row, thing].float()  # the article says nothing
    return wanted


def listening(seen: list[Seen]) -> Control:
    """Return the control that notes where every cross-attention looks."""
    return observed(seen.append, (ROW,))


def apart(seen: Sequence[Seen], wanted: Tensor) -> Tensor:  # (texts,)
    """Return how much of the looks at objects' words falls outside the objects, in [0, 1], the mean over layers.

    Rows past those of ``wanted`` are not looked at.
    """
    return torch.stack([_outside(one.maps[ROW][: len(wanted)], wanted) for one in seen]).mean(0)


def _outside(maps: Tensor, wanted: Tensor) -> Tensor:
    goal = F.adaptive_avg_pool2d(wanted, (maps.shape[-2], maps.shape[-1]))
    counted = (goal.sum((2, 3)) > 0).float()
    share = (maps * goal).sum((2, 3)) / maps.sum((2, 3)).clamp(min=1e-8)
    return ((1 - share).square() * counted).sum(1) / counted.sum(1).clamp(min=1)
