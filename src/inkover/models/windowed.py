"""A model that works on more than it was trained on, by windows (MultiDiffusion, Bar-Tal et al. 2023).

Every window is asked alone, and where windows overlap their answers are averaged. The paper averages the steps that
follow from the answers; a step is linear in the answer, and the latent and the noise are shared, so that both are the
same. A sampler of second order remembers the averaged answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

from inkover.attention.control import Control
from inkover.diffusion.level import At, Level, Prediction
from inkover.errors import InkoverError
from inkover.models.around import Around
from inkover.models.contract import Model, Text

Corner = tuple[int, int]
"""The first row and column of a window, in latent cells."""


@dataclass(frozen=True, slots=True)
class Windowed(Around):
    """A model whose network sees latents through windows of its native size. The rest is the model's own."""

    side: int  # of a window, in latent cells
    overlap: float = 0.5  # of neighbouring windows, at least, as a part of their side

    @property
    def fingerprint(self) -> str:
        """The hash of the model's weights, and how it is looked through."""
        return f"{self.model.fingerprint} by windows of {self.side}, {self.overlap:g} shared"

    def predict(self, x: Tensor, at: At, rows: Mapping[str, Text], control: Control | None = None) -> Prediction:
        """Ask about each window, as many together as fit, and average; latents of one window are asked as they are."""
        height, width = x.shape[-2:]
        if height <= self.side and width <= self.side:
            return self.model.predict(x, at, rows, control)
        if control is not None:
            raise InkoverError(
                "attention cannot be steered through windows, each of which would look only at itself: leave --windows "
                "out, or take a method without attention control, such as diffedit"
            )
        high, wide = min(self.side, height), min(self.side, width)
        corners, together = list(self.corners(height, width)), max(1, self.model.batch // len(x))
        weight = _hill(high, wide).to(x)
        x0, eps, total = torch.zeros_like(x), torch.zeros_like(x), torch.zeros_like(x[:1, :1])
        for start in range(0, len(corners), together):
            some = corners[start : start + together]
            cuts = [x[..., top : top + high, left : left + wide] for top, left in some]
            said = self.model.predict(_by_row(cuts, len(rows)), at if isinstance(at, Level) else at * len(some), rows)
            for (top, left), one0, one1 in zip(some, _by_window(said.x0, len(rows), len(some)),
                                               _by_window(said.eps, len(rows), len(some)), strict=True):  # fmt: skip
                place = (..., slice(top, top + high), slice(left, left + wide))
                x0[place] += weight * one0
                eps[place] += weight * one1
                total[place] += weight
        return Prediction(x0 / total, eps / total)

    def corners(self, height: int, width: int) -> Iterator[Corner]:
        """Yield windows that hold every cell, evenly apart, the last of each row and column at the edge."""
        for top in _starts(height, self.side, self.overlap):
            for left in _starts(width, self.side, self.overlap):
                yield top, left


def windowed(model: Model, cell: int) -> Windowed:
    """Look at a model's latents, of which each cell is so many pixels wide, through windows of its native size."""
    return Windowed(model, model.resolution // cell)


def _starts(length: int, side: int, overlap: float) -> list[int]:
    if length <= side:
        return [0]
    count = ceil((length - side) / max(side * (1 - overlap), 1)) + 1
    return [round(k * (length - side) / (count - 1)) for k in range(count)]


def _hill(height: int, width: int) -> Tensor:  # (1, 1, h, w), above 0
    """Return a window's weights, which fall to its edges, so that no seam is seen where it ends."""
    up, across = (torch.minimum(ramp + 1, ramp.flip(0) + 1) for ramp in (torch.arange(height), torch.arange(width)))
    return (up[:, None] * across[None]).double()[None, None] / float(up.max() * across.max())


def _by_row(cuts: list[Tensor], rows: int) -> Tensor:
    """Lay windows (rows * n, ...) behind one another within each row."""
    apart = [cut.view(rows, -1, *cut.shape[1:]) for cut in (one.contiguous() for one in cuts)]
    return torch.stack(apart, 1).flatten(0, 2)


def _by_window(said: Tensor, rows: int, windows: int) -> list[Tensor]:
    """Take the answers apart again."""
    return [one.flatten(0, 1) for one in said.reshape(rows, windows, -1, *said.shape[1:]).unbind(1)]
