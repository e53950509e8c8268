"""MasaCtrl's mutual self-attention (Cao et al. 2023): the target asks, the source's content answers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from inkover.attention.call import Call, Row
from inkover.attention.control import Control, Wants


def mutual(pairs: Mapping[str, str], wants: Wants) -> Control:
    """Give rows (the first of each pair) another row's keys and values; they keep their own queries."""
    return Control(wants, lambda call: _lent(call, pairs)())


def mutual_masked(
    pairs: Mapping[str, str],
    source: Tensor,  # (n, 1, h, w), 0 or 1: the source row's foreground
    target: Tensor,  # (n, 1, h, w), 0 or 1: the target row's foreground
    wants: Wants,
) -> Control:
    """The same, with the target's foreground looking at the source's foreground only, and its background likewise.

    Where the source has no foreground on a grid, or no background, all of it is looked at.
    """

    def answer(call: Call) -> Tensor:
        lent, takers = _lent(call, pairs), tuple(pairs)
        here = _on(source, call).transpose(1, 2)  # (n, 1, keys)
        ahead, behind = (lent.only(takers, _or_all(side))() for side in (here, ~here))
        front = _on(target, call)[:, None].repeat(len(takers), 1, 1, 1)  # (takers * n, 1, positions, 1)
        fused = torch.where(front, ahead, behind)
        return call.overlaid(call(), dict(zip(takers, fused.chunk(len(takers)), strict=True)))

    return Control(wants, answer)


def _lent(call: Call, pairs: Mapping[str, str]) -> Call:
    givers = {taker: _whole(call, giver) for taker, giver in pairs.items()}
    return call.swapped(
        k={taker: k for taker, (k, _) in givers.items()},
        v={taker: v for taker, (_, v) in givers.items()},
    )


def _whole(call: Call, name: str) -> tuple[Tensor, Tensor]:
    row: Row = call.row(name)
    if row.v is None:
        raise ValueError(f"the memory of the row {name!r} holds no values, and mutual attention needs them")
    return row.k, row.v


def _on(mask: Tensor, call: Call) -> Tensor:  # (n, positions, 1), bool
    """Return a mask on a layer's grid."""
    found = F.interpolate(mask.float(), call.site.grid, mode="nearest") > 0.5
    return found.flatten(2).transpose(1, 2).to(call.q.device)


def _or_all(keys: Tensor) -> Tensor:
    """Return which keys count; all of them where none would, for nothing has no attention."""
    return keys | ~keys.any(-1, keepdim=True)
