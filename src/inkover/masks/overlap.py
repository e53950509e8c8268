"""Which of several masks a place belongs to where they overlap."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

POLICIES = ("owner", "combined", "priority", "forbid")
Region = tuple[tuple[int, ...], Tensor]
"""Which of the masks it belongs to, in order, and where it is: (1, 1, h, w)."""


def owned(masks: Sequence[Tensor], maps: Sequence[Tensor]) -> list[Tensor]:
    """Give each place to the mask whose map is largest there, in parts of that map's mean; of two, to the first.

    Masks (1, 1, h, w) of values 0 and 1 and their maps; the masks that come back share no place.
    """
    scaled = torch.cat([one / one.mean().clamp_min(1e-12) for one in maps])
    claims = torch.where(torch.cat(list(masks)) > 0, scaled, -torch.inf)
    first = claims.argmax(0, keepdim=True)
    return [mask * (first == k) for k, mask in enumerate(masks)]


def parted(masks: Sequence[Tensor], least: float) -> list[Tensor]:
    """Return hard masks of soft ones that share no place: each goes to the mask that is largest there, over ``least``.

    Of equal ones the first has it.
    """
    values = torch.cat(list(masks))
    first = values.argmax(0, keepdim=True)
    return [((mask > least) & (first == k)).to(mask.dtype) for k, mask in enumerate(masks)]


def prior(masks: Sequence[Tensor]) -> list[Tensor]:
    """Give each place to the first of the masks that hold it: their order counts. Soft masks leave the rest."""
    left, found = torch.ones_like(masks[0]), list[Tensor]()
    for mask in masks:
        found.append(torch.minimum(mask, left))
        left = left - found[-1]
    return found


def combined(masks: Sequence[Tensor]) -> list[Region]:
    """Return disjoint regions: each mask's own part, and for every set of hard masks that overlap a part of its own."""
    held = torch.cat([mask > 0 for mask in masks])[:, 0]  # (masks, h, w)
    sets, which = torch.unique(held.flatten(1).T, dim=0, return_inverse=True)
    found = list[Region]()
    for number, row in enumerate(sets.tolist()):
        members = tuple(k for k, there in enumerate(row) if there)
        if members:
            region = (which == number).view(1, 1, *held.shape[1:])
            found.append((members, region.to(masks[0].dtype)))
    return sorted(found, key=lambda one: (len(one[0]), one[0]))


def overlapping(masks: Sequence[Tensor]) -> tuple[int, int] | None:
    """Return the first two masks that share a place; None where none do."""
    held = [mask > 0 for mask in masks]
    pairs = ((one, other) for other in range(len(held)) for one in range(other))
    return next(((one, other) for one, other in pairs if bool((held[one] & held[other]).any())), None)
