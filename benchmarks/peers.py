"""Inkover beside diffusers: DiffEdit, LEDITS++ and img2img on the same weights and the same exact edits, in one run.

``python benchmarks/peers.py [--cases N] [--seed S] [--edit recolour] [--json]``: all run in one process, in float32, by
turns: Inkover at its defaults, diffusers at its own, and diffusers at the switches that serve it best here (Inkover's
guidance; LEDITS++ with both its masks). Counted are the rows that the U-Net is asked; timed is the edit alone, from
picture to picture. What is drawn outside the true change is compared before anything is laid over the photo. Memory is
the most that tensors held at a time while one edit ran, over what they held before, as the profiler has it.

``--growth`` measures LEDITS++ of both houses at 128, 256 and 512 px instead, ten steps from latent to latent: memory,
and the time of an edit.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

import inkover
from inkover.measure.figures.judge import judge
from inkover.measure.figures.quality import iou, psnr
from inkover.models.quiet import quiet
from inkover.photo import Photo
from inkover.tabletop import folder, probe
from inkover.tabletop.edits import Edit, case

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Made:
    """What an edit came to: the result, what was drawn before anything was laid over, the mask where one was found."""

    picture: Picture
    drawn: Picture
    mask: NDArray[np.bool_] | None


Run = Callable[[Edit, Picture, int], Made]
"""An edit, the photo and a seed -> what came of it."""


@dataclass(frozen=True)
class Entrant:
    """A method of a house, at some switches."""

    method: str
    house: str
    run: Run


@dataclass(frozen=True)
class Trial:
    """One entrant on one case."""

    success: bool
    inside: float
    outside: float
    iou: float | None
    rows: int
    seconds: float


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

    def run(edit: Edit, before: Picture, seed: int) -> Made:
        result = editor.edit(
            Photo.from_array(before), source=edit.source, target=edit.target, method=method, seed=seed, **settings
        )
        drawn = before if result.drawn is None else np.rint(255 * result.drawn.after).astype(np.uint8)
        return Made(result.photo.pixels, drawn, None if result.found is None else result.found > 0)

    return run


def their_diffedit(pipeline: Any, guidance: float, inversion_guidance: float) -> Run:
    """Edit with diffusers' DiffEdit, in its three calls."""

    def run(edit: Edit, before: Picture, seed: int) -> Made:
        image, generator = Image.fromarray(before), torch.Generator().manual_seed(seed)
        mask = pipeline.generate_mask(image=image, source_prompt=edit.source, target_prompt=edit.target,
                                      generator=generator)  # fmt: skip
        latents = pipeline.invert(prompt=edit.source, image=image, guidance_scale=inversion_guidance,
                                  generator=generator).latents  # fmt: skip
        drawn = pipeline(prompt=edit.target, mask_image=mask, image_latents=latents, negative_prompt=edit.source,
                         guidance_scale=guidance, generator=generator, output_type="np").images[0]  # fmt: skip
        grown = np.kron(
            mask[0] > 0.5, np.ones([side // cells for side, cells in zip(before.shape[:2], mask[0].shape, strict=True)])
        )
        return whole(drawn, grown > 0)

    return run


def their_ledits(pipeline: Any, **switches: Any) -> Run:
    """Edit with diffusers' LEDITS++."""

    def run(edit: Edit, before: Picture, seed: int) -> Made:
        generator = torch.Generator().manual_seed(seed)
        side = {"height": before.shape[0], "width": before.shape[1]}
        pipeline.invert(image=Image.fromarray(before), source_prompt="", generator=generator, **side)
        return whole(
            pipeline(editing_prompt=[edit.target], generator=generator, output_type="np", **switches).images[0]
        )

    return run


def their_img2img(pipeline: Any, **switches: Any) -> Run:
    """Edit with diffusers' img2img."""

    def run(edit: Edit, before: Picture, seed: int) -> Made:
        generator = torch.Generator().manual_seed(seed)
        image = Image.fromarray(before)
        return whole(pipeline(edit.target, image, generator=generator, output_type="np", **switches).images[0])

    return run


def whole(drawn: NDArray[np.float32], mask: NDArray[np.bool_] | None = None) -> Made:
    """Return what a pipeline drew, which lays nothing over the photo."""
    picture = np.rint(255 * drawn).astype(np.uint8)
    return Made(picture, picture, mask)


def pipelines(editor: inkover.Editor, rows: Rows) -> dict[str, Any]:
    """Return diffusers' pipelines around the editor's networks."""
    from diffusers import DDIMScheduler

    held: Any = editor.model

    def unet() -> Any:
        # a copy each: diffusers' LEDITS++ leaves its own attention in the network
        return rows.watching(deepcopy(held.parts.unet))

    return around(held.parts, unet, DDIMScheduler.from_pretrained(folder(), subfolder="scheduler"))


def around(networks: Any, unet: Callable[[], Any], scheduler: Any) -> dict[str, Any]:
    """Return diffusers' pipelines around networks, ``unet`` being called for each."""
    from diffusers import (
        DDIMInverseScheduler,
        DPMSolverMultistepScheduler,
        LEditsPPPipelineStableDiffusion,
        StableDiffusionDiffEditPipeline,
        StableDiffusionImg2ImgPipeline,
    )

    def parts() -> dict[str, Any]:
        return {
            "vae": networks.vae, "text_encoder": networks.text_encoder, "tokenizer": networks.tokenizer,
            "unet": unet(), "safety_checker": None, "feature_extractor": None, "requires_safety_checker": False,
        }  # fmt: skip

    with quiet():
        config = scheduler.config
        solver = DPMSolverMultistepScheduler.from_config(config, algorithm_type="sde-dpmsolver++", solver_order=2)
        inverse = DDIMInverseScheduler.from_config(config)
        made = {
            "DiffEdit": StableDiffusionDiffEditPipeline(**parts(), scheduler=scheduler, inverse_scheduler=inverse),
            "LEDITS++": LEditsPPPipelineStableDiffusion(**parts(), scheduler=solver),
            "img2img": StableDiffusionImg2ImgPipeline(**parts(), scheduler=scheduler),
        }
    for pipeline in made.values():
        pipeline.set_progress_bar_config(disable=True)
    return made


def entrants(editor: inkover.Editor, rows: Rows) -> list[Entrant]:
    """Put both houses' methods together around one set of networks; of each method, Inkover first."""
    theirs = pipelines(editor, rows)
    both_masks = {"use_cross_attn_mask": True, "use_intersect_mask": True}
    return [
        Entrant("DiffEdit", "Inkover", ours(editor, "diffedit")),
        Entrant("DiffEdit", "diffusers", their_diffedit(theirs["DiffEdit"], 7.5, 7.5)),
        Entrant("DiffEdit", "diffusers, guidance 4, plain inversion", their_diffedit(theirs["DiffEdit"], 4.0, 1.0)),
        Entrant("LEDITS++", "Inkover", ours(editor, "ledits++", source_guidance=1.0)),
        Entrant("LEDITS++", "diffusers", their_ledits(theirs["LEDITS++"])),
        Entrant("LEDITS++", "diffusers, both masks", their_ledits(theirs["LEDITS++"], **both_masks)),
        Entrant("img2img", "Inkover", ours(editor, "sdedit")),
        Entrant("img2img", "diffusers", their_img2img(theirs["img2img"])),
        Entrant("img2img", "diffusers, guidance 4", their_img2img(theirs["img2img"], guidance_scale=4.0)),
    ]


def peak(run: Callable[[], object]) -> float:
    """Return the most that tensors held at a time while something ran, over what they held before, in MiB."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run()
    events = [one for one in profiler.profiler.kineto_results.events() if one.name() == "[memory]"]
    held = np.cumsum([one.nbytes() for one in sorted(events, key=lambda one: one.start_ns())])
    return float(held.max()) / 2**20


def trials(editor: inkover.Editor, runs: list[Entrant], rows: Rows, cases: list[Edit], seed: int) -> list[list[Trial]]:
    """Return every entrant's trials, by turns on every case."""
    judging, found = probe.load(folder()), [list[Trial]() for _ in runs]
    for index, edit in enumerate(cases):
        before, true, change = edit.truth(editor.model.resolution)
        for entrant, mine in zip(runs, found, strict=True):
            rows.count, start = 0, time.perf_counter()
            with quiet():
                made = entrant.run(edit, before, seed + index)
            seconds = time.perf_counter() - start
            verdict = judge(judging, edit, before, true, made.picture)
            apart = psnr(made.picture, true, change), psnr(made.drawn, before, ~change)
            fits = None if made.mask is None else iou(made.mask, change)
            mine.append(Trial(verdict.success, *apart, fits, rows.count, seconds))
        print(".", end="", file=sys.stderr, flush=True)
    return found


def mask_seconds(editor: inkover.Editor, cases: list[Edit]) -> tuple[float, float]:
    """Return the median seconds of DiffEdit's mask alone, of Inkover and of diffusers, by turns."""
    pipeline, found = pipelines(editor, Rows())["DiffEdit"], (list[float](), list[float]())
    for edit in cases:
        before = edit.truth(editor.model.resolution)[0]

        def ours_looks(edit: Edit = edit, before: Picture = before) -> object:
            return editor.mask(Photo.from_array(before), source=edit.source, target=edit.target)

        def theirs_looks(edit: Edit = edit, before: Picture = before) -> object:
            return pipeline.generate_mask(
                image=Image.fromarray(before), source_prompt=edit.source, target_prompt=edit.target
            )

        for look, seconds in zip((ours_looks, theirs_looks), found, strict=True):
            start = time.perf_counter()
            with quiet():
                look()
            seconds.append(time.perf_counter() - start)
    return float(np.median(found[0])), float(np.median(found[1]))


def means(entrant: Entrant, mine: list[Trial], memory: float) -> dict[str, Any]:
    """Return what an entrant came to."""
    fits = [one.iou for one in mine if one.iou is not None]
    return {
        "method": entrant.method,
        "house": entrant.house,
        "success": float(np.mean([one.success for one in mine])),
        "inside": float(np.mean([one.inside for one in mine])),
        "outside": float(np.mean([one.outside for one in mine])),
        "iou": float(np.mean(fits)) if fits else None,
        "rows": float(np.mean([one.rows for one in mine])),
        "seconds": float(np.median([one.seconds for one in mine])),
        "memory": memory,
    }


def table(found: list[dict[str, Any]]) -> list[str]:
    """Return the table as Markdown; seconds, rows and memory of the others are over Inkover's too."""
    lines = [
        "| method | of | success | PSNR inside | PSNR outside, before paste-back | mask IoU | rows | seconds | MiB |",
        "|---" * 9 + "|",
    ]
    for one in found:
        mine = next(other for other in found if other["method"] == one["method"])

        def over(name: str, digits: int, one: dict[str, Any] = one, mine: dict[str, Any] = mine) -> str:
            ratio = "" if one is mine else f" ({one[name] / mine[name]:.2f})"
            return f"{one[name]:.{digits}f}{ratio}"

        lines.append(
            f"| {one['method']} | {one['house']} | {one['success']:.0%} | {one['inside']:.1f} dB | "
            f"{one['outside']:.1f} dB | {'-' if one['iou'] is None else format(one['iou'], '.2f')} | "
            f"{over('rows', 0)} | {over('seconds', 1)} | {over('memory', 1)} |"
        )
    return lines


STEPS = 10
SIDES = (128, 256, 512)


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
    pipeline, photo = pipelines(editor, Rows())["LEDITS++"], Image.fromarray(case("recolour", 0, 0).truth(side)[0])
    size = {"height": side, "width": side}

    def run() -> object:
        pipeline.invert(image=photo, source_prompt="", num_inversion_steps=STEPS, skip=0.2, **size)
        return pipeline(editing_prompt=["a blue ball"], output_type="latent")

    return run


def growth(editor: inkover.Editor) -> None:
    """Print what LEDITS++ of both houses holds and takes at several sizes."""
    print(f"LEDITS++ of one concept, {STEPS} steps, float32")
    print("| side | Inkover, MiB | diffusers, MiB | Inkover, s | diffusers, s |\n|---|---|---|---|---|")
    for side in SIDES:
        cells = dict[str, tuple[float, float]]()
        for house, at in {"Inkover": ours_at, "diffusers": theirs_at}.items():
            run = at(editor, side)
            with quiet():
                held, start = peak(run), time.perf_counter()
                run()
            cells[house] = held, time.perf_counter() - start
        (our_most, our_time), (their_most, their_time) = cells.values()
        print(f"| {side} px | {our_most:.1f} | {their_most:.1f} | {our_time:.2f} | {their_time:.2f} |", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edit", default="recolour")
    parser.add_argument("--cases", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--growth", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    editor = inkover.Editor.load("tabletop", remember=False)
    if given.growth:
        growth(editor)
        return
    held: Any = editor.model
    rows = Rows()
    runs = entrants(editor, rows)
    rows.watching(held.parts.unet)
    cases = [case(given.edit, given.seed, index) for index in range(given.cases)]
    found = trials(editor, runs, rows, cases, given.seed)
    before = cases[0].truth(editor.model.resolution)[0]
    with quiet():
        memory = [peak(partial(one.run, cases[0], before, given.seed)) for one in runs]
    rowed = [means(*one) for one in zip(runs, found, memory, strict=True)]
    ours_looks, theirs_looks = mask_seconds(editor, cases)
    if given.json:
        asked = {name: getattr(given, name) for name in ("edit", "cases", "seed", "threads")}
        raw = [{"entrant": asdict(one) | {"run": None}, "trials": [asdict(trial) for trial in mine]}
               for one, mine in zip(runs, found, strict=True)]  # fmt: skip
        print(json.dumps({**asked, "rows": rowed, "mask_seconds": [ours_looks, theirs_looks], "trials": raw}))
        return
    print(f"\n{given.edit}, {given.cases} cases, {given.threads} threads, float32; in parentheses: over Inkover's\n")
    print("\n".join(table(rowed)))
    print(f"\nDiffEdit's mask alone: Inkover {ours_looks:.2f} s, diffusers {theirs_looks:.2f} s")


if __name__ == "__main__":
    main()
