"""Photos of the little world to learn from: rendered by seed into shards, their captions drawn anew at every use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkover.tabletop.captions import vary
from inkover.tabletop.scene import Scene, View, draw, render

SIDE = 128
CELL = 4  # pixels per latent cell
SHARD = 1000
Window = tuple[float, float, float, float]


def example(seed: int) -> tuple[View, NDArray[np.bool_]]:
    """Render training photo ``seed``, and say which objects of its scene are well seen.

    Most photos show the whole view; some are a crop around an object, as a close-up edit sees it; a few are empty.
    """
    rng = np.random.default_rng([77, seed])
    scene, chance = stage(seed), rng.random()
    if chance < 0.2 and scene.things:
        close = _close_up(scene, rng)
        if close is not None:
            return close
    view = render(scene, SIDE)
    return view, np.ones(len(scene.things), bool)


@lru_cache(maxsize=1 << 17)
def stage(seed: int) -> Scene:
    """Return the scene of training photo ``seed``; one in twenty-five is an empty table."""
    scene = draw(seed)
    return replace(scene, things=()) if np.random.default_rng([78, seed]).random() < 0.04 else scene


def _close_up(scene: Scene, rng: np.random.Generator) -> tuple[View, NDArray[np.bool_]] | None:
    """Crop around one object with some context, so that every object is either well seen or hardly at all."""
    whole = render(scene, SIDE, samples=1)
    areas = [int(whole.mask(i).sum()) for i in range(len(scene.things))]
    chosen = int(rng.integers(len(scene.things)))
    if min(areas) < 30:
        return None
    rows, columns = np.nonzero(whole.mask(chosen))
    extent = max(np.ptp(rows), np.ptp(columns)) / SIDE
    for _ in range(8):
        side = min(extent * rng.uniform(1.25, 2.4), 1.0)
        y = float(np.clip(rows.mean() / SIDE - side * rng.uniform(0.35, 0.65), 0, 1 - side))
        x = float(np.clip(columns.mean() / SIDE - side * rng.uniform(0.35, 0.65), 0, 1 - side))
        view = render(scene, SIDE, window=(y, x, y + side, x + side))
        share = np.array([view.mask(i).sum() * side * side / area for i, area in enumerate(areas)])
        if ((share > 0.7) | (share < 0.06)).all():
            return view, share > 0.7
    return None


@dataclass(frozen=True)
class Photos:
    """Rendered training photos. Arrays are memory-mapped; row k of shard n is the photo of seed n * SHARD + k."""

    shards: list[int]
    pixels: list[NDArray[np.uint8]]  # shards of (SHARD, SIDE, SIDE, 3)
    index: list[NDArray[np.int8]]  # shards of (SHARD, SIDE / CELL, SIDE / CELL)
    shown: list[NDArray[np.bool_]]  # shards of (SHARD, 3)

    def __len__(self) -> int:
        return sum(len(shard) for shard in self.pixels)

    def photo(self, number: int) -> NDArray[np.uint8]:
        """Return a photo's pixels, (SIDE, SIDE, 3)."""
        return np.asarray(self.pixels[number // SHARD][number % SHARD])

    def seed(self, number: int) -> int:
        """Return the seed that a photo was drawn by."""
        return self.shards[number // SHARD] * SHARD + number % SHARD

    def scene(self, number: int, seen: NDArray[np.bool_] | None = None) -> Scene:
        """Return the scene as the photo shows it, with only the objects that are well seen."""
        scene = stage(self.seed(number))
        return replace(scene, things=tuple(scene.things[k] for k in self.kept(number, seen)))

    def kept(self, number: int, seen: NDArray[np.bool_] | None = None) -> list[int]:
        """Return which of the drawn scene's objects ``scene`` holds."""
        shown = self.shown[number // SHARD][number % SHARD]
        return [int(k) for k in np.flatnonzero(shown if seen is None else shown & seen)]

    def caption(self, number: int, rng: np.random.Generator) -> str:
        """Return one of the ways to say what a photo shows."""
        return vary(self.scene(number), rng)


def make(folder: Path, count: int, first: int = 0, workers: int = 1) -> None:
    """Render photos ``first`` to ``first + count`` into shards below a folder, skipping those already there."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = range(first // SHARD, (first + count) // SHARD)
    missing = [number for number in numbers if not (folder / f"{number:04d}.npz").exists()]
    if workers == 1:
        for number in missing:
            _shard(folder, number)
        return
    with get_context("spawn").Pool(workers) as pool:  # a fork would copy the locks of numba's threads
        pool.starmap(_shard, [(folder, number) for number in missing], chunksize=1)


def _shard(folder: Path, number: int) -> None:
    pixels = np.zeros((SHARD, SIDE, SIDE, 3), np.uint8)
    index = np.zeros((SHARD, SIDE // CELL, SIDE // CELL), np.int8)
    shown = np.zeros((SHARD, 3), bool)
    for k in range(SHARD):
        view, seen = example(number * SHARD + k)
        pixels[k] = view.pixels
        index[k] = view.index[CELL // 2 :: CELL, CELL // 2 :: CELL]
        shown[k, : len(seen)] = seen
    np.save(folder / f"{number:04d}.pixels.npy", pixels)
    part = folder / f"{number:04d}.part.npz"
    np.savez(part, index=index, shown=shown)
    part.rename(folder / f"{number:04d}.npz")


def load(folder: Path, limit: int | None = None) -> Photos:
    """Open the shards that are finished, in order, without reading their pixels yet."""
    found = sorted(p for p in folder.glob("*.npz") if p.stem.isdigit())[: limit and limit // SHARD]
    notes = [np.load(p) for p in found]
    pixels = [np.load(p.with_suffix(".pixels.npy"), mmap_mode="r") for p in found]
    return Photos([int(p.stem) for p in found], pixels, [n["index"] for n in notes], [n["shown"] for n in notes])
