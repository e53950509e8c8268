"""Prompt-to-Prompt's controls (Hertz et al. 2023): the target row looks where the source row looks.

Each is None where it would change nothing, so that what is off costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from inkover.attention.alignment import Alignment
from inkover.attention.call import Call, Edit, Weights
from inkover.attention.control import Control, Wants, crossing, self_within


def cross_replaced(
    alignment: Alignment,
    active: Tensor,  # (target tokens,), bool: whose attention this step takes from the source
    *,
    source: str = "source",
    target: str = "target",
    alike: tuple[str, ...] = (),
    wants: Wants = crossing,
) -> Control | None:
    """Give the target row the source row's cross-attention, for the active tokens that the prompts share.

    The source row takes the same arithmetic, and the rows ``alike`` with it, so that equal rows stay equal to the bit.
    """
    chosen = active & alignment.taken
    if not chosen.any():
        return None

    def change(weights: Weights) -> Weights:
        theirs, mine = weights[source], weights[target]
        moved = theirs @ alignment.matrix.to(theirs)
        kept = {name: weights[name] for name in alike}
        return {source: theirs, target: torch.where(chosen.to(mine.device), moved, mine), **kept}

    edit = Edit((source, target, *alike), change)
    return Control(wants, lambda call: call.edited(edit)())


def reweighted(
    scales: Tensor,  # (target tokens,)
    *,
    target: str = "target",
    wants: Wants = crossing,
) -> Control | None:
    """Scale the target row's attention to each token; as in the paper, what it sums to is left to change."""
    if bool((scales == 1).all()):
        return None
    edit = Edit((target,), lambda weights: {target: weights[target] * scales.to(weights[target])})
    return Control(wants, lambda call: call.edited(edit)())


def self_replaced(
    most: int,  # positions of the largest grid that is touched
    pairs: Mapping[str, str] | None = None,  # who takes from whom; the target from the source, if not given
) -> Control:
    """Give rows another row's self-attention: its queries and keys, with their own values, in the fused kernel."""
    takers = dict(pairs or {"target": "source"})

    def swap(call: Call) -> Tensor:
        givers = {taker: call.row(giver) for taker, giver in takers.items()}
        return call.swapped(
            q={taker: row.q for taker, row in givers.items()},
            k={taker: row.k for taker, row in givers.items()},
        )()

    return Control(self_within(most), swap)
