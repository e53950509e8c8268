"""Time of an edit over the time of its own bare networks, side by side in one run, for each method.

``python benchmarks/overhead.py [PHOTO] [--methods A,B]``: the same forwards, encodes and decodes are run again without
anything of Inkover around them, edit and bare run by turns. Printed are the fastest of each and two ratios: of wall
time, and of the processor's time, which other processes disturb less.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import inkover
from inkover import methods
from inkover.diffusion.level import Level, times
from inkover.photo import read, write

EXAMPLES = Path(__file__).parent.parent / "examples"


@dataclass(frozen=True)
class Recorded:
    """A model that remembers what its networks were asked, so that the same can be asked again."""

    model: Any
    asked: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def predict(self, x: Tensor, level: Any, rows: Any, control: Any = None) -> Any:
        """Remember a question to the U-Net, and answer it."""
        words = torch.cat([t.hidden.expand(len(x) // len(rows), -1, -1) for t in rows.values()])
        when = level.time if isinstance(level, Level) else times(level, x)
        self.asked.append(("unet", (x, when, words)))
        return self.model.predict(x, level, rows, control)

    def encode(self, pixels: Tensor) -> Tensor:
        """Remember an encode, and do it."""
        self.asked.append(("encode", (pixels,)))
        latent: Tensor = self.model.encode(pixels)
        return latent

    def decode(self, latent: Tensor) -> Tensor:
        """Remember a decode, and do it."""
        self.asked.append(("decode", (latent,)))
        pixels: Tensor = self.model.decode(latent)
        return pixels


@torch.no_grad()
def bare(parts: Any, asked: list[tuple[str, tuple[Any, ...]]]) -> None:
    """Run the networks alone."""
    scale, dtype = parts.vae.config.scaling_factor, parts.unet.dtype
    run: dict[str, Callable[..., Any]] = {
        "unet": lambda x, t, words: parts.unet(x.to(dtype), t, words.to(dtype)).sample,
        "encode": lambda pixels: parts.vae.encode(pixels).latent_dist.mode(),
        "decode": lambda latent: parts.vae.decode(latent / scale).sample,
    }
    for name, inputs in asked:
        run[name](*inputs)


@dataclass(frozen=True)
class Spent:
    """What a piece of work took."""

    wall: float
    processor: float


def spent(work: Callable[[], Any]) -> Spent:
    """Time a piece of work."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return Spent(time.perf_counter() - wall, time.process_time() - processor)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo", nargs="?", type=Path, default=EXAMPLES / "mug.jpg")
    parser.add_argument("--source", default="a shiny red mug on grass under the sky")
    parser.add_argument("--target", default="a shiny blue mug on grass under the sky")
    parser.add_argument("--methods", default=",".join(methods.names()))
    parser.add_argument("--model", default="tabletop")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    editor = inkover.Editor.load(given.model, remember=False)
    held: Any = editor.model  # its networks are no part of what a model has to have
    photo = read(given.photo)
    print(f"| method | edit, s | bare networks, s | wall | processor |\n|{'---|' * 5}")
    for name in given.methods.split(","):
        recorder = Recorded(editor.model)

        def edit(with_: inkover.Editor, name: str = name) -> None:
            with tempfile.TemporaryDirectory() as folder:
                result = with_.edit(photo, source=given.source, target=given.target, method=name)
                write(result.photo, Path(folder) / f"edited{given.photo.suffix}", result.original, result.mask)

        def alone(asked: list[tuple[str, tuple[Any, ...]]] = recorder.asked) -> None:
            bare(held.parts, asked)

        edit(replace(editor, model=recorder))  # also the warm-up
        alone()
        pairs = [(spent(partial(edit, editor)), spent(alone)) for _ in range(given.rounds)]
        whole, networks = (min(one.wall for one in ones) for ones in zip(*pairs, strict=True))
        busy, networks_busy = (min(one.processor for one in ones) for ones in zip(*pairs, strict=True))
        print(f"| {name} | {whole:.2f} | {networks:.2f} | {whole / networks:.2f} | {busy / networks_busy:.2f} |",
              flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
