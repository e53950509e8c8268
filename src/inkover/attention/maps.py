"""Where a prompt's words are looked at: cross-attention maps, handed out as values, and masks made from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from inkover.attention.call import Call, Edit, Site, Weights
from inkover.attention.control import Control, Wants, crossing

Maps = Mapping[str, Tensor]
"""By row: (n, tokens, h, w), the share of each position's attention that each token has."""

Tokenwise = Mapping[str, Sequence[int]]
"""By row: the tokens of the words that count."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one layer looked at in one forward, the mean over its heads."""

    site: Site
    maps: Maps


def observed(note: Callable[[Seen], None], rows: Sequence[str], wants: Wants = crossing) -> Control:
    """Hand each wanted layer's maps to ``note``, and change no bit. First in a chain, it sees them unedited."""

    def watch(call: Call) -> Tensor:
        def look(weights: Weights) -> Weights:
            note(Seen(call.site, {name: _as_maps(found, call.site.grid) for name, found in weights.items()}))
            return {}

        return call.edited(Edit(tuple(rows), look))()

    return Control(wants, watch)


def _as_maps(weights: Tensor, grid: tuple[int, int]) -> Tensor:  # (n, heads, positions, tokens) -> (n, tokens, h, w)
    return weights.mean(1).transpose(1, 2).reshape(len(weights), -1, *grid)


def gathered(seen: Sequence[Seen], grid: tuple[int, int], before: Maps | None = None) -> Maps:
    """Return the mean over layers, at one grid; added to what was gathered ``before``, as over steps."""
    if not seen:
        raise ValueError("no maps were seen: the control that observes wants no layer of this network")
    now = {name: torch.stack([_resized(one.maps[name], grid) for one in seen]).mean(0) for name in seen[0].maps}
    return now if before is None else {name: before[name] + maps for name, maps in now.items()}


def _resized(maps: Tensor, grid: tuple[int, int]) -> Tensor:
    return maps if maps.shape[-2:] == grid else F.interpolate(maps, grid, mode="bilinear", align_corners=False)


def of_words(maps: Tensor, tokens: Sequence[int]) -> Tensor:  # (n, tokens, h, w) -> (n, 1, h, w)
    """Return how much words are looked at, all their tokens together."""
    return maps[:, list(tokens)].sum(1, keepdim=True)


def local_blend(
    maps: Maps,
    words: Tokenwise,
    size: tuple[int, int],  # of the latents
    threshold: float = 0.3,
    without: Tokenwise | None = None,
) -> Tensor:  # (n, 1, *size), 0 or 1
    """Return Prompt-to-Prompt's mask: where any row looks at its words, less where it looks at others.

    The words are spread by one position; what is left out is not.
    """
    spread = [_above(_spread(of_words(maps[row], tokens)), size, threshold) for row, tokens in words.items()]
    mask = torch.stack(spread).amax(0)
    for row, tokens in (without or {}).items():
        mask = mask * (1 - _above(of_words(maps[row], tokens), size, threshold))
    return mask


def foreground(
    maps: Tensor,  # (n, tokens, h, w)
    tokens: Sequence[int],
    size: tuple[int, int],
    threshold: float = 0.1,
) -> Tensor:  # (n, 1, *size), 0 or 1
    """Return MasaCtrl's mask of what words name (Cao et al. 2023): the map between its own extremes, cut."""
    found = of_words(maps, tokens)
    return _above(found - found.amin((2, 3), keepdim=True), size, threshold)


def _spread(attention: Tensor) -> Tensor:
    return F.max_pool2d(attention, 3, stride=1, padding=1)


def _above(attention: Tensor, size: tuple[int, int], threshold: float) -> Tensor:
    """Return where a map is above a part of its own top, picture by picture; nowhere, where it is flat at zero."""
    above = attention > threshold * attention.amax((2, 3), keepdim=True)
    return F.interpolate(above.to(attention.dtype), size, mode="nearest")
