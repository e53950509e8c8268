"""What the embedded model itself can do, on scenes that it was never trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from inkover.diffusion.guide import Denoiser
from inkover.diffusion.level import Level, Levels, Prediction
from inkover.diffusion.noise import gaussian
from inkover.diffusion.trajectory import trace
from inkover.measure.figures.judge import Picture, bounds
from inkover.measure.figures.quality import psnr
from inkover.models.contract import Model, Text
from inkover.tabletop.captions import caption
from inkover.tabletop.edits import HELD_OUT_SEEDS
from inkover.tabletop.likeness import Likeness
from inkover.tabletop.probe import ATTRIBUTES, Box, Probe, alike, cut
from inkover.tabletop.scene import Scene, draw, render

AMONG = 32


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, how many cases it is the mean of, and what is asked of it."""

    name: str
    value: float
    cases: int
    unit: str


Tick = Callable[[], None]


def scenes(count: int, seed: int, things: int | None = None) -> list[Scene]:
    """Return held-out scenes."""
    return [draw(HELD_OUT_SEEDS + 7_000_000 * (seed + 1) + i, things) for i in range(count)]


def figures(
    model: Model,
    probe: Probe,
    likeness: Likeness,
    cases: int,
    seed: int = 0,
    guidance: float = 3.0,
    tick: Tick = lambda: None,
) -> Iterator[Figure]:
    """Yield every figure of the model, each over ``cases`` scenes."""
    yield round_trip(model, scenes(cases, seed), tick)
    yield from attributes(probe, scenes(cases, seed), tick)
    yield encode_decode(model, scenes(cases, seed), tick)
    one, two = scenes(cases, seed, 1), scenes(cases, seed, 2)
    for shown, name in ((one, "one object"), (two, "two objects")):
        made = drawn(model, [caption(s) for s in shown], seed, guidance, tick)
        for pictures, kind in ((made, "generated"), ([render(s, model.resolution).pixels for s in shown], "rendered")):
            yield _chosen(likeness, pictures, [caption(s) for s in shown], f"{kind} {name}: CLIP picks its caption")
            right = [named(probe, p, s) for p, s in zip(pictures, shown, strict=True)]
            yield Figure(f"{kind} {name}: probe finds kind and colour", float(np.mean(right)), len(right), "of 1")


def _tensor(picture: Picture) -> Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 127.5 - 1


def _picture(pixels: Tensor) -> Picture:
    return ((pixels[0].clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy()


def round_trip(model: Model, shown: list[Scene], tick: Tick = lambda: None) -> Figure:
    """Measure the autoencoder against the photo."""
    values = []
    for scene in shown:
        photo = render(scene, model.resolution).pixels
        values.append(psnr(_picture(model.decode(model.encode(_tensor(photo)))), photo))
        tick()
    return Figure("autoencoder round trip", float(np.mean(values)), len(shown), "dB")


def encode_decode(model: Model, shown: list[Scene], tick: Tick = lambda: None, steps: int = 50) -> Figure:
    """Measure DDIM up and down again, with each photo's caption at guidance 1, against the autoencoder's round trip."""
    values = []
    for some in _batches(shown, model.batch):
        latents = torch.cat([model.encode(_tensor(render(scene, model.resolution).pixels)) for scene in some])
        rows = {str(i): model.text(caption(scene)) for i, scene in enumerate(some)}

        def denoiser(x: Tensor, level: Level, rows: dict[str, Text] = rows) -> Prediction:
            return model.predict(x, level, rows)

        levels = model.levels(steps)
        back = _sampled(denoiser, trace(denoiser, latents, levels)[0], levels)
        for x, latent in zip(back.chunk(len(back)), latents.chunk(len(back)), strict=True):
            values.append(psnr(_picture(model.decode(x)), _picture(model.decode(latent))))
            tick()
    return Figure(f"DDIM encode and decode, {steps} steps", float(np.mean(values)), len(shown), "dB")


def drawn(
    model: Model, prompts: list[str], seed: int, guidance: float, tick: Tick = lambda: None, steps: int = 50
) -> list[Picture]:
    """Draw a picture from each prompt alone, the i-th with noise of seed + i."""
    side, levels = model.encode(torch.zeros(1, 3, model.resolution, model.resolution)), model.levels(steps)
    made = list[Picture]()
    for some in _batches(prompts, model.batch // 2):
        noise = torch.cat([gaussian(side, seed + len(made) + i, "picture") for i in range(len(some))])
        rows = {f"{i}/null": model.text("") for i in range(len(some))}
        rows |= {str(i): model.text(prompt) for i, prompt in enumerate(some)}

        def denoiser(x: Tensor, level: Level, rows: dict[str, Text] = rows) -> Prediction:
            away, towards = model.predict(torch.cat([x, x]), level, rows).split(2)
            return away.toward(towards, guidance)

        for latent in _sampled(denoiser, noise, levels).chunk(len(some)):
            made.append(_picture(model.decode(latent)))
            tick()
    return made


def _sampled(denoiser: Denoiser, x: Tensor, levels: Levels) -> Tensor:
    """Go down the whole grid by DDIM."""
    for here, there in pairwise(levels):
        said = denoiser(x, here)
        x = there.noised(said.x0, said.eps)
    return x


Item = TypeVar("Item")


def _batches(items: list[Item], size: int) -> Iterator[list[Item]]:
    for k in range(0, len(items), max(1, size)):
        yield items[k : k + max(1, size)]


def _chosen(likeness: Likeness, pictures: list[Picture], captions: list[str], name: str) -> Figure:
    """Measure how often a picture's own caption is the nearest of a block of different ones."""
    hits: list[bool] = []
    for k in range(0, len(pictures) - AMONG + 1, AMONG):
        scores = likeness.scores(np.stack(pictures[k : k + AMONG]), captions[k : k + AMONG])
        hits += [captions[k + int(best)] == captions[k + i] for i, best in enumerate(scores.argmax(1))]
    return Figure(f"{name} among {AMONG}", float(np.mean(hits)) if hits else float("nan"), len(hits), "of 1")


@torch.no_grad()
def attributes(probe: Probe, shown: list[Scene], tick: Tick = lambda: None, side: int = 128) -> Iterator[Figure]:
    """Measure the probe itself, on renders, with the true boxes."""
    right: dict[str, list[bool]] = {name: [] for name in ATTRIBUTES}
    for scene in shown:
        view = render(scene, side)
        whole = _cut(view.pixels, [(0.0, 0.0, float(side), float(side))], 0.0)
        for k, thing in enumerate(scene.things):
            box = bounds(view, k)
            if box is None:
                continue
            said = probe(_cut(view.pixels, [box]), whole)
            true = {"kind": thing.kind, "colour": thing.colour, "finish": thing.finish, "surface": scene.surface,
                    "background": scene.background}  # fmt: skip
            for name, score in said.items():
                right[name].append(ATTRIBUTES[name][int(score[0].argmax())] == true[name])
        tick()
    for name, hits in right.items():
        yield Figure(f"probe on renders: {name}", float(np.mean(hits)), len(hits), "of 1")


def _cut(pixels: Picture, boxes: list[Box], margin: float = 0.12) -> Tensor:
    return torch.from_numpy(np.stack([cut(pixels, box, margin) for box in boxes]))


def named(probe: Probe, picture: Picture, scene: Scene) -> bool:
    """Return whether the probe finds the scene's objects in a picture: as many, each with its kind and colour."""
    found = objects(probe, picture, len(scene.things))
    return sorted(found) == sorted((t.kind, t.colour) for t in scene.things)


def objects(probe: Probe, picture: Picture, count: int) -> list[tuple[str, str]]:
    """Return kind and colour of the ``count`` places of a picture where the probe is surest that something stands.

    Looks at coarse places first, then closely around the best of them.
    """
    coarse = _looked(probe, picture, list(_windows(len(picture))))
    near = [_looked(probe, picture, list(_around(spot.box)))[0] for spot in _apart(coarse, count + 4)]
    return [(spot.kind, spot.colour) for spot in _apart(sorted(near, key=lambda spot: spot.empty), count)]


@dataclass(frozen=True, slots=True)
class Spot:
    """What the probe says of one place."""

    box: Box
    empty: float  # the probability that nothing stands there
    kind: str
    colour: str


@torch.no_grad()
def _looked(probe: Probe, picture: Picture, boxes: list[Box]) -> list[Spot]:
    """Return what the probe says of each place, the surest first."""
    said = probe(_cut(picture, boxes), _cut(picture, [(0.0, 0.0, float(len(picture)), float(len(picture)))], 0.0))
    kinds, colours = said["kind"].softmax(1), said["colour"].argmax(1).tolist()
    empty, best = kinds[:, -1].tolist(), kinds[:, :-1].argmax(1).tolist()  # the last kind is nothing
    named = [(ATTRIBUTES["kind"][k], ATTRIBUTES["colour"][c]) for k, c in zip(best, colours, strict=True)]
    spots = [Spot(box, e, kind, colour) for box, e, (kind, colour) in zip(boxes, empty, named, strict=True)]
    return sorted(spots, key=lambda spot: spot.empty)


def _apart(spots: list[Spot], count: int) -> list[Spot]:
    """Return the first ``count`` that are not nearly the same place as an earlier one."""
    chosen: list[Spot] = []
    for spot in spots:
        if len(chosen) < count and all(alike(spot.box, other.box) < 0.2 for other in chosen):
            chosen.append(spot)
    return chosen


def _windows(side: int) -> Iterator[Box]:
    """Yield square boxes of every size and place at which an object may stand, a fifth of it past the edges."""
    for share in np.geomspace(0.15, 0.85, 7):
        size = share * side
        places = np.linspace(-0.2 * size, side - 0.8 * size, int(np.ceil((1 / share - 0.6) / 0.33)) + 1)
        for y in places:
            for x in places:
                yield float(y), float(x), float(y + size), float(x + size)


def _around(box: Box) -> Iterator[Box]:
    """Yield a box, moved and resized by a little."""
    y0, x0, y1, x1 = box
    for grow in (0.88, 1.0, 1.14):
        for down in (-0.12, 0.0, 0.12):
            for right in (-0.12, 0.0, 0.12):
                half, cy, cx = (y1 - y0) / 2, (y0 + y1) / 2 + down * (y1 - y0), (x0 + x1) / 2 + right * (x1 - x0)
                yield cy - half * grow, cx - half * grow, cy + half * grow, cx + half * grow
