"""What a control is, and how several are one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from inkover.attention.call import Call, Site

Wants = Callable[[Site], bool]
"""Which sites a control sees; all others stay with the fused kernel, untouched."""


@dataclass(frozen=True, slots=True)
class Control:
    """An answer to the attention calls of the sites that it wants; it is rebuilt for each step, and keeps nothing."""

    wants: Wants
    answer: Callable[[Call], Tensor]


def chain(*controls: Control | None) -> Control | None:
    """Return the controls as one: the first sees a call first, and its edits of the weights come first.

    None stands for no control, and is what a chain of nothing is.
    """
    there = [control for control in controls if control is not None]
    if len(there) < 2:
        return there[0] if there else None
    return Control(
        lambda site: any(control.wants(site) for control in there),
        lambda call: _through([control for control in there if control.wants(call.site)], call),
    )


def _through(controls: Sequence[Control], call: Call) -> Tensor:
    if not controls:
        return call()
    first, *rest = controls
    last = call.next
    return first.answer(replace(call, next=lambda changed: _through(rest, replace(changed, next=last))))


def crossing(site: Site) -> bool:
    """Want every cross-attention."""
    return site.kind == "cross"


def cross_at(*grids: tuple[int, int]) -> Wants:
    """Want the cross-attentions of these grids, each (h, w)."""
    return lambda site: site.kind == "cross" and site.grid in grids


def self_within(most: int) -> Wants:
    """Want the self-attentions whose grid has at most that many positions."""
    return lambda site: site.kind == "self" and site.grid[0] * site.grid[1] <= most


def self_from(depth: float) -> Wants:
    """Want the self-attentions from that part of the network on, in [0, 1]."""
    return lambda site: site.kind == "self" and site.depth >= depth
