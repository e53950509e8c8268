"""Inkover beside diffusers: DiffEdit and LEDITS++ on the same weights and the same exact edits, in one run.

``python benchmarks/peers.py [--cases N] [--edit recolour]``: both run in one process, in float32, by turns, each at its
defaults, and the peers at other switches too: DiffEdit at a lower guidance, LEDITS++ with both its masks. Counted are
the rows that the U-Net is asked; timed is the edit alone, from picture to picture. What is drawn outside the true
change is compared before anything is laid over the photo.

``--memory`` measures LEDITS++ of both houses at 128, 256 and 512 px instead, ten steps from latent to latent: the most
memory that the process held, less what it held before (Linux).
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

import inkover
from inkover.measure.judge import judge
from inkover.measure.quality import psnr
from inkover.models.quiet import quiet
from inkover.photo import Photo
from inkover.tabletop import folder, probe
from inkover.tabletop.edits import Edit, case

Picture = NDArray[np.uint8]
Run = Callable[[Edit, Picture, int], tuple[Picture, Picture]]
"""An edit, the photo and a seed -> the result, and what the network drew before anything was laid over it."""


@dataclass
class Tally:
    """What one of them came to."""

    success: list[bool] = field(default_factory=list)
    outside: list[float] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


class Rows:
    """Counts the rows that U-Nets are asked."""

    def __init__(self) -> None:
        self.count = 0

    def watching(self, unet: Any) -> Any:
        """Count a U-Net's rows too, and return it."""
        unet.register_forward_pre_hook(self._seen)
        return unet

    def _seen(self, module: torch.nn.Module, args: tuple[Any, ...]) -> None:
        self.count += len(args[0])


def ours(editor: inkover.Editor, method: str, **settings: Any) -> Run:
    """Edit with a method of Inkover; nothing is remembered from edit to edit."""

    def run(edit: Edit, before: Picture, seed: int) -> tuple[Picture, Picture]:
        result = editor.edit(
            Photo.from_array(before), source=edit.source, target=edit.target, method=method, seed=seed, **settings
        )
        drawn = before if result.drawn is None else np.rint(255 * result.drawn.after).astype(np.uint8)
        return result.photo.pixels, drawn

    return run


def their_diffedit(pipeline: Any, guidance: float) -> Run:
    """Edit with diffusers' DiffEdit, in its three calls."""

    def run(edit: Edit, before: Picture, seed: int) -> tuple[Picture, Picture]:
        image, generator = Image.fromarray(before), torch.Generator().manual_seed(seed)
        mask = pipeline.generate_mask(image=image, source_prompt=edit.source, target_prompt=edit.target,
                                      generator=generator)  # fmt: skip
        latents = pipeline.invert(prompt=edit.source, image=image, generator=generator).latents
        drawn = pipeline(prompt=edit.target, mask_image=mask, image_latents=latents, negative_prompt=edit.source,
                         guidance_scale=guidance, generator=generator, output_type="np").images[0]  # fmt: skip
        picture = np.rint(255 * drawn).astype(np.uint8)
        return picture, picture

    return run


def their_ledits(pipeline: Any, **switches: Any) -> Run:
    """Edit with diffusers' LEDITS++."""

    def run(edit: Edit, before: Picture, seed: int) -> tuple[Picture, Picture]:
        generator = torch.Generator().manual_seed(seed)
        side = {"height": before.shape[0], "width": before.shape[1]}
        pipeline.invert(image=Image.fromarray(before), source_prompt="", generator=generator, **side)
        drawn = pipeline(editing_prompt=[edit.target], generator=generator, output_type="np", **switches).images[0]
        picture = np.rint(255 * drawn).astype(np.uint8)
        return picture, picture

    return run


def pipelines(editor: inkover.Editor, rows: Rows) -> tuple[Any, Any]:
    """Return diffusers' DiffEdit and LEDITS++ around the editor's networks."""
    from diffusers import (
        DDIMInverseScheduler,
        DPMSolverMultistepScheduler,
        LEditsPPPipelineStableDiffusion,
        StableDiffusionDiffEditPipeline,
        StableDiffusionPipeline,
    )

    with quiet():
        base = StableDiffusionPipeline.from_pretrained(folder(), safety_checker=None, torch_dtype=torch.float32)
        plain = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
        held: Any = editor.model
        # a copy each: diffusers' LEDITS++ leaves its own attention in the network
        theirs = [rows.watching(deepcopy(held.parts.unet)) for _ in range(2)]
        parts = {"vae": held.parts.vae, "text_encoder": held.parts.text_encoder, "tokenizer": held.parts.tokenizer}
        diffedit = StableDiffusionDiffEditPipeline(
            **parts, **plain, unet=theirs[0], scheduler=base.scheduler,
            inverse_scheduler=DDIMInverseScheduler.from_config(base.scheduler.config),
        )  # fmt: skip
        solver = DPMSolverMultistepScheduler.from_config(
            base.scheduler.config, algorithm_type="sde-dpmsolver++", solver_order=2
        )
        ledits = LEditsPPPipelineStableDiffusion(**parts, **plain, unet=theirs[1], scheduler=solver)
    for pipeline in (diffedit, ledits):
        pipeline.set_progress_bar_config(disable=True)
    return diffedit, ledits


def entrants(editor: inkover.Editor, rows: Rows) -> dict[str, Run]:
    """Put both houses' methods together around one set of networks."""
    diffedit, ledits = pipelines(editor, rows)
    return {
        "DiffEdit, Inkover": ours(editor, "diffedit"),
        "DiffEdit, diffusers": their_diffedit(diffedit, 7.5),
        "DiffEdit at guidance 5, diffusers": their_diffedit(diffedit, 5.0),
        "LEDITS++, Inkover": ours(editor, "ledits++", source_guidance=1.0),
        "LEDITS++, diffusers": their_ledits(ledits),
        "LEDITS++ with both masks, diffusers": their_ledits(ledits, use_cross_attn_mask=True, use_intersect_mask=True),
    }


def mask_seconds(editor: inkover.Editor, cases: int, kind: str, seed: int) -> tuple[float, float]:
    """Return the median seconds of DiffEdit's mask alone, of Inkover and of diffusers, by turns."""
    pipeline, found = pipelines(editor, Rows())[0], (list[float](), list[float]())
    for index in range(cases):
        edit = case(kind, seed, index)
        before = edit.truth(editor.model.resolution)[0]

        def ours_looks(edit: Edit = edit, before: Picture = before) -> object:
            return editor.mask(Photo.from_array(before), source=edit.source, target=edit.target)

        def theirs_looks(edit: Edit = edit, before: Picture = before) -> object:
            return pipeline.generate_mask(
                image=Image.fromarray(before), source_prompt=edit.source, target_prompt=edit.target
            )

        for look, seconds in zip((ours_looks, theirs_looks), found, strict=True):
            start = time.perf_counter()
            look()
            seconds.append(time.perf_counter() - start)
    return float(np.median(found[0])), float(np.median(found[1]))


STEPS = 10
SIDES = (128, 256, 512)


def held(field: str) -> float:
    """Return a field of the process's status, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def peak(run: Callable[[], object]) -> float:
    """Return how much more memory was held at most while something ran, in MiB."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the most so far is what is held now
    before = held("VmRSS")
    run()
    return held("VmHWM") - before


def ours_at(editor: inkover.Editor, side: int) -> Callable[[], object]:
    """Return LEDITS++ of Inkover at a size, from latent to latent."""
    from inkover import methods
    from inkover.app.meter import Counted, Meter
    from inkover.methods.contract import Task
    from inkover.methods.settings import build

    ledits, model = methods.get("ledits++"), Counted(editor.model, Meter())
    knobs = build(ledits, {"steps": STEPS, "strength": 0.8})
    pixels = torch.from_numpy(case("recolour", 0, 0).truth(side)[0]).permute(2, 0, 1)[None] / 127.5 - 1
    task = Task(model, editor.model.encode(pixels), "", "a blue ball", 0, model.meter)
    return lambda: ledits.edit(task, knobs)


def theirs_at(editor: inkover.Editor, side: int) -> Callable[[], object]:
    """Return LEDITS++ of diffusers at a size."""
    pipeline, photo = pipelines(editor, Rows())[1], Image.fromarray(case("recolour", 0, 0).truth(side)[0])
    size = {"height": side, "width": side}

    def run() -> object:
        pipeline.invert(image=photo, source_prompt="", num_inversion_steps=STEPS, skip=0.2, **size)
        return pipeline(editing_prompt=["a blue ball"], output_type="latent")

    return run


HOUSES = {"Inkover": ours_at, "diffusers": theirs_at}


def alone(house: str, side: int) -> float:
    """Measure one house at one size; in a process of its own, since what is freed may stay with the process."""
    torch.set_num_threads(1)
    editor = inkover.Editor.load("tabletop", remember=False)
    with quiet():
        HOUSES[house](editor, 64)()  # what is set up once is no part of it
        return peak(HOUSES[house](editor, side))


def memory() -> None:
    """Print what LEDITS++ of both houses holds at several sizes."""
    print(f"LEDITS++ of one concept, {STEPS} steps, float32: the most memory held while it ran, over before")
    for side in SIDES:
        found = []
        for house in HOUSES:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as own:
                found.append(f"{house} {own.submit(alone, house, side).result():6.0f} MiB")
        print(f"{side:4} px  {'  '.join(found)}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edit", default="recolour")
    parser.add_argument("--cases", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.memory:
        memory()
        return
    editor, judging = inkover.Editor.load("tabletop", remember=False), probe.load(folder())
    held: Any = editor.model
    rows = Rows()
    runs = entrants(editor, rows)
    rows.watching(held.parts.unet)
    tallies = {name: Tally() for name in runs}
    for index in range(given.cases):
        edit = case(given.edit, given.seed, index)
        before, true, change = edit.truth(editor.model.resolution)
        for name, run in runs.items():
            rows.count, start = 0, time.perf_counter()
            with quiet():
                result, drawn = run(edit, before, given.seed + index)
            tally = tallies[name]
            tally.seconds.append(time.perf_counter() - start)
            tally.rows.append(rows.count)
            tally.success.append(judge(judging, edit, before, true, result).success)
            tally.outside.append(psnr(drawn, before, ~change))
    with quiet():
        looks = mask_seconds(editor, given.cases, given.edit, given.seed)
    print(f"{given.edit}, {given.cases} cases, {given.threads} threads, float32")
    for name, tally in tallies.items():
        print(f"{name:36} success {np.mean(tally.success):5.1%}  outside {np.mean(tally.outside):5.1f} dB  "
              f"rows {np.mean(tally.rows):6.1f}  {np.median(tally.seconds):6.2f} s")  # fmt: skip
    print(f"DiffEdit's mask alone: Inkover {looks[0]:.2f} s, diffusers {looks[1]:.2f} s, {looks[0] / looks[1]:.2f}")


if __name__ == "__main__":
    main()
