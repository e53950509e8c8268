"""Where words are looked at, gathered over the steps of a walk: the masks of local blend and of MasaCtrl."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from inkover.attention.control import Control, crossing
from inkover.attention.maps import Maps, Seen, gathered, observed

POSITIONS = 16 * 16
"""Where a map is clearest: the layers whose grid is nearest to this many positions (Hertz et al. 2023)."""


@dataclass(frozen=True, slots=True)
class Looks:
    """What some rows' cross-attention looked at so far, summed over steps."""

    maps: Maps = field(default_factory=dict[str, Tensor])

    def __bool__(self) -> bool:
        return bool(self.maps)

    def added(self, seen: Sequence[Seen]) -> Looks:
        """Return the looks of one step more, at the grid where they are clearest; of none, the same."""
        if not seen:
            return self
        grid = clearest([one.site.grid for one in seen])
        return Looks(gathered([one for one in seen if one.site.grid == grid], grid, self.maps or None))


def clearest(grids: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return the grid (h, w) nearest to ``POSITIONS``, in proportion; of two, the finer."""
    return min(grids, key=lambda grid: (abs(math.log(grid[0] * grid[1] / POSITIONS)), -grid[0]))


def looking(seen: list[Seen], rows: Sequence[str]) -> Control:
    """Return the control that notes what some rows look at, unedited, and changes no bit; first in a chain."""
    return observed(seen.append, rows, crossing)


def blended(mask: Tensor, target: Tensor, source: Tensor) -> Tensor:
    """Return the target inside a mask (n, 1, h, w) and the source outside, both to the bit where it is hard."""
    return torch.where(mask > 0.5, target, source)
