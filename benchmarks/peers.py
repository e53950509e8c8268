"""Inkover beside diffusers: DiffEdit and LEDITS++ on the same weights and the same exact edits, in one run.

``python benchmarks/peers.py [--cases N] [--edit recolour]``: both run in one process, in float32, by turns, each at its
defaults, and DiffEdit also at one guidance. Counted are the rows that the U-Net is asked; timed is the edit alone,
from picture to picture. What is drawn outside the true change is compared before anything is laid over the photo.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
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
        words = {"source": edit.source, "target": edit.target}
        result = editor.edit(Photo.from_array(before), method=method, seed=seed, **words, **settings)
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


def their_ledits(pipeline: Any) -> Run:
    """Edit with diffusers' LEDITS++."""

    def run(edit: Edit, before: Picture, seed: int) -> tuple[Picture, Picture]:
        generator = torch.Generator().manual_seed(seed)
        side = {"height": before.shape[0], "width": before.shape[1]}
        pipeline.invert(image=Image.fromarray(before), source_prompt="", generator=generator, **side)
        drawn = pipeline(editing_prompt=[edit.target], generator=generator, output_type="np").images[0]
        picture = np.rint(255 * drawn).astype(np.uint8)
        return picture, picture

    return run


def entrants(editor: inkover.Editor, rows: Rows) -> dict[str, Run]:
    """Put both houses' methods together around one set of networks."""
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
    return {
        "DiffEdit, Inkover": ours(editor, "diffedit"),
        "DiffEdit, diffusers": their_diffedit(diffedit, 7.5),
        "DiffEdit at guidance 5, diffusers": their_diffedit(diffedit, 5.0),
        "LEDITS++, Inkover": ours(editor, "ledits++", source_guidance=1.0),
        "LEDITS++, diffusers": their_ledits(ledits),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edit", default="recolour")
    parser.add_argument("--cases", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
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
    print(f"{given.edit}, {given.cases} cases, {given.threads} threads, float32")
    for name, tally in tallies.items():
        print(f"{name:36} success {np.mean(tally.success):5.1%}  outside {np.mean(tally.outside):5.1f} dB  "
              f"rows {np.mean(tally.rows):6.1f}  {np.median(tally.seconds):6.2f} s")  # fmt: skip


if __name__ == "__main__":
    main()
