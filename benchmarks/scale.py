"""What an edit costs as photos grow, as edits are added and as steps are: samples, seconds, and the most memory held.

``python benchmarks/scale.py [--dtype bfloat16]`` edits one scene of the little world at several sizes, one to four
things of it at once, and in 10 to 100 steps. A sample's time tells whether anything but the network grows.

``--sd15`` instead builds a network in the shape of Stable Diffusion 1.5 at 512 px with random weights, and runs
LEDITS++ and DiffEdit of Inkover and of diffusers on it by turns, all of the way in a few steps, with masks of two
noises: what they cost does not depend on what they draw. It takes 12 GiB and, on a processor, many minutes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from peers import Rows, around, peak
from PIL import Image

import inkover
from inkover.models.quiet import quiet
from inkover.photo import Photo
from inkover.tabletop import folder
from inkover.tabletop.edits import case

SIDES, STEPS = (128, 512, 1024, 2048, 4096), (10, 25, 50, 100)
NOISES = 2
CHANGES = ("red ball -> blue ball", "grass -> sand", "sky -> night sky", "mug -> bottle")


@dataclass(frozen=True)
class Cost:
    """What a piece of work took."""

    samples: int
    seconds: float
    memory: float  # MiB of tensors, the most held at a time over what was held before


def cost(run: Callable[[], int]) -> Cost:
    """Measure a piece of work, which returns its samples: once for the time, once for the memory."""
    start = time.perf_counter()
    samples = run()
    seconds = time.perf_counter() - start
    return Cost(samples, seconds, peak(run))


def sizes(editor: inkover.Editor) -> Iterator[tuple[str, Cost]]:
    """Yield an edit of photos of several sizes."""
    edit = case("recolour", 0, 0)
    for side in SIDES:
        photo = Photo.from_array(edit.truth(side)[0])

        def run(photo: Photo = photo) -> int:
            return sum(editor.edit(photo, source=edit.source, target=edit.target, seed=0).samples.values())

        yield f"diffedit, {side} px", cost(run)


def many(editor: inkover.Editor) -> Iterator[tuple[str, Cost]]:
    """Yield one to four edits at once."""
    photo = Photo.from_array(case("recolour", 0, 0).truth(editor.model.resolution)[0])
    for count in range(1, len(CHANGES) + 1):
        told = [one.split(" -> ") for one in CHANGES[:count]]
        changes = [inkover.Edit(after, source=before) for before, after in told]
        comings = [inkover.Edit(after) for _, after in told]
        for method, edits in {"multi-diffedit": changes, "ledits++": comings}.items():

            def run(method: str = method, edits: list[inkover.Edit] = edits) -> int:
                return sum(editor.edit(photo, edits=edits, method=method, seed=0).samples.values())

            yield f"{method}, {count} edits", cost(run)


def longer(editor: inkover.Editor) -> Iterator[tuple[str, Cost]]:
    """Yield an edit in several numbers of steps."""
    edit = case("recolour", 0, 0)
    photo = Photo.from_array(edit.truth(editor.model.resolution)[0])
    for steps in STEPS:

        def run(steps: int = steps) -> int:
            result = editor.edit(photo, source=edit.source, target=edit.target, seed=0, steps=steps)
            return sum(result.samples.values())

        yield f"diffedit, {steps} steps", cost(run)


def sd15(dtype: torch.dtype) -> Any:
    """Return a diffusers pipeline in the shape of Stable Diffusion 1.5; random weights, tabletop's words."""
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    tokenizer = CLIPTokenizer.from_pretrained(str(folder() / "tokenizer"))
    read = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=768, intermediate_size=3072, num_hidden_layers=12,
        num_attention_heads=12, max_position_embeddings=77, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    blocks, wide = 4, (320, 640, 1280, 1280)
    unet = UNet2DConditionModel(
        sample_size=64, block_out_channels=wide, cross_attention_dim=768, attention_head_dim=8, layers_per_block=2
    )
    vae = AutoencoderKL(
        block_out_channels=(128, 256, 512, 512), down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks, latent_channels=4, layers_per_block=2, sample_size=512,
    )  # fmt: skip
    scheduler = DDIMScheduler.from_pretrained(folder(), subfolder="scheduler")
    text = CLIPTextModel(read).eval()
    pipeline: Any = StableDiffusionPipeline(
        vae.eval(), text, tokenizer, unet.eval(), scheduler, None, None, requires_safety_checker=False
    )
    return pipeline.to(dtype=dtype)


def houses(dtype: torch.dtype, steps: int) -> Iterator[tuple[str, Cost]]:
    """Yield both houses' LEDITS++ and DiffEdit on a large network, a few steps each."""
    pipeline = sd15(dtype)
    pixels, source, target = case("recolour", 0, 0).truth(512)[0], "a red ball on grass", "a blue ball on grass"
    image, plain = Image.fromarray(pixels), pipeline.unet.attn_processors
    editor = inkover.Editor.load(pipeline, remember=False)
    theirs = around(pipeline, lambda: pipeline.unet, pipeline.scheduler)
    ledits, diffedit, rows = theirs["LEDITS++"], theirs["DiffEdit"], Rows()
    rows.watching(pipeline.unet)

    def counted(run: Callable[[], object]) -> Callable[[], int]:
        def counting() -> int:
            rows.count = 0
            with quiet(), torch.no_grad():
                run()
            return rows.count

        return counting

    def ours(method: str, **knobs: Any) -> object:
        photo = Photo.from_array(pixels)
        return editor.edit(photo, source=source, target=target, method=method, seed=0, steps=steps, **knobs)

    def their_ledits() -> object:
        try:
            generator, size = torch.Generator().manual_seed(0), {"height": 512, "width": 512}
            ledits.invert(image=image, source_prompt="", num_inversion_steps=steps, skip=0.0, generator=generator,
                          **size)  # fmt: skip
            return ledits(editing_prompt=[target], generator=generator)
        finally:
            pipeline.unet.set_attn_processor(dict(plain))  # it leaves its own in the network

    def their_diffedit() -> object:
        mask = diffedit.generate_mask(image=image, source_prompt=source, target_prompt=target, num_maps_per_mask=NOISES)
        walk: dict[str, Any] = {"num_inference_steps": steps, "inpaint_strength": 1.0}
        inverted = diffedit.invert(prompt=source, image=image, **walk).latents
        return diffedit(prompt=target, mask_image=mask, image_latents=inverted, **walk)

    counted(lambda: ours("sdedit"))()  # what is set up once is no part of any
    yield (
        f"ledits++, Inkover, {steps} steps",
        cost(counted(lambda: ours("ledits++", source_guidance=1.0, strength=1.0))),
    )
    yield f"LEDITS++, diffusers, {steps} steps", cost(counted(their_ledits))
    yield f"diffedit, Inkover, {steps} steps", cost(counted(lambda: ours("diffedit", noises=NOISES)))
    yield f"DiffEdit, diffusers, {steps} steps", cost(counted(their_diffedit))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sd15", action="store_true")
    parser.add_argument("--steps", type=int, default=4, help="with --sd15")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print(f"{given.dtype}, {given.threads} threads\n")
    print("| what | samples | seconds | seconds a sample | MiB |\n|---|---|---|---|---|")
    if given.sd15:
        found = houses(getattr(torch, given.dtype), given.steps)
    else:
        editor = inkover.Editor.load("tabletop", remember=False, dtype=given.dtype)
        editor.edit(Photo.from_array(case("recolour", 0, 0).truth(128)[0]), target="a blue ball", steps=2)  # warm-up
        found = (one for study in (sizes, many, longer) for one in study(editor))
    for name, spent in found:
        each = spent.seconds / spent.samples
        print(f"| {name} | {spent.samples} | {spent.seconds:.1f} | {each:.3f} | {spent.memory:.0f} |", flush=True)


if __name__ == "__main__":
    main()
