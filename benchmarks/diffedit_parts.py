"""What each part of DiffEdit is worth: without its mask, without its encoding, without both, with noise around it.

``python benchmarks/diffedit_parts.py [--cases N] [--edit recolour]``: on held-out scenes of the little world, at
DiffEdit's defaults. Every way starts from the same photo and, where it has one, the same mask; what is drawn outside
the true change is compared before anything is laid over the photo. The paper (Couairon et al. 2023, section 4) calls
the second way Encode-Decode, and the fourth is SDEdit.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import inkover
from inkover.app.meter import Counted, Meter
from inkover.diffusion import samplers
from inkover.diffusion.level import Levels
from inkover.diffusion.trajectory import noised
from inkover.inversions import ddim
from inkover.measure.figures.judge import Picture, judge
from inkover.measure.figures.quality import psnr
from inkover.methods import diffedit, parts, tracks
from inkover.methods.contract import Task
from inkover.models.contract import Model
from inkover.tabletop import folder, probe
from inkover.tabletop.edits import case

Way = Callable[[Task, Tensor], Tensor]
"""A task and DiffEdit's mask -> the clean latent of the changed photo."""

KNOBS = diffedit.Settings()


def walked(task: Task, start: Tensor, around: tuple[Tensor, ...]) -> Tensor:
    """Denoise towards the target; outside the task's mask lies what is given for each level."""
    sampler, model = samplers.get(KNOBS.sampler), task.model
    x = start
    with task.watch.stage("edit", len(around) - 1):
        levels = grid(model)
        decode = parts.towards(task, model.text(task.target), model.text(""), KNOBS, levels)
        for (here, there), kept in zip(pairwise(levels), around[1:], strict=True):
            x, _ = sampler.step(decode(x, here), here, there)
            x = parts.inside(task.mask, x, kept)
    return x


def grid(model: Model) -> Levels:
    """Return the levels of DiffEdit's defaults."""
    return parts.tail(parts.laid(model, KNOBS), KNOBS.strength)


def encoded(task: Task) -> tuple[Tensor, ...]:
    """Return the photo on its way into noise, as DiffEdit traces it."""
    source = parts.traced_with(task.source, KNOBS)
    return tuple(tracks.path(task, ddim.INVERSION, ddim.INVERSION.settings(), grid(task.model), source).latents)


def under_noise(task: Task) -> tuple[Tensor, ...]:
    """Return the photo under one noise at every level."""
    return tuple(noised(task.photo, task.noise("around"), grid(task.model)))


def around_noise(task: Task, mask: Tensor) -> Tensor:
    """Start from what was traced, and lay the photo under noise around the mask."""
    return walked(replace(task, mask=mask), encoded(task)[0], under_noise(task))


def without_encoding(task: Task, mask: Tensor) -> Tensor:
    """Start from noise over the photo, which lies around the mask too."""
    around = under_noise(task)
    return walked(replace(task, mask=mask), around[0], around)


def without_both(task: Task, mask: Tensor) -> Tensor:
    """Start from noise over the photo, and change all of it."""
    around = under_noise(task)
    return walked(task, around[0], around)


WAYS: dict[str, Way] = {
    "DiffEdit": lambda task, mask: diffedit.edit(replace(task, mask=mask), KNOBS),
    "without its mask": lambda task, mask: diffedit.edit(task, KNOBS),
    "without its encoding": without_encoding,
    "without both": without_both,
    "noise around the mask": around_noise,
}


@dataclass(frozen=True)
class Trial:
    """One way on one case."""

    success: bool
    inside: float
    outside: float
    samples: int


def shown(latent: Tensor, model: Model) -> Picture:
    """Return a latent as a picture (h, w, 3)."""
    pixels = (model.decode(latent)[0].clamp(-1, 1) + 1) * 127.5
    picture: Picture = pixels.round().byte().permute(1, 2, 0).numpy()
    return picture


def laid(drawn: Picture, before: Picture, mask: Tensor) -> Picture:
    """Return the photo with what was drawn in the mask, as DiffEdit and its users would keep it."""
    cells = mask[0, 0].numpy() > 0
    side = len(before) // len(cells)
    inside: NDArray[np.bool_] = np.kron(cells, np.ones((side, side))) > 0
    return np.where(inside[..., None], drawn, before)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edit", default="recolour")
    parser.add_argument("--cases", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", default="float32")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    network = inkover.Editor.load("tabletop", remember=False, dtype=given.dtype).model
    judging, found = probe.load(folder()), {name: list[Trial]() for name in WAYS}
    for index in range(given.cases):
        edit = case(given.edit, given.seed, index)
        before, true, change = edit.truth(network.resolution)
        pixels = torch.from_numpy(before).permute(2, 0, 1)[None] / 127.5 - 1
        seed, photo = given.seed + index, network.encode(pixels)
        task = Task(network, photo, edit.source, edit.target, seed, Meter())
        mask = diffedit.find_mask(task, KNOBS)
        for name, way in WAYS.items():
            meter = Meter()
            model = Counted(network, meter)
            drawn = shown(way(replace(task, model=model, watch=meter), mask), network)
            result = laid(drawn, before, mask) if name not in ("without its mask", "without both") else drawn
            verdict = judge(judging, edit, before, true, result)
            apart = psnr(result, true, change), psnr(drawn, before, ~change)
            found[name].append(Trial(verdict.success, *apart, sum(meter.samples.values())))
    print(f"{given.edit}, {given.cases} cases, {given.dtype}\n")
    print("| way | success | PSNR inside | PSNR outside | samples, mask apart |\n|---|---|---|---|---|")
    for name, mine in found.items():
        success, inside, outside, samples = (
            float(np.mean([getattr(one, part) for one in mine])) for part in ("success", "inside", "outside", "samples")
        )
        print(f"| {name} | {success:.0%} | {inside:.1f} dB | {outside:.1f} dB | {samples:.0f} |")


if __name__ == "__main__":
    main()
