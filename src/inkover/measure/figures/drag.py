"""How far what was dragged came to lie from where it was to be: DragBench's mean distance, in a ViT's features.

DragDiffusion (Shi et al. 2023, arXiv:2306.14435) finds it again by the features of a diffusion model; here they are
the keys of DINO (Amir et al. 2021, arXiv:2112.05814).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from inkover.errors import InkoverError
from inkover.measure.figures.scores import Values
from inkover.measure.figures.structure import Structure, resized, seen_size

SHORT, LONG = 448, 960
"""The shorter side that the network sees, as long as the longer is not over the other."""
BEHIND = 2
"""How many blocks come after the one whose keys are compared: of twelve the tenth, which knows least of places."""
BAND = 16
"""How many rows are looked at in one go."""

Point = tuple[float, float]  # x, y: the middle of the first pixel is (0, 0)
_NUMBER = r"\s*([0-9]+(?:\.[0-9]*)?)\s*"
_WRITTEN = re.compile(rf"{_NUMBER},{_NUMBER}->{_NUMBER},{_NUMBER}")


@dataclass(frozen=True, slots=True)
class Drag:
    """What was to be moved, and to where, in pixels of the upright photo."""

    start: Point
    end: Point


@dataclass(frozen=True, slots=True)
class Dragged:
    """Drags of a photo, and where what they moved is found in the edited copy; nowhere where no network looked."""

    drags: tuple[Drag, ...]
    found: tuple[Point, ...] = ()

    @property
    def distance(self) -> float:
        """Return the mean distance of where it is from where it was to be, in pixels; NaN where nothing is found."""
        apart = [math.dist(point, drag.end) for point, drag in zip(self.found, self.drags, strict=True)]
        return float(np.mean(apart))


def parse(typed: str, size: tuple[int, int]) -> Drag:  # size: (H, W)
    """Read ``120,80 -> 160,80``; InkoverError where it is no drag, or leaves the photo."""
    found = _WRITTEN.fullmatch(typed)
    if found is None:
        raise InkoverError(f'--drag {typed!r} is no drag: write "X,Y -> X,Y" in pixels, such as "120,80 -> 160,80"')
    x0, y0, x1, y1 = map(float, found.groups())
    (height, width) = size
    for x, y in ((x0, y0), (x1, y1)):
        if x > width - 1 or y > height - 1:
            last = f"{width - 1},{height - 1}"
            raise InkoverError(f"--drag {typed!r} leaves the photo, {width} x {height} px: its last pixel is {last}")
    return Drag((x0, y0), (x1, y1))


@torch.no_grad()
def dragged(network: Structure, before: Values, after: Values, drags: Sequence[Drag]) -> Dragged:
    """Look for what stood at the start of each drag of a photo (H, W, 3) all over its edited copy."""
    keys, (height, width) = _keys(network, before, after), before.shape[:2]
    starts = torch.tensor([[_relative(drag.start, (width, height)) for drag in drags]])
    handles = _between(keys[:1], starts)[0, :, 0]  # (channels, drags)
    found = (_best(handles, keys[1:], network.network.config.patch_size) + 1) / 2
    places = found.double().cpu().numpy() * (width, height) - 0.5
    return Dragged(tuple(drags), tuple((float(x), float(y)) for x, y in places))


def _keys(network: Structure, *pictures: Values) -> Tensor:  # -> (pictures, channels, rows, columns)
    """Return the keys of every patch, all pictures in one batch."""
    patch = network.network.config.patch_size
    tall, wide = seen_size(pictures[0].shape[0], pictures[0].shape[1], SHORT, LONG)
    rows, columns = max(1, tall // patch), max(1, wide // patch)
    pixels = torch.cat([resized(picture, (rows * patch, columns * patch)) for picture in pictures])
    keys = network.keys(pixels, BEHIND)[:, 1:].float()  # the first is of no patch
    return keys.transpose(1, 2).reshape(len(pictures), -1, rows, columns)


def _relative(point: Point, size: tuple[int, int]) -> Point:  # size: (W, H)
    """Return a point as ``grid_sample`` counts, from -1 to 1, edge to edge."""
    (x, y), (width, height) = point, size
    return (2 * x + 1) / width - 1, (2 * y + 1) / height - 1


def _between(keys: Tensor, places: Tensor) -> Tensor:  # (1, channels, rows, columns), (h, w, 2) -> (1, channels, h, w)
    """Return the keys at places from -1 to 1, mixed of the four patches around each."""
    return F.grid_sample(keys, places[None].to(keys), mode="bilinear", padding_mode="border", align_corners=False)


def _best(handles: Tensor, keys: Tensor, patch: int) -> Tensor:  # (channels, n), (1, channels, rows, columns) -> (n, 2)
    """Return where, from -1 to 1, the keys of a picture are most like each handle; NaN where they are no numbers."""
    tall, wide = keys.shape[2] * patch, keys.shape[3] * patch
    across, down = ((2 * torch.arange(n) + 1) / n - 1 for n in (wide, tall))
    wanted, likeness = F.normalize(handles, dim=0), list[Tensor]()
    for rows in torch.split(down, BAND):
        mixed = _between(keys, torch.stack(torch.meshgrid(across, rows, indexing="xy"), -1))[0].flatten(1)
        likeness.append(wanted.T @ F.normalize(mixed, dim=0))
    every = torch.cat(likeness, 1)  # (n, tall * wide)
    at = every.argmax(1).cpu()
    places = torch.stack([across[at % wide], down[at // wide]], -1)
    return torch.where(every.isfinite().all(1, keepdim=True).cpu(), places, torch.nan)
