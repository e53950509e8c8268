"""Stage 7: the judge, a small classifier trained on renders only and used for nothing but judging edits."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from inkover.tabletop.probe import ATTRIBUTES, Box, Probe, alike, cut, overlap, square, whole
from inkover.tabletop.scene import Scene, Thing
from inkover.tabletop.training import data
from inkover.tabletop.training.loop import Run, fit


def _jitter(box: Box, rng: np.random.Generator) -> Box:
    """Shake a box a little: an edited object is never quite where the first one was."""
    y0, x0, y1, x1 = box
    side = max(y1 - y0, x1 - x0)
    move, grow = rng.normal(0, 0.06, 2) * side, float(np.exp(rng.normal(0, 0.12)))
    cy, cx = (y0 + y1) / 2 + move[0], (x0 + x1) / 2 + move[1]
    return cy - (y1 - y0) / 2 * grow, cx - (x1 - x0) / 2 * grow, cy + (y1 - y0) / 2 * grow, cx + (x1 - x0) / 2 * grow


def bounds(index: NDArray[np.int8], thing: int, cell: int) -> Box | None:
    """Return the box of an object from an index picture whose cells are ``cell`` pixels a side."""
    rows, columns = np.nonzero(index == thing + 1)
    if len(rows) < 4:
        return None
    return (
        float(rows.min()) * cell, float(columns.min()) * cell,
        float(rows.max() + 1) * cell, float(columns.max() + 1) * cell,
    )  # fmt: skip


def _miss(box: Box, rng: np.random.Generator) -> Box:
    """Return a square near an object, but too large, too small or beside it; it may still hit."""
    y0, x0, y1, x1 = square(box)
    side = (y1 - y0) * float(np.exp(rng.uniform(np.log(0.3), np.log(2.5))))
    cy, cx = np.array([y0 + y1, x0 + x1]) / 2 + rng.normal(0, 0.5, 2) * max(side, y1 - y0)
    return cy - side / 2, cx - side / 2, cy + side / 2, cx + side / 2


def _anywhere(rng: np.random.Generator) -> Box:
    side = rng.uniform(18, 60)
    y, x = rng.uniform(0, data.SIDE - side, 2)
    return y, x, y + side, x + side


def _rough(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Spoil a photo as decoders do: a little blur, noise and light."""
    import cv2

    x = pixels.astype(np.float64)
    if rng.random() < 0.5:
        x = np.asarray(cv2.GaussianBlur(x, (0, 0), float(rng.uniform(0.3, 1.1))), np.float64)
    x = x * float(rng.normal(1, 0.05)) + rng.normal(0, float(rng.uniform(0, 5)), x.shape)
    return np.asarray(np.clip(x, 0, 255), np.uint8)


def _target(scene: Scene, thing: Thing | None) -> list[int]:
    said = {"kind": thing.kind if thing else "nothing", "surface": scene.surface, "background": scene.background}
    if thing is not None:
        said |= {"colour": thing.colour, "finish": thing.finish}
    return [words.index(said[name]) if name in said else -100 for name, words in ATTRIBUTES.items()]


def train(net: Probe, photos: data.Photos, run: Run, batch: int) -> Probe:
    """Train on one box a photo: an object, a place where there is none, or a place that misses the object there."""

    def example(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8], list[int]]:
        number = int(rng.integers(len(photos)))
        scene, pixels = photos.scene(number), _rough(photos.photo(number), rng)
        index = photos.index[number // data.SHARD][number % data.SHARD]
        boxes = {k: box for k in range(3) if (box := bounds(index, k, data.CELL)) is not None}
        shown = photos.shown[number // data.SHARD][number % data.SHARD]
        kinds = [k for k in boxes if shown[k]]
        choice = rng.random()
        if kinds and choice < 0.7:
            chosen = int(rng.choice(kinds))
            full = data.stage(photos.seed(number)).things[chosen]
            return *_views(pixels, _jitter(boxes[chosen], rng)), _target(scene, full)
        for _ in range(20):
            if boxes and choice < 0.92:
                box = _miss(boxes[int(rng.choice(list(boxes)))], rng)
                free = all(alike(box, square(other)) < 0.35 for other in boxes.values())
            else:
                box = _anywhere(rng)
                free = all(overlap(box, other) < 0.1 for other in boxes.values())
            if free:
                return *_views(pixels, box), _target(scene, None)
        return example(rng)

    def draw(rng: np.random.Generator) -> tuple[Tensor, ...]:
        rows = [example(rng) for _ in range(batch)]
        near, far = (torch.from_numpy(np.stack([row[i] for row in rows])) for i in (0, 1))
        return near, far, torch.tensor([row[2] for row in rows])

    def loss(drawn: tuple[Tensor, ...]) -> Tensor:
        near, far, wanted = (part.to(run.device) for part in drawn)
        answers = net(near, far)
        losses = [F.cross_entropy(answers[name], wanted[:, i], ignore_index=-100) for i, name in enumerate(ATTRIBUTES)]
        return torch.stack(losses).mean()

    return fit("probe", net, draw, loss, run)


def _views(pixels: NDArray[np.uint8], box: Box) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    return cut(pixels, box), whole(pixels)
